/**
 * The Web Worker: loads the module once, then answers one request after the other.
 *
 * It posts `{ description, explains }` when the model is ready, and `{ id, answer }` for each message: `{ id, request }`
 * is to be decided, `{ id, question }` explained, `{ id, rows }` are many to be decided. `{ failed }` has a sentence
 * when the model could not be loaded or has stopped.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @returns {Promise<any>} the glue, which matches the engine in model.wasm because both come from the same file */
async function loadGlue() {
  const url = new URL('model.js', import.meta.url).href;
  return import(url).catch(async (error) => {
    // The browser does not tell what the server answered.
    const response = await fetch(url).catch(() => undefined);
    const why = response && !response.ok ? await refusal(response) : error.message;
    throw new Error(`model.js could not be loaded: ${why}`);
  });
}

/** @returns {Promise<Response>} model.wasm, still streaming */
async function fetchModule() {
  const response = await fetch(new URL('model.wasm', import.meta.url)).catch((error) => {
    throw new Error(`model.wasm could not be loaded: ${error.message}`);
  });
  if (response.ok) return response;
  throw new Error(`model.wasm could not be loaded: ${await refusal(response)}`);
}

/**
 * @param {Response} response
 * @returns {Promise<string>} what the server said
 */
async function refusal(response) {
  const detail = await response.json().then((body) => `: ${body.detail}`, () => '');
  return `the server answered ${response.status}${detail}`;
}

async function load() {
  const [glue, module] = await Promise.all([loadGlue(), fetchModule()]);
  await glue.default({ module_or_path: module }).catch(misfit);
  try {
    return new glue.Model();
  } catch (error) {
    // Any other error is the module's own message about its model.
    if (error instanceof TypeError) misfit(error);
    throw error;
  }
}

/**
 * @param {Error} error what the browser made of it
 * @returns {never}
 */
function misfit({ message }) {
  throw new Error(`model.wasm is damaged, or does not match model.js: ${message}`);
}

/** @param {unknown} error */
function fail(error) {
  const reason = error instanceof Error ? error.message : String(error);
  self.postMessage({ failed: reason });
}

const loaded = load();
loaded.then((model) => self.postMessage({ description: model.describe(), explains: Boolean(model.explain) })).catch(fail);

self.addEventListener('message', async ({ data }) => {
  try {
    const model = await loaded;
    self.postMessage({ id: data.id, answer: answerTo(model, data) });
  } catch (error) {
    fail(error);
  }
});

/**
 * @param {any} model
 * @param {{ request?: string, question?: string, rows?: string[] }} message
 */
function answerTo(model, { request, question, rows }) {
  if (rows) return rows.map((row) => decide(model, row));
  if (question !== undefined) {
    const body = decoder.decode(model.explain(encoder.encode(question)));
    return { status: model.status, body };
  }
  const bytes = encoder.encode(request);
  // Files that were made before there were derived fields lack it.
  const computed = model.computed ? decoder.decode(model.computed(bytes)) : '{}';
  return { ...decide(model, request), computed };
}

/**
 * @param {any} model
 * @param {string | undefined} request
 */
function decide(model, request) {
  const body = decoder.decode(model.decide(encoder.encode(request)));
  return { status: model.status, body };
}
