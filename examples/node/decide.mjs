// Decides in Node with the JavaScript API that the model carries: the class `Model`.
// Usage: node decide.mjs MODEL.WASM APPLICATION.JSON
import { readFileSync } from 'node:fs';

const [, , modelPath, requestPath] = process.argv;
const module = new WebAssembly.Module(readFileSync(modelPath));

// model.js travels inside model.wasm, so it always fits. It runs with all rights of this program:
// of a model that somebody else made take the one that `underwrite export js` writes. In a project
// of your own, save it once and write: import { initSync, Model } from './model.js'
const [glue] = WebAssembly.Module.customSections(module, 'underwrite.glue');
const { initSync, Model } = await import(
  `data:text/javascript;base64,${Buffer.from(glue).toString('base64')}`
);
initSync({ module });
const model = new Model();

const { model: { name, version, kind }, features } = model.describe();
const inputs = features.filter(({ role }) => role === 'input').length;
console.error(`${name} ${version}: ${kind}, ${inputs} inputs`);

// With objects: what an application in JavaScript wants.
const application = JSON.parse(readFileSync(requestPath, 'utf8'));
const decision = model.predict(application);
if (model.status !== 200) throw new Error(JSON.stringify(decision.detail, null, 2));
console.error(`${decision.prediction_label}, probability ${decision.probability}`);

// A misspelled field is refused, and the message names the right one.
const { detail } = model.predict({ ...application, person_incom: 65000 });
console.error(`status ${model.status}: ${detail[0].msg}`);

// With bytes: what a service passes on, unchanged.
const answer = model.decide(readFileSync(requestPath));
console.log(new TextDecoder().decode(answer));
model.free();
