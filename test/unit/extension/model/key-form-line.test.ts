/** What a window says about a key whose file is text. */
import assert from "node:assert/strict";
import { keyFormLine } from "../../../../extension/model/key-form-line.ts";
import { english } from "../../../../extension/model/translate.ts";

describe("the line about a key file that is text", () => {
  it("says that the line end counts, and has the fingerprint of each copy", () => {
    const variants = [
      { how: "no-line-end", fingerprint: "aaaa" },
      { how: "lf", fingerprint: "bbbb" },
      { how: "crlf", fingerprint: "cccc" },
      { how: "no-bom", fingerprint: "dddd" },
    ] as const;
    assert.deepEqual(keyFormLine({ ends: "cr", hasBom: true, variants: [...variants] }, english), [
      "It is text, and its line end is part of the key. Other copies: without the line end aaaa, with a line feed bbbb, with CR LF cccc, without the byte order mark dddd",
    ]);
  });

  it("says that a line end would count if there is none", () => {
    assert.match(
      keyFormLine({ ends: "none", hasBom: false, variants: [{ how: "lf", fingerprint: "aaaa" }] }, english).join(),
      /without a line end.*with a line feed aaaa$/,
    );
  });

  it("is absent for a key that is not text", () => {
    assert.deepEqual(keyFormLine(undefined, english), []);
  });
});
