/**
 * Text of files and peers inside Markdown that is shown as a page: it stays the text
 * that it is. Not even an address becomes a link, which a preview makes of anything
 * that looks like one: what could be one is set as code, and can be copied whole.
 * Syntax: https://spec.commonmark.org/0.31.2/#backslash-escapes and #code-spans. Pure.
 */
import { plainText } from "../../shared/plain-text.ts";

/** What has a meaning inside a line, "$" in previews that set formulas. A pipe has one in tables only, which see to it. */
const SPECIAL = /[\\`*[\]<>&#~!$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g;

/** A word between its marks of punctuation. */
const WORD = /^(["'(<{]*)(.*?)(["')>},.;:!?…]*)$/su;

/** Every link that a preview finds by itself has one of these in it, with something behind. */
const LINK_MARK = /[.:/@\\]/;

/** `text` as Markdown that shows it: plain as {@link plainText} makes it, on one line. */
export function markdownText(text: string): string {
  const shown = plainText(text)
    .trim()
    .split(/(\s+)/)
    .map((part) => (LINK_MARK.test(part) ? wordText(part) : escaped(part)))
    .join("");
  // What would begin a list, a heading, a quotation or a table.
  return shown.replace(/^(\d{1,9})(?=[.)])/, "$1\\").replace(/^(?=[-+=|:])/, "\\");
}

function wordText(word: string): string {
  const [, before = "", inside = "", after = ""] = WORD.exec(word) ?? [];
  return LINK_MARK.test(inside) ? `${escaped(before)}${codeSpan(inside)}${escaped(after)}` : escaped(word);
}

function escaped(text: string): string {
  return text.replace(SPECIAL, "\\$&");
}

/** Between more backticks than there are in it. */
function codeSpan(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const room = longest > 0 ? " " : "";
  return `${fence}${room}${text}${room}${fence}`;
}
