import assert from "node:assert/strict";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import { SessionKeys } from "../../../daemon/keys/session-keys.ts";
import { fingerprint, sharedKey } from "../../../daemon/protocol/keys.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf } from "../../support/wire/codes.ts";

const K = sharedKey(nodeSuite, pattern(32));

describe("keys of a session", () => {
  let keys: SessionKeys;
  beforeEach(() => {
    keys = new SessionKeys(nodeSuite);
    keys.put("team", { form: "bytes", bytes: pattern(32) });
  });

  it("are listed by fingerprint", () => {
    assert.deepEqual(keys.list(), [{ name: "team", fingerprint: fingerprint(nodeSuite, K) }]);
  });

  it("are given as copies, which outlive forgotten keys", () => {
    const copy = keys.get("team");
    keys.forget("team");
    sameBytes(copy?.key ?? new Uint8Array(), K);
  });

  it("are wiped when forgotten, replaced and disposed of", () => {
    const suite = { ...nodeSuite, sha256: (data: Uint8Array) => track(nodeSuite.sha256(data)) };
    const made: Uint8Array[] = [];
    const track = (key: Uint8Array) => {
      made.push(key);
      return key;
    };
    const wiped = new SessionKeys(suite);
    for (const [name, seed] of [
      ["a", 1],
      ["a", 2],
      ["b", 3],
      ["c", 4],
    ] as const) {
      wiped.put(name, { form: "bytes", bytes: pattern(32, seed) });
    }
    assert.equal(wiped.forget("b"), true);
    wiped.dispose();
    assert.equal(made.length, 4);
    for (const key of made) sameBytes(key, new Uint8Array(32));
    assert.deepEqual(wiped.list(), []);
  });

  it("can't be forgotten when they are not there", () => {
    assert.equal(keys.forget("other"), false);
    assert.equal(keys.get("constructor"), undefined);
  });

  it("are replaced only by a good key", () => {
    assert.equal(
      codeOf(() => keys.put("team", { form: "bytes", bytes: pattern(31) })),
      "KEY_WEAK",
    );
    assert.equal(
      codeOf(() => keys.put("../x", { form: "bytes", bytes: pattern(32) })),
      "CONFIG_INVALID",
    );
    sameBytes(keys.get("team")?.key ?? new Uint8Array(), K);
  });

  it("are bounded in number", () => {
    for (let index = 1; index < 1_000; index += 1) keys.put(`k${index}`, { form: "bytes", bytes: pattern(32) });
    assert.equal(
      codeOf(() => keys.put("more", { form: "bytes", bytes: pattern(32) })),
      "LIMIT_REACHED",
    );
    keys.put("team", { form: "bytes", bytes: pattern(32, 2) });
  });
});
