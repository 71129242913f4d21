/** CSV as RFC 4180 has it: fields in quotes may hold separators, line breaks and doubled quotes. */

/**
 * The rows of a text; the separator is the one of comma, semicolon and tab that the first line has most of.
 * @param {string} text
 * @returns {string[][]} without empty lines
 */
export function parseCsv(text) {
  const separator = separatorOf(text);
  /** @type {string[][]} */
  const rows = [];
  /** @type {string[]} */
  let row = [];
  let cell = '';
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
    cell = '';
  };
  const start = text.startsWith('\ufeff') ? 1 : 0;
  for (let at = start; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') { cell += '"'; at += 1; } else quoted = false;
    } else if (letter === '"' && cell === '') quoted = true;
    else if (letter === separator) { row.push(cell); cell = ''; }
    else if (letter === '\n') endRow();
    else if (letter !== '\r' || text[at + 1] !== '\n') cell += letter;
  }
  if (cell !== '' || row.length > 0) endRow();
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
