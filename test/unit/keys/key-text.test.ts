import assert from "node:assert/strict";
import fc from "fast-check";
import { keyBytes } from "../../../daemon/keys/key-text.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const KEY = pattern(32);
const BASE64 = Buffer.from(KEY).toString("base64");
const HEX = Buffer.from(KEY).toString("hex");

describe("a key that is handed over", () => {
  it("as a file keeps every byte, a newline at its end included", () => {
    const file = new TextEncoder().encode(`${HEX}\n`);
    sameBytes(keyBytes({ form: "bytes", bytes: file }, "k"), file);
  });

  it("as a file is copied, so that wiping one leaves the other", () => {
    const file = pattern(32);
    keyBytes({ form: "bytes", bytes: file }, "k").fill(0);
    sameBytes(file, KEY);
  });

  for (const text of [BASE64, BASE64.replace("=", ""), `  ${BASE64.slice(0, 20)}\r\n${BASE64.slice(20)}\n`, Buffer.from(KEY).toString("base64url")]) {
    it(`as base64 is read from ${JSON.stringify(text)}`, () => {
      sameBytes(keyBytes({ form: "base64", text }, "k"), KEY);
    });
  }

  it("as hexadecimal is read in capitals, small letters and lines", () => {
    sameBytes(keyBytes({ form: "hex", text: HEX }, "k"), KEY);
    sameBytes(keyBytes({ form: "hex", text: ` ${HEX.toUpperCase().slice(0, 32)}\n${HEX.slice(32)} ` }, "k"), KEY);
  });

  for (const [form, text] of [
    ["base64", `${BASE64}=`],
    ["base64", BASE64.slice(0, -3)],
    ["base64", `${BASE64.slice(0, 42)}B=`],
    ["base64", `+_${BASE64.slice(2)}`],
    ["base64", `${BASE64.slice(0, 20)}*${BASE64.slice(21)}`],
    ["base64", `=${BASE64}`],
    ["hex", HEX.slice(1)],
    ["hex", `0x${HEX}`],
    ["hex", `${HEX.slice(0, 62)}zz`],
  ] as const) {
    it(`as ${form} is refused when it reads ${text}, without repeating it`, () => {
      const error = errorOf(() => keyBytes({ form, text }, "k"));
      assert.equal(error.code, "CONFIG_INVALID");
      assert.ok(!error.message.includes(text.slice(4, 12)));
    });
  }

  it("is KEY_WEAK below 32 bytes, and beyond 64 KiB", () => {
    assert.equal(
      codeOf(() => keyBytes({ form: "bytes", bytes: pattern(31) }, "k")),
      "KEY_WEAK",
    );
    assert.equal(
      codeOf(() => keyBytes({ form: "hex", text: "" }, "k")),
      "KEY_WEAK",
    );
    assert.equal(
      codeOf(() => keyBytes({ form: "bytes", bytes: pattern(64 * 1024 + 1) }, "k")),
      "KEY_WEAK",
    );
    assert.equal(keyBytes({ form: "bytes", bytes: pattern(64 * 1024) }, "k").length, 64 * 1024);
  });

  it("is the same after base64 and after hexadecimal", () =>
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 80 }), (bytes) => {
        sameBytes(keyBytes({ form: "base64", text: Buffer.from(bytes).toString("base64") }, "k"), bytes);
        sameBytes(keyBytes({ form: "hex", text: Buffer.from(bytes).toString("hex") }, "k"), bytes);
      }),
    ));
});
