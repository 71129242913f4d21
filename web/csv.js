/** CSV as RFC 4180 has it: fields in quotes may hold separators, line breaks and doubled quotes. */

/**
 * The text of a file.
 * @param {ArrayBuffer} bytes
 * @throws {Error} with the line that is not UTF-8: what stands for its letters would be decided
 */
export function decodeUtf8(bytes) {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const isText = (/** @type {Uint8Array} */ part) => {
    try { decoder.decode(part); return true; } catch { return false; }
  };
  try {
    return decoder.decode(bytes);
  } catch {
    const all = new Uint8Array(bytes);
    let line = 1;
    // No character has a line feed among its bytes.
    for (let start = 0, end; ; start = end + 1, line += 1) {
      end = all.indexOf(LINE_FEED, start);
      if (end < 0 || !isText(all.subarray(start, end))) break;
    }
    throw new Error(`line ${line}: the text is not UTF-8: save the file as UTF-8`);
  }
}

const LINE_FEED = 10;

/**
 * Without white space around it, which for `String.trim` is U+FEFF and not U+0085.
 * @param {string} text
 */
export const trim = (text) => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '');

/**
 * The rows of a text, each as long as the first; the separator is the one of comma, semicolon and tab that the first
 * line has most of.
 * @param {string} text
 * @returns {string[][]} without empty lines
 * @throws {Error} with the line, where a row has another length or a quote is in a wrong place, as underwrite score does
 */
export function parseCsv(text) {
  const separator = separatorOf(text);
  /** @type {string[][]} */
  const rows = [];
  /** @type {string[]} */
  let row = [];
  let cell = '';
  /** Where in quotes: the line on which they begin. */
  let quoted = 0;
  /** After a closing quote. */
  let closed = false;
  let line = 1;
  let rowLine = 1;
  const endCell = () => {
    row.push(cell);
    cell = '';
    closed = false;
  };
  const endRow = () => {
    // A quoted empty cell is one.
    const isEmpty = row.length === 0 && cell === '' && !closed;
    endCell();
    const expected = (rows[0] ?? row).length;
    if (!isEmpty) {
      if (row.length !== expected) throw new Error(`line ${rowLine}: expected ${expected} fields as in the header, got ${row.length}`);
      rows.push(row);
    }
    row = [];
    rowLine = line;
  };
  const start = text.startsWith('\ufeff') ? 1 : 0;
  for (let at = start; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === '\n') line += 1;
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') { cell += '"'; at += 1; } else { quoted = 0; closed = true; }
    } else if (letter === separator) endCell();
    else if (letter === '\n' || letter === '\r') endRow();
    else if (letter === '"' && cell === '' && !closed) quoted = line;
    else if (letter === '"' || closed) {
      throw new Error(`line ${line}: a quote (") is in the wrong place: quote the whole field and double the quotes inside`);
    } else cell += letter;
  }
  if (quoted) throw new Error(`line ${quoted}: a quote (") is never closed: close it; the file may be truncated`);
  if (cell !== '' || closed || row.length > 0) endRow();
  return rows;
}

/** @param {string} text */
export function separatorOf(text) {
  const [head] = /[^\r\n]+/.exec(text) ?? [''];
  const count = (/** @type {string} */ separator) => head.split(separator).length;
  return [',', ';', '\t'].reduce((most, one) => (count(one) > count(most) ? one : most));
}

/** A number as a whole, whose sign begins no formula. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * A line of CSV. A text that a spreadsheet would run as a formula gets an apostrophe before it.
 * @param {(string | number)[]} cells
 */
export function csvLine(cells) {
  return `${cells.map((cell) => {
    const isFormula = typeof cell === 'string' && /^[=@\t\r+-]/.test(cell) && !NUMBER.test(cell);
    const text = isFormula ? `'${cell}` : String(cell);
    return /[",;\n\r\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }).join(',')}\n`;
}
