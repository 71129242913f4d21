/**
 * The model as the page sees it: a Web Worker that holds the module, behind two promises. The shapes are those of the
 * module itself.
 *
 * @import { Description } from '../model-wasm/src/model.js'
 *
 * @typedef {{ status: number, body: string, computed: string }} Answer the HTTP status, the JSON text, and the derived
 *   fields as JSON
 * @typedef {{ description: Description, decide: (request: string) => Promise<Answer> }} Engine
 */

const ABI = 1;

/**
 * Starts the worker and waits until the model is ready.
 * @returns {Promise<Engine>} rejects with a sentence when the model is missing or broken; `decide` rejects when the
 *   module stopped
 */
export function openModel() {
  const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module', name: 'model' });
  /** @type {Map<number, { resolve: (answer: Answer) => void, reject: (reason: Error) => void }>} */
  const waiting = new Map();
  let count = 0;

  /** @param {string} request JSON text */
  const decide = (request) => new Promise((resolve, reject) => {
    count += 1;
    waiting.set(count, { resolve, reject });
    worker.postMessage({ id: count, request });
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
      return resolve({ description: data.description, decide });
    });
  });
}
