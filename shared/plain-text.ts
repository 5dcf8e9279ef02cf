/**
 * Makes text from files and peers fit to be shown: in a notification, hover, log
 * or terminal. There a control character can rewrite the line, a bidirectional
 * mark can reverse it, and a Markdown link in a VS Code notification can run a
 * command. Pure.
 */

/** C0, C1, line and paragraph separators, zero-width and bidirectional marks, tags and halves of surrogate pairs. */
const UNFIT = /[\p{Cc}\p{Cs}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Our choice: longer text is cut. */
const DEFAULT_MAX_LENGTH = 1_000;

/**
 * `text` without control characters, Markdown links and `$(icons)`; one line. Applying it again changes nothing. IPv6
 * addresses in brackets survive. `maxLength` is in UTF-16 units, the ellipsis included.
 */
export function plainText(text: string, options: { readonly maxLength?: number } = {}): string {
  const maxLength = options.maxLength ?? DEFAULT_MAX_LENGTH;
  // Cut first, with room for what is taken out: the work depends on the length shown, not on the length that came in.
  let clean = text.slice(0, maxLength * 4).replace(UNFIT, " ");
  clean = clean.replace(/!?\[([^[\]]*)\]\([^()]*\)/g, "$1");
  clean = clean
    .replace(/\](?=[([])/g, "] ")
    .replace(/<(?=[/!?A-Za-z])/g, "< ")
    .replace(/\$(?=\()/g, "$ ");
  return clean.length > maxLength ? `${clean.slice(0, maxLength - 1).replace(/\p{Cs}$/u, "")}…` : clean;
}

/** The whole `text` on one line of a log or terminal: a character that {@link plainText} would not let through becomes a question mark. */
export function printable(text: string): string {
  return text.replace(UNFIT, "?");
}

/** Whether `text` has a character that {@link plainText} would not let through. */
export function hasUnfitCharacters(text: string): boolean {
  return text.search(UNFIT) >= 0;
}

/** Our choice: a message quotes at most this much of a file. */
const QUOTE_LENGTH = 48;

/** `text` in quotation marks for a message: plain and short. */
export function quote(text: string): string {
  return `"${plainText(text, { maxLength: QUOTE_LENGTH })}"`;
}

/** Controls, formats, halves of surrogate pairs, line separators, characters that fonts draw as nothing, and spaces other than the plain one. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

/**
 * Text from a file as it is shown to somebody who approves it: whole, on one line; every character that can't be seen,
 * or changes how the rest is seen, is \u{hexadecimal}, and nothing is removed or cut. For a terminal and for plain-text
 * dialogs only: places that read Markdown get {@link plainText}. The length of the text bounds that of the result.
 */
export function wholeText(text: string): string {
  return text.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
