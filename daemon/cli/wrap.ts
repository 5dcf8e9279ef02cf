/**
 * Sentences on a terminal: broken between words, so that the terminal does not
 * break them at its edge in the middle of one. Pure.
 */

/** Our choice: in a narrower terminal there is nothing to gain. */
const MIN_COLUMNS = 40;

/**
 * `text` in lines of at most `columns`, the first behind two spaces and further ones behind four. A word that is longer
 * (a path) stays whole. Without `columns` (a pipe, a file): one line, for who searches in it.
 */
export function indented(text: string, columns: number | undefined): string[] {
  const limit = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(columns, MIN_COLUMNS);
  const lines: string[] = [];
  let line = " ";
  for (const word of text.split(" ")) {
    if (line.trim() !== "" && line.length + 1 + word.length > limit) {
      lines.push(line);
      line = "   ";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
