/**
 * A CSV that is dropped on the page: decided row by row in the Web Worker, with a file to download. Nothing of it is
 * sent anywhere.
 * @import { Description } from '../model-wasm/src/model.js'
 * @import { Engine } from './engine.js'
 */

import { csvLine, parseCsv } from './csv.js';
import { byId } from './dom.js';

/** Rows that the worker decides at once: what is typed meanwhile waits no longer than they take. */
const AT_ONCE = 500;
/** Bytes of the largest file. */
const MOST = 64 << 20;
/** What is added to the file. */
const ADDED = ['decision', 'probability', 'rules', 'problem'];

/**
 * @param {Description} description
 * @param {Engine} engine
 */
export function buildBatch(description, { decideAll }) {
  const input = /** @type {HTMLInputElement} */ (byId('batch-file'));
  const zone = byId('batch');
  let run = 0;
  /** @type {string | null} */
  let url = null;

  const say = (/** @type {string} */ text) => { byId('batch-said').textContent = text; };

  /** @param {File} file */
  const decide = async (file) => {
    const mine = run += 1;
    if (url) URL.revokeObjectURL(url);
    url = null;
    byId('batch-download').hidden = true;
    byId('batch-progress').hidden = false;
    setProgress(0);
    if (file.size > MOST) return say(`${file.name} has more than 64 MB: split it, or use underwrite score.`);
    const [header, ...rows] = parseCsv(await file.text());
    const twice = header?.find((cell, index) => header.findIndex((other) => other.trim() === cell.trim()) < index);
    if (twice !== undefined) return say(`${file.name}, column '${twice.trim()}': the header names this column twice: rename one.`);
    const columns = header ? columnsOf(header, description) : [];
    if (!columns.some(({ isUsed }) => isUsed)) {
      return say(`${file.name} has no column of this model: its first line must name them, such as ${description.features[0].name}.`);
    }
    const parts = [csvLine([...header, ...ADDED])];
    /** @type {Record<string, number>} */
    const counts = {};
    for (let from = 0; from < rows.length; from += AT_ONCE) {
      const some = rows.slice(from, from + AT_ONCE);
      const answers = await decideAll(some.map((row) => requestOf(row, columns)));
      // Another file was dropped meanwhile.
      if (mine !== run) return undefined;
      answers.forEach(({ status, body }, index) => {
        const added = resultOf(status, JSON.parse(body));
        counts[added[0]] = (counts[added[0]] ?? 0) + 1;
        parts.push(csvLine([...some[index], ...added]));
      });
      setProgress((from + some.length) / rows.length);
      say(`${from + some.length} of ${rows.length} rows decided.`);
    }
    const unused = columns.filter(({ isUsed }) => !isUsed).map(({ name }) => name);
    const left = unused.length > 0 ? ` Not used: ${unused.join(', ')}.` : '';
    const summary = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`).join(', ');
    say(`${rows.length} rows: ${summary || 'none'}.${left}`);
    url = URL.createObjectURL(new Blob(parts, { type: 'text/csv' }));
    const link = byId('batch-download');
    link.setAttribute('href', url);
    link.setAttribute('download', file.name.replace(/(\.csv)?$/i, '-decided.csv'));
    link.hidden = false;
    return undefined;
  };

  const start = (/** @type {File | undefined} */ file) => {
    if (file) decide(file).catch((error) => say(`The file could not be decided: ${error.message}`));
  };
  input.addEventListener('change', () => { start(input.files?.[0]); input.value = ''; });
  for (const kind of ['dragenter', 'dragover']) {
    addEventListener(kind, (event) => { event.preventDefault(); zone.dataset.over = 'true'; });
  }
  // The whole page takes a file: one that is dropped beside the zone would replace the page.
  addEventListener('dragleave', (event) => { if (!event.relatedTarget) delete zone.dataset.over; });
  addEventListener('drop', (event) => {
    event.preventDefault();
    delete zone.dataset.over;
    start(event.dataTransfer?.files[0]);
  });
}

/** @param {number} share 0 to 1 */
function setProgress(share) {
  byId('batch-progress').setAttribute('value', String(share));
}

/**
 * @typedef {{ name: string, isUsed: boolean }} Column
 * @param {string[]} header
 * @param {Description} description
 * @returns {Column[]}
 */
function columnsOf(header, { features }) {
  const known = new Set(features.map(({ name }) => name));
  return header.map((cell) => ({ name: cell.trim(), isUsed: known.has(cell.trim()) }));
}

/**
 * A row as JSON. Cells stay texts: the module reads numbers and yes and no from them as it does from a file.
 * @param {string[]} row
 * @param {Column[]} columns
 */
function requestOf(row, columns) {
  return JSON.stringify(Object.fromEntries(columns.flatMap(({ name, isUsed }, index) =>
    (isUsed && (row[index] ?? '') !== '' ? [[name, row[index]]] : []))));
}

/**
 * @param {number} status
 * @param {any} answer
 * @returns {[string, number | string, string, string]} decision, probability, rules, problem
 */
function resultOf(status, answer) {
  if (status === 200) {
    const label = answer.outcome === 'refer' ? 'Referred' : answer.prediction_label;
    return [label, answer.probability, (answer.rules ?? []).join(' '), ''];
  }
  const detail = Array.isArray(answer.detail)
    ? answer.detail.map((/** @type {any} */ { loc, msg }) => `${loc.slice(1).join('.')}: ${msg}`).join('; ')
    : String(answer.detail);
  return ['No decision', '', '', detail];
}
