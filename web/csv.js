/** CSV as RFC 4180 has it: fields in quotes may hold separators, line breaks and doubled quotes. */

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
    endCell();
    const expected = (rows[0] ?? row).length;
    if (row.length > 1 || row[0] !== '') {
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
    else if (letter === '\n') endRow();
    else if (letter === '\r' && (text[at + 1] === '\n' || at + 1 === text.length)) continue;
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
function separatorOf(text) {
  const [head] = text.split('\n', 1);
  const count = (/** @type {string} */ separator) => head.split(separator).length;
  return [',', ';', '\t'].reduce((most, one) => (count(one) > count(most) ? one : most));
}

/**
 * A line of CSV. A text that a spreadsheet would run as a formula gets an apostrophe before it.
 * @param {(string | number)[]} cells
 */
export function csvLine(cells) {
  return `${cells.map((cell) => {
    const text = typeof cell === 'string' && /^[=@\t\r]|^[+-](?![\d.])/.test(cell) ? `'${cell}` : String(cell);
    return /[",;\n\r\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }).join(',')}\n`;
}
