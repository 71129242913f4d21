/**
 * The model as the page sees it: a Web Worker that holds the module, behind two promises. The shapes are those of the
 * module itself.
 *
 * @import { Description } from '../model-wasm/src/model.js'
 *
 * @typedef {{ status: number, body: string, computed: string }} Answer the HTTP status, the JSON text, and the derived
 *   fields as JSON
 * @typedef {{ status: number, body: string }} Body the HTTP status and the JSON text
 * @typedef {object} Engine
 * @property {Description} description
 * @property {boolean} explains whether the module can: files that were made before it could, cannot
 * @property {(request: string) => Promise<Answer>} decide
 * @property {(rows: string[]) => Promise<Body[]>} decideAll
 * @property {(question: string) => Promise<Body>} explain
 */

const ABI = 1;

/**
 * Starts the worker and waits until the model is ready.
 * @returns {Promise<Engine>} rejects with a sentence when the model is missing or broken; `decide` rejects when the
 *   module stopped
 */
export function openModel() {
  const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module', name: 'model' });
  /** @type {Map<number, { resolve: (answer: any) => void, reject: (reason: Error) => void }>} */
  const waiting = new Map();
  let count = 0;

  /**
   * @param {object} message
   * @returns {Promise<any>}
   */
  const ask = (message) => new Promise((resolve, reject) => {
    count += 1;
    waiting.set(count, { resolve, reject });
    worker.postMessage({ id: count, ...message });
  });

  return new Promise((resolve, reject) => {
    const fail = (/** @type {string} */ reason) => {
      worker.terminate();
      reject(new Error(reason));
      for (const { reject: refuse } of waiting.values()) refuse(new Error(reason));
    };
    worker.addEventListener('error', (event) => fail(`worker.js ${event.message ? `failed: ${event.message}` : 'could not be loaded'}`));
    worker.addEventListener('message', ({ data }) => {
      if (data.failed !== undefined) return fail(data.failed);
      if (data.description === undefined) {
        waiting.get(data.id)?.resolve(data.answer);
        return waiting.delete(data.id);
      }
      if (data.description.abi !== ABI) {
        return fail(`model.wasm has ABI version ${data.description.abi}; this page supports version ${ABI}.`);
      }
      return resolve({
        description: data.description,
        explains: data.explains,
        decide: (request) => ask({ request }),
        decideAll: (rows) => ask({ rows }),
        explain: (question) => ask({ question }),
      });
    });
  });
}
