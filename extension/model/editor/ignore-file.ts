/**
 * Adds a line to a .gitignore. Pure.
 */

/**
 * The text with a line that ignores exactly this file; undefined when the text already has that line. The file's path is
 * relative to the .gitignore's folder, with "/" as the separator.
 */
export function addIgnoredFile(text: string | undefined, relativePath: string): string | undefined {
  const line = `/${relativePath.replace(/[\\*?[\]]/g, "\\$&").replace(/ +$/, (spaces) => "\\ ".repeat(spaces.length))}`;
  const before = text ?? "";
  if (before.split(/\r\n|\n/).includes(line)) return undefined;
  const eol = before.includes("\r\n") ? "\r\n" : "\n";
  const gap = before === "" || before.endsWith("\n") ? "" : eol;
  return `${before}${gap}${line}${eol}`;
}
