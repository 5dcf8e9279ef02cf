/** The messages while a key is typed or pasted; no message repeats any part of the key. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { isKeyName } from "../../../../../daemon/keys/key-folder.ts";
import { keyBytes } from "../../../../../daemon/keys/key-text.ts";
import {
  bytesOfKeyText,
  KEY_MAX_BYTES,
  type KeyTextForm,
  keyFileFault,
  keyNameFault,
  readKeyText,
  suggestKeyName,
  textFormOf,
} from "../../../../../extension/model/asking/key-input.ts";
import { english as t } from "../../../../../extension/model/translate.ts";

const KEY = randomBytes(32);

function faultOf(pasted: string, form: KeyTextForm): string {
  const read = readKeyText(pasted, { form, t });
  assert.equal(read.at, "fault", "it was taken for a key");
  return read.at === "fault" ? read.message : "";
}

function bytesOf(pasted: string, form: KeyTextForm): Uint8Array {
  const read = readKeyText(pasted, { form, t });
  if (read.at === "fault") assert.fail(read.message);
  return bytesOfKeyText(read);
}

describe("a pasted key", () => {
  it("is read from base64, with or without padding, in either alphabet and with white space", () => {
    const odd = Buffer.from([0xfb, 0xff, ...KEY]);
    for (const text of [
      odd.toString("base64"),
      odd.toString("base64").replace(/=+$/, ""),
      odd.toString("base64url"),
      ` ${odd.toString("base64").replace(/(.{20})/g, "$1\n")}\n`,
    ]) {
      assert.deepEqual(Buffer.from(bytesOf(text, "base64")), odd);
    }
  });

  it("is read from hexadecimal in the ways that programs print it", () => {
    const hex = KEY.toString("hex");
    for (const text of [hex, hex.toUpperCase(), `0x${hex}`, hex.replace(/(..)(?!$)/g, "$1:"), `${hex.slice(0, 32)}\n${hex.slice(32)}\n`]) {
      assert.deepEqual(Buffer.from(bytesOf(text, "hex")), KEY);
    }
  });

  it("is accepted by the daemon, too, and means the same bytes there", () => {
    for (const form of ["base64", "hex"] as const) {
      const read = readKeyText(KEY.toString(form), { form, t });
      assert.ok(read.at === "key");
      assert.deepEqual(Buffer.from(keyBytes({ form: read.form, text: read.text }, "key")), KEY);
    }
  });

  const wrong: readonly (readonly [string, string, KeyTextForm, RegExp])[] = [
    ["nothing", "  \n", "base64", /Nothing has been pasted/],
    ["nothing", "", "hex", /Nothing has been pasted/],
    ["base64 that is too short", Buffer.alloc(31, 7).toString("base64"), "base64", /too short.* at least 32 bytes.* 31/],
    ["hexadecimal that is too short", "ab".repeat(16), "hex", /too short.* 16/],
    ["an odd number of digits", "a".repeat(65), "hex", /65 hexadecimal digits is an odd number/],
    ["a character that is not hexadecimal", `${"a".repeat(70)}g`, "hex", /character 71/],
    ["base64 where hexadecimal is asked for", Buffer.alloc(33, 0xfb).toString("base64"), "hex", /looks like base64/],
    ["hexadecimal where base64 is asked for", "ab".repeat(32), "base64", /looks like hexadecimal/],
    ["a character that is not base64", `${"A".repeat(10)}#${"A".repeat(40)}`, "base64", /character 11/],
    ["base64 that was cut", Buffer.alloc(40, 9).toString("base64").replace(/=+$/, "").slice(0, -1), "base64", /not whole/],
    ["base64 of both alphabets", `${"A".repeat(44)}+_AA`, "base64", /mixes/],
    ["an SSH private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----", "base64", /SSH private key/],
    ["an SSH private key on one line", "-----BEGIN RSA PRIVATE KEY----- MIIEow -----END RSA PRIVATE KEY-----", "hex", /SSH private key/],
    ["an SSH public key", `ssh-ed25519 AAAA${"C".repeat(60)} me@here`, "base64", /SSH public key/],
    ["a certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "base64", /PEM/],
    ["a key of age", `AGE-SECRET-KEY-1${"Q".repeat(58)}`, "base64", /age/],
    ["a fingerprint", "0123-4567-89ab-cdef-0123-4567-89ab-cdef", "hex", /fingerprint/],
    ["more than 64 KiB", Buffer.alloc(KEY_MAX_BYTES + 1, 1).toString("base64"), "base64", /at most 64 KiB/],
  ];
  for (const [what, pasted, form, expected] of wrong) {
    it(`is refused as ${form} with a message that names it when it is ${what}`, () => {
      assert.match(faultOf(pasted, form), expected);
    });
  }

  it("is not repeated in any message", () => {
    for (const [, pasted, form] of wrong) {
      const message = faultOf(pasted, form);
      const pieces = pasted.match(/[A-Za-z0-9+/]{8,}/g) ?? [];
      const repeated = pieces.filter((piece) => !/^(?:certificate|hexadecimal)$/i.test(piece) && message.includes(piece));
      assert.deepEqual(repeated, []);
    }
  });
});

describe("a key file", () => {
  it("is taken with any content of 32 bytes to 64 KiB", () => {
    for (const bytes of [KEY, Buffer.alloc(KEY_MAX_BYTES, 3), Buffer.from(`${"some words of a passphrase ".repeat(3)}\n`)])
      assert.equal(keyFileFault(bytes, t), undefined);
  });

  for (const [what, bytes, expected] of [
    ["empty", Buffer.alloc(0), /empty/],
    ["too short", Buffer.alloc(31), /too short/],
    ["too long", Buffer.alloc(KEY_MAX_BYTES + 1), /64 KiB/],
    ["an SSH private key", Buffer.from(`-----BEGIN OPENSSH PRIVATE KEY-----\n${"A".repeat(200)}`), /SSH private key/],
  ] as const) {
    it(`is refused when it is ${what}`, () => {
      assert.match(keyFileFault(bytes, t) ?? "", expected);
    });
  }

  it("is recognised when it holds a key as text, so that the user can choose what is meant", () => {
    const forms = [KEY.toString("hex"), `${KEY.toString("base64")}\n`, KEY.toString("hex").slice(0, 62), "x".repeat(60)].map((text) =>
      textFormOf(Buffer.from(text)),
    );
    assert.deepEqual(forms, ["hex", "base64", undefined, undefined]);
  });
});

describe("a key's name", () => {
  const faultOfName = (name: string): string | undefined => keyNameFault(name, { taken: ["team-redis"], t });

  for (const [name, expected] of [
    ["", /Name the key/],
    ["a".repeat(65), /64 characters/],
    ["../x", /letters, digits/],
    ["-x", /begins with/],
    ["con", /Windows/],
    ["key.", /Windows/],
    ["Team-Redis", /A key with this name exists/],
  ] as const) {
    it(`is refused if it is "${name.slice(0, 12)}"`, () => {
      assert.match(faultOfName(name) ?? "", expected);
    });
  }

  it("is judged as the daemon judges it", () => {
    for (const name of ["a", "team-redis.2", "Aux", "nul.key", "x y", ".x", "x".repeat(64), "ключ", "com1", "a."]) {
      assert.equal(keyNameFault(name, { taken: [], t }) === undefined, isKeyName(name), name);
    }
  });

  it("is suggested from a file's name", () => {
    assert.deepEqual(["redis.key", "my key (2).bin", "--x.key", "键.key"].map(suggestKeyName), ["redis", "my-key-2", "x", ""]);
  });
});
