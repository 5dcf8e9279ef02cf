/** Two byte strings side by side, in hexadecimal and as text, eight bytes a row. */
const ROW = 8;
const CELL = ROW * 3 - 1;

/** Each side is { title, bytes }; there are as many rows as the shorter side needs, at most maxRows. */
export function sideBySide(left, right, { maxRows = 8 } = {}) {
  const rows = Math.min(maxRows, Math.ceil(Math.min(left.bytes.length, right.bytes.length) / ROW));
  const width = CELL + ROW + 2;
  const lines = [`${left.title.padEnd(width)}   ${right.title}`];
  for (let row = 0; row < rows; row += 1) lines.push(`${cell(left.bytes, row)} │ ${cell(right.bytes, row)}`);
  const rest = [left, right].map(({ bytes }) => (bytes.length > rows * ROW ? `… ${bytes.length} bytes in all` : `${bytes.length} bytes`));
  lines.push(`${rest[0].padEnd(width)}   ${rest[1]}`);
  return lines;
}

function cell(bytes, row) {
  const part = [...bytes.subarray(row * ROW, (row + 1) * ROW)];
  const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const text = part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
  return `${hex.padEnd(CELL)}  ${text.padEnd(ROW)}`;
}
