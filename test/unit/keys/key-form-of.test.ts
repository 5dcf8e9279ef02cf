/** Key files that are text: how they end, and which keys their usual copies give. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import { keyFormOf } from "../../../daemon/keys/key-form-of.ts";
import { fingerprint, sharedKey } from "../../../daemon/protocol/keys.ts";

const SECRET = "correct horse battery staple and then some";
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const print = (content: string | Uint8Array): string => fingerprint(nodeSuite, sharedKey(nodeSuite, typeof content === "string" ? bytes(content) : content));
const variantsOf = (content: string | Uint8Array): Record<string, string> =>
  Object.fromEntries(
    keyFormOf(nodeSuite, typeof content === "string" ? bytes(content) : content)?.variants.map(({ how, fingerprint: shown }) => [how, shown]) ?? [],
  );

describe("a key file that is text", () => {
  for (const [what, content, ends, variants] of [
    ["a line feed", `${SECRET}\n`, "lf", { "no-line-end": SECRET, crlf: `${SECRET}\r\n` }],
    ["CR LF", `${SECRET}\r\n`, "crlf", { "no-line-end": SECRET, lf: `${SECRET}\n` }],
    ["a carriage return", `${SECRET}\r`, "cr", { "no-line-end": SECRET, lf: `${SECRET}\n`, crlf: `${SECRET}\r\n` }],
    ["no line end", SECRET, "none", { lf: `${SECRET}\n`, crlf: `${SECRET}\r\n` }],
    ["two line feeds", `${SECRET}\n\n`, "lf", { "no-line-end": SECRET, lf: `${SECRET}\n`, crlf: `${SECRET}\r\n` }],
    ["several lines", "one line\r\nand another one\r\n", "crlf", { "no-line-end": "one line\r\nand another one", lf: "one line\nand another one\n" }],
    [
      "letters beyond ASCII",
      "größer als 32 Zeichen, mit Umlauten\n",
      "lf",
      { "no-line-end": "größer als 32 Zeichen, mit Umlauten", crlf: "größer als 32 Zeichen, mit Umlauten\r\n" },
    ],
  ] as const) {
    it(`with ${what}: its line end is reported, and its copies have the fingerprints of real copies`, () => {
      assert.equal(keyFormOf(nodeSuite, bytes(content))?.ends, ends);
      assert.deepEqual(variantsOf(content), Object.fromEntries(Object.entries(variants).map(([how, copy]) => [how, print(copy)])));
    });
  }

  for (const [what, content] of [
    ["a byte order mark", bytes(`\ufeff${SECRET}\r\n`)],
    ["UTF-16, as Windows PowerShell writes it", Uint8Array.from(Buffer.from(`\ufeff${SECRET}\r\n`, "utf16le"))],
  ] as const) {
    it(`with ${what}: the copies have no byte order mark`, () => {
      assert.equal(keyFormOf(nodeSuite, content)?.hasBom, true);
      assert.deepEqual(variantsOf(content), { "no-line-end": print(SECRET), lf: print(`${SECRET}\n`), crlf: print(`${SECRET}\r\n`) });
    });
  }

  it("is left as it was", () => {
    const content = bytes(`${SECRET}\n`);
    keyFormOf(nodeSuite, content);
    assert.deepEqual(content, bytes(`${SECRET}\n`));
  });

  it("never has its own fingerprint among those of its copies", () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "\n", "\r", "\r\n", " "), { minLength: 1 }), (parts) => {
        const content = parts.join("");
        assert.ok(!Object.values(variantsOf(content)).includes(print(content)));
      }),
    ));
});

describe("a key file that is not text", () => {
  for (const [what, content] of [
    ["random bytes", Uint8Array.from({ length: 32 }, (_, index) => (index * 37 + 129) & 0xff)],
    ["text with a NUL in it", bytes(`${SECRET}\u0000\n`)],
    ["text with a control character", bytes(`${SECRET}\u0007\n`)],
    ["nothing", bytes("")],
    ["a line end alone", bytes("\n")],
  ] as const) {
    it(`has no copies: ${what}`, () => {
      assert.equal(keyFormOf(nodeSuite, content), undefined);
    });
  }
});
