/**
 * One more line for a .gitignore. Pure.
 */

/**
 * The text with a line that ignores exactly this file, given by its path from the .gitignore's folder with "/" between;
 * undefined when that line is there already.
 */
export function addIgnoredFile(text: string | undefined, relativePath: string): string | undefined {
  const line = `/${relativePath.replace(/[\\*?[\]]/g, "\\$&").replace(/ +$/, (spaces) => "\\ ".repeat(spaces.length))}`;
  const before = text ?? "";
  if (before.split(/\r\n|\n/).includes(line)) return undefined;
  const eol = before.includes("\r\n") ? "\r\n" : "\n";
  const gap = before === "" || before.endsWith("\n") ? "" : eol;
  return `${before}${gap}${line}${eol}`;
}
