import assert from "node:assert/strict";
import fc from "fast-check";
import { hasUnfitCharacters, plainText, quote } from "../../../shared/plain-text.ts";

describe("plainText", () => {
  it("keeps the words of a Markdown link and drops where it leads", () => {
    assert.equal(plainText("see [the docs](command:workbench.action.terminal.sendSequence) now"), "see the docs now");
  });

  it("leaves no link behind when links are nested", () => {
    assert.doesNotMatch(plainText("[a [b](x)](command:evil)"), /\]\(/);
  });

  it("removes the link from an image, a reference and an autolink", () => {
    assert.equal(plainText("![x](http://e/track.png)"), "x");
    assert.doesNotMatch(plainText("[x][ref] <command:evil> <img src=x>"), /\]\[|<[a-z]/);
  });

  it("removes control characters and escape sequences", () => {
    assert.equal(plainText("a\u001b[2Jb\r\nc\u0007\u009b"), "a [2Jb  c  ");
  });

  it("removes marks that reverse the reading direction", () => {
    assert.equal(plainText("safe\u202egnp.exe\u2066"), "safe gnp.exe ");
  });

  it("makes no icon of $(check)", () => {
    assert.equal(plainText("$(check) verified"), "$ (check) verified");
  });

  it("leaves an IPv6 address as it is", () => {
    assert.equal(plainText("[::1]:6379 → [2001:db8::1]:6479"), "[::1]:6379 → [2001:db8::1]:6479");
  });

  it("leaves emoji and letters of any script as they are", () => {
    assert.equal(plainText("缓存 кэш 🔒"), "缓存 кэш 🔒");
  });

  it("cuts long text without cutting a character in two", () => {
    const cut = plainText("🔒".repeat(100), { maxLength: 10 });
    assert.equal(cut, "🔒🔒🔒🔒…");
  });

  it("makes any text short and inactive, and leaves the result as it is when cleaning it again", () =>
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: fc.constantFrom("[", "]", "(", ")", "!", "<", "$", "a", "\n", "\u202e", "\ud800") })),
        (text) => {
          const clean = plainText(text, { maxLength: 40 });
          assert.ok(clean.length <= 40);
          assert.doesNotMatch(clean, /\]\(|\]\[|<[A-Za-z/!?]|\$\(|\p{Cc}|\p{Cs}/u);
          assert.equal(plainText(clean, { maxLength: 40 }), clean);
          assert.equal(hasUnfitCharacters(clean), false);
        },
      ),
    ));

  it("quotes a name of a megabyte in a short form", () => {
    assert.ok(quote("x".repeat(1_000_000)).length <= 50);
  });
});
