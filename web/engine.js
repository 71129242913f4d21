/**
 * The model as the page sees it: a Web Worker that holds the module, behind two promises.
 *
 * The shapes are those of docs/module-abi.md and docs/decision-contract.md, as far as the page reads them.
 *
 * @typedef {string | number | boolean} Value
 *
 * @typedef {object} Feature
 * @property {string} name
 * @property {'number' | 'integer' | 'boolean' | 'category'} type
 * @property {'input' | 'protected' | 'ignored'} role
 * @property {string} label
 * @property {string} [help]
 * @property {string} [unit]
 * @property {number} [minimum]
 * @property {number} [exclusive_minimum]
 * @property {number} [maximum]
 * @property {number} [exclusive_maximum]
 * @property {Value | null} [example]
 * @property {{ value: string, label: string }[]} [categories]
 * @property {string} [missing] the policy's word
 * @property {Value | null} [imputed] what a missing value becomes
 *
 * @typedef {object} Description
 * @property {number} abi
 * @property {{ name: string, version: string, digest: string, title?: string, description?: string, kind: string }} model
 * @property {number} threshold
 * @property {{ positive_label: string, negative_label: string }} target
 * @property {Feature[]} features
 * @property {{ rows_train?: number, rows_test?: number, metrics?: Record<string, unknown> }} [training]
 *
 * @typedef {{ feature: string, kind: string, policy: string, from?: Value, to: Value | null }} Adjustment
 * @typedef {{ type: string, loc: (string | number)[], msg: string }} Problem
 * @typedef {{ approve: boolean, prediction_label: string, probability: number, threshold: number, adjustments: Adjustment[] }} Decision
 *
 * @typedef {{ status: number, body: string }} Answer the HTTP status and the JSON text
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
        return fail(`model.wasm has ABI version ${data.description.abi}; this page knows version ${ABI}.`);
      }
      return resolve({ description: data.description, decide });
    });
  });
}
