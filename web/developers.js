/**
 * For developers: the request, the answer and a curl command.
 * @import { Answer } from './engine.js'
 */

import { byId, copyButton } from './dom.js';

/**
 * The request as the module gets it: one line of JSON.
 * @param {[string, string][]} values name and JSON text of each
 */
export function requestJson(values) {
  return `{${values.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

/** Puts the copy buttons in place. */
export function buildDevelopers() {
  for (const [name, label] of [['request', 'Copy the request'], ['answer', 'Copy the answer'], ['curl', 'Copy the curl line']]) {
    byId(`${name}-heading`).after(copyButton(label, () => byId(name).textContent ?? ''));
  }
}

/**
 * @param {[string, string][]} values name and JSON text of each
 * @param {Answer} answer
 */
export function showDevelopers(values, { status, body }) {
  byId('request').textContent = values.length === 0 ? '{}'
    : `{\n${values.map(([name, value]) => `  ${JSON.stringify(name)}: ${value}`).join(',\n')}\n}`;
  byId('answer-heading').textContent = `Answer, status ${status}`;
  byId('answer').textContent = JSON.stringify(JSON.parse(body), null, 2);
  byId('curl').textContent = curl(requestJson(values));
}

/** @param {string} request */
function curl(request) {
  const quoted = request.replaceAll("'", "'\\''");
  return `curl -s ${new URL('predict', document.baseURI).href} \\\n  -H 'content-type: application/json' \\\n  -d '${quoted}'`;
}
