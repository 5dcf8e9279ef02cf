/**
 * Quoting for texts that another program reads: a shell, a systemd unit, a Compose
 * file. Each function takes any text without line breaks and makes one word of it.
 * Pure.
 */

/** One word of a POSIX shell, always in single quotes. */
export function shellQuote(text: string): string {
  return `'${oneLine(text).replaceAll("'", `'\\''`)}'`;
}

/** One word of a POSIX shell, in quotes only if it needs them; a leading dash is not escaped. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : shellQuote(text);
}

/** One word of a systemd command line: specifiers (%) and variables ($) are taken literally. */
export function systemdQuote(text: string): string {
  const literal = oneLine(text).replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./[\]-]+$/.test(literal) ? literal : `"${literal.replace(/["\\]/g, "\\$&")}"`;
}

/** A string of a Compose file: JSON is YAML, and `$` would be a variable. */
export function composeQuote(text: string): string {
  return JSON.stringify(oneLine(text).replaceAll("$", "$$$$"));
}

function oneLine(text: string): string {
  return text.replace(/[\0\r\n]/g, " ");
}
