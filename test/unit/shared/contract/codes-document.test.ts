/** docs/CODES.md and the README's table say what the record of codes says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { codesDocument, withCodes } from "../../../../scripts/lib/codes-document.ts";
import { CODES, PLACES } from "../../../../shared/contract/codes.ts";
import { ERROR_CODES } from "../../../../shared/errors.ts";

const DOCUMENT = new URL("../../../../docs/CODES.md", import.meta.url);
const README = new URL("../../../../README.md", import.meta.url);

describe("the table of failure codes", () => {
  it("is what the record of codes makes of docs/CODES.md (else: node --import tsx scripts/codes-docs.mjs)", () => {
    assert.equal(readFileSync(DOCUMENT, "utf8"), codesDocument());
  });

  it("is what the record of codes makes of the README's section (else: node --import tsx scripts/codes-docs.mjs)", () => {
    const readme = readFileSync(README, "utf8");
    assert.equal(readme, withCodes(readme));
  });

  it("has every code once, with cause and cure, each one plain sentence", () => {
    assert.deepEqual(Object.keys(CODES), [...ERROR_CODES]);
    for (const code of ERROR_CODES) {
      const { cause, cure } = CODES[code];
      for (const text of [cause, cure]) {
        assert.match(text, /^[A-Z][^\n]{20,}[^.]\.$/, code);
        assert.doesNotMatch(text, /[.!?]\s+[A-Z]/, `${code}: more than a sentence`);
      }
      assert.equal(codesDocument().split(`\n| \`${code}\` | ${cause} | ${cure} |`).length, 2, code);
    }
  });

  it("has every code in exactly one row of the README, and no row without codes", () => {
    const readme = readFileSync(README, "utf8");
    const table = readme.slice(readme.indexOf("<!-- codes:begin -->"), readme.indexOf("<!-- codes:end -->"));
    const shown = [...table.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, codes]) => codes?.replaceAll("`", "").split(", ") ?? []);
    assert.deepEqual(shown.sort(), [...ERROR_CODES].sort());
    for (const place of Object.keys(PLACES))
      assert.ok(
        Object.values(CODES).some((code) => code.place === place),
        place,
      );
  });

  it("says probably where a silent far side leaves only a guess", () => {
    for (const code of ["PEER_CLOSED", "HANDSHAKE_TIMEOUT", "KEY_MISMATCH", "CONNECT_TIMEOUT", "TRUNCATED"] as const) {
      assert.match(CODES[code].cause, /\bprobably\b/, code);
    }
  });

  it("refuses a README without the marks", () => assert.throws(() => withCodes("# Encrypted Tunnels\n"), /codes:begin/));
});
