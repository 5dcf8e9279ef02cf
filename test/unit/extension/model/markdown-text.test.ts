/** Text from files and peers as Markdown: it is shown as it is and has no other effect. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { markdownText } from "../../../../extension/model/markdown-text.ts";
import { plainText } from "../../../../shared/plain-text.ts";

describe("text inside Markdown", () => {
  for (const [text, markdown] of [
    ["The service answers.", "The service answers."],
    ["KEY_MISMATCH: closed", "KEY_MISMATCH: closed"],
    ["at cache.example.com:6479.", "at `cache.example.com:6479`."],
    ["(see http://evil.example/x)", "(see `http://evil.example/x`)"],
    ["[::1]:6479 refuses", "`[::1]:6479` refuses"],
    ["<b>bold</b> & *more* _x_ #1", "\\< b\\>bold\\< `/b`\\> \\& \\*more\\* \\_x\\_ \\#1"],
    ["a.`b`", "`` a.`b` ``"],
    ["1. first", "1\\. first"],
    ["- item", "\\- item"],
    ["$x$", "\\$x\\$"],
  ] as const) {
    it(`shows ${text}`, () => {
      assert.equal(markdownText(text), markdown);
    });
  }

  it("has nothing outside of code that Markdown, HTML or a link detector would interpret", () =>
    fc.assert(
      fc.property(pieces(["http://", "www.", "&lt;", "<img src=x>", "](command:x)", "|", "\n", "1", "-", "+", "="]), (text) => {
        const outside = withoutCode(markdownText(text));
        assert.doesNotMatch(outside, /(?<!\\)(?:\\\\)*[`*[\]<>&#~!$]/);
        assert.doesNotMatch(outside.replace(/\\./g, ""), /[.:/@]\p{L}/u);
      }),
    ));

  it("shows every character of the plain text", () =>
    fc.assert(
      fc.property(pieces([]), (text) => {
        const letters = (shown: string): string => shown.replace(/[\\`\s]/g, "");
        assert.equal(letters(markdownText(text)), letters(plainText(text).trim()));
      }),
    ));
});

/** Texts of letters, marks that may have a meaning, and these pieces. */
function pieces(more: readonly string[]): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(..."\\`*_[]()<>&#~!$.:/@ab ".split(""), ...more), { maxLength: 30 }).map((all) => all.join(""));
}

/** The text between code spans; a span ends at as many backticks as it began with. */
function withoutCode(markdown: string): string {
  let rest = markdown;
  let outside = "";
  for (;;) {
    const begin = /(?<!\\)(?:\\\\)*(`+)/.exec(rest);
    const fence = begin?.[1];
    if (!begin || fence === undefined) return outside + rest;
    const from = begin.index + begin[0].length;
    const end = new RegExp(`(?<!\`)${fence}(?!\`)`).exec(rest.slice(from));
    assert.ok(end, `a span without an end: ${markdown}`);
    outside += rest.slice(0, begin.index + begin[0].length - fence.length);
    rest = rest.slice(from + end.index + fence.length);
  }
}
