/**
 * Text from a file as it is shown to somebody who approves it: whole. What can't
 * be seen, or changes how the rest is seen, is written as an escape; nothing is
 * removed, cut or replaced. For a terminal and for plain-text dialogs only: what
 * reads Markdown gets plain-text.ts. Pure.
 */

/** Controls, formats, halves of surrogate pairs, line separators, what fonts draw as nothing, and spaces that are not the space. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

/** `text` on one line, every character that can't be seen as \u{hexadecimal}. The length is bounded by that of the text. */
export function wholeText(text: string): string {
  return text.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
