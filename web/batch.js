/**
 * A CSV that is dropped on the page: decided row by row in the Web Worker, with a file to download. Nothing of it is
 * sent anywhere.
 * @import { Adjustment, Description } from '../model-wasm/src/model.js'
 * @import { Engine } from './engine.js'
 */

import { csvLine, decodeUtf8, parseCsv, separatorOf, trim } from './csv.js';
import { byId } from './dom.js';
import { questionAbout } from './format.js';

/** Rows that the worker decides at once: what is typed meanwhile waits so long. */
const AT_ONCE = 500;
/** Bytes of the largest file. */
const MOST = 64 << 20;
/** What is added to the file. */
const ADDED = ['decision', 'probability', 'rules', 'problem', 'adjustments'];

/**
 * @param {Description} description
 * @param {Engine} engine
 * @param {boolean} decimalComma
 */
export function buildBatch(description, { decideAll }, decimalComma) {
  const input = /** @type {HTMLInputElement} */ (byId('batch-file'));
  const zone = byId('batch');
  const other = /** @type {HTMLInputElement} */ (byId('batch-other'));
  let run = 0;
  /** @type {File | undefined} */
  let last;
  /** @type {string | null} */
  let url = null;

  const say = (/** @type {string} */ text) => { byId('batch-said').textContent = text; };

  /**
   * @param {File} file
   * @param {() => boolean} isCurrent whether no other file was dropped meanwhile
   */
  const decide = async (file, isCurrent) => {
    if (file.size > MOST) return say(`${file.name} has more than 64 MB: split it, or use underwrite score.`);
    const bytes = await file.arrayBuffer();
    if (!isCurrent()) return undefined;
    const text = decodeUtf8(bytes);
    const [header, ...rows] = parseCsv(text);
    const columns = columnsOf(header ?? [], description);
    // A spreadsheet that writes a decimal comma separates with semicolons.
    const asks = decimalComma && separatorOf(text) === ';';
    const problem = await problemOf(columns, description, other.checked ? null : decideAll);
    if (!isCurrent()) return undefined;
    if (problem) return say(`${file.name}${problem}`);
    setProgress(rows.length > 0 ? 0 : null);
    const parts = [csvLine([...header, ...ADDED])];
    /** @type {Record<string, number>} */
    const counts = {};
    let adjusted = 0;
    for (let from = 0; from < rows.length; from += AT_ONCE) {
      const some = rows.slice(from, from + AT_ONCE);
      const answers = await decideAll(some.map((row) => requestOf(row, columns)));
      if (!isCurrent()) return undefined;
      answers.forEach(({ status, body }, index) => {
        const question = asks && questionOf(some[index], columns);
        const added = question ? resultOf(422, { detail: question }) : resultOf(status, JSON.parse(body));
        counts[added[0]] = (counts[added[0]] ?? 0) + 1;
        if (added[4] !== '') adjusted += 1;
        parts.push(csvLine([...some[index], ...added]));
      });
      setProgress((from + some.length) / rows.length);
      say(`${from + some.length} of ${rows.length} rows decided.`);
    }
    const unused = columns.filter(({ isUsed }) => !isUsed).map(({ name }) => name);
    const left = unused.length > 0 ? ` Not used: ${unused.join(', ')}.` : '';
    const summary = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`).join(', ');
    const changed = adjusted > 0 ? ` Rows with values that were filled in or changed: ${adjusted}, see the column adjustments.` : '';
    say(`${rows.length} rows: ${summary || 'none'}.${changed}${left}`);
    url = URL.createObjectURL(new Blob(parts, { type: 'text/csv' }));
    const link = byId('batch-download');
    link.setAttribute('href', url);
    link.setAttribute('download', file.name.replace(/(\.csv)?$/i, '-decided.csv'));
    link.hidden = false;
    return undefined;
  };

  const start = async (/** @type {File | undefined} */ file) => {
    if (!file) return;
    last = file;
    const mine = run += 1;
    if (url) URL.revokeObjectURL(url);
    url = null;
    byId('batch-download').hidden = true;
    setProgress(null);
    await decide(file, () => mine === run).catch((error) => {
      if (mine !== run) return;
      setProgress(null);
      say(`The file could not be decided: ${error.message}`);
    });
  };
  input.addEventListener('change', () => { start(input.files?.[0]); input.value = ''; });
  other.addEventListener('change', () => start(last));
  for (const kind of ['dragenter', 'dragover']) {
    addEventListener(kind, (event) => { event.preventDefault(); zone.dataset.over = 'true'; });
  }
  // One that is dropped beside the zone would replace the page.
  addEventListener('dragleave', (event) => { if (!event.relatedTarget) delete zone.dataset.over; });
  addEventListener('drop', (event) => {
    event.preventDefault();
    delete zone.dataset.over;
    start(event.dataTransfer?.files[0]);
  });
}

/** @param {number | null} share 0 to 1; null where nothing is being decided */
function setProgress(share) {
  const progress = byId('batch-progress');
  progress.hidden = share === null;
  progress.setAttribute('value', String(share ?? 0));
}

/**
 * @typedef {{ name: string, isUsed: boolean, isKnown: boolean, isNumber: boolean }} Column
 * @param {string[]} header
 * @param {Description} description
 * @returns {Column[]}
 */
function columnsOf(header, { features, target }) {
  return header.map(trim).map((name) => {
    const type = features.find((feature) => feature.name === name)?.type;
    return { name, isUsed: !!type, isKnown: !!type || name === target.name, isNumber: type === 'number' || type === 'integer' };
  });
}

/**
 * Why no row is decided: a name that is misspelt would be a value that is missing in every row.
 * @param {Column[]} columns
 * @param {Description} description
 * @param {Engine['decideAll'] | null} decideAll says what an unknown name may be; null where such columns are copied
 * @returns {Promise<string>} what follows the name of the file; empty where there is nothing wrong
 */
async function problemOf(columns, { features }, decideAll) {
  const names = columns.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) return `, column '${twice}': the header names this column twice: rename one.`;
  if (!columns.some(({ isUsed }) => isUsed)) {
    return ` has no column of this model: its first line must name them, such as ${features[0].name}.`;
  }
  const added = ADDED.find((name) => names.includes(name));
  if (added) return `, column '${added}': a column of this name is added: rename or remove it.`;
  const unknown = columns.find(({ isKnown }) => !isKnown);
  if (unknown && decideAll) {
    const [{ body }] = await decideAll([JSON.stringify({ [unknown.name]: null })]);
    const said = JSON.parse(body).detail.find?.((/** @type {any} */ { type }) => type === 'extra_forbidden')?.msg ?? 'Unknown field';
    return `, column '${unknown.name}': ${said}${said.endsWith('?') ? '' : '.'} Rename or remove it, or have such columns copied.`;
  }
  const missing = features.find(({ name, role, derived }) => role === 'input' && !derived && !names.includes(name));
  if (missing) {
    return `, column '${missing.name}': the column is missing, and would be missing in every row: add it, with empty cells where the value is not known.`;
  }
  return '';
}

/**
 * @param {string[]} row
 * @param {Column[]} columns
 */
function questionOf(row, columns) {
  const ask = (/** @type {number} */ index) => columns[index].isNumber && questionAbout(row[index]);
  const at = row.findIndex((_, index) => ask(index));
  return at >= 0 && `${columns[at].name}: ${ask(at)}`;
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
 * @returns {[string, number | string, string, string, string]} decision, probability, rules, problem, adjustments
 */
function resultOf(status, answer) {
  if (status === 200) {
    const label = answer.outcome === 'refer' ? 'Referred' : answer.prediction_label;
    return [label, answer.probability, (answer.rules ?? []).join(' '), '', answer.adjustments.map(adjustmentCell).join(';')];
  }
  const detail = Array.isArray(answer.detail)
    ? answer.detail.map((/** @type {any} */ { loc, msg }) => `${loc.slice(1).join('.')}: ${msg}`).join('; ')
    : String(answer.detail);
  return ['No decision', '', '', detail, ''];
}

/**
 * What underwrite score writes.
 * @param {Adjustment} adjustment
 */
function adjustmentCell({ feature, kind, to }) {
  return `${feature}:${kind}:${to ?? ''}`;
}
