/**
 * Text from files and peers inside Markdown that is shown as a page: it must be shown
 * exactly as it is. A preview makes a link of anything that looks like an address, so
 * everything that could be one is set as code, and can be copied whole.
 * Syntax: https://spec.commonmark.org/0.31.2/#backslash-escapes and #code-spans. Pure.
 */
import { plainText } from "../../shared/plain-text.ts";

/** Characters with a meaning inside a line ("$": in previews that render formulas). A pipe has one only in tables, whose code escapes it. */
const SPECIAL = /[\\`*[\]<>&#~!$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g;

/** A word between its marks of punctuation. */
const WORD = /^(["'(<{]*)(.*?)(["')>},.;:!?…]*)$/su;

/** Every link that a preview finds by itself contains one of these, with something after it. */
const LINK_MARK = /[.:/@\\]/;

/** Markdown that shows `text` on one line, in the plain form that {@link plainText} gives it. */
export function markdownText(text: string): string {
  const shown = plainText(text)
    .trim()
    .split(/(\s+)/)
    .map((part) => (LINK_MARK.test(part) ? wordText(part) : escaped(part)))
    .join("");
  // Escapes a beginning that would start a list, a heading, a quotation or a table.
  return shown.replace(/^(\d{1,9})(?=[.)])/, "$1\\").replace(/^(?=[-+=|:])/, "\\");
}

function wordText(word: string): string {
  const [, before = "", inside = "", after = ""] = WORD.exec(word) ?? [];
  return LINK_MARK.test(inside) ? `${escaped(before)}${codeSpan(inside)}${escaped(after)}` : escaped(word);
}

function escaped(text: string): string {
  return text.replace(SPECIAL, "\\$&");
}

/** Encloses `text` in more backticks than it has in a row. */
function codeSpan(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const room = longest > 0 ? " " : "";
  return `${fence}${room}${text}${room}${fence}`;
}
