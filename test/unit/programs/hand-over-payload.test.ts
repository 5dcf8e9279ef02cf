/** What an old daemon of any version may send to its successor. */
import assert from "node:assert/strict";
import { readPayload } from "../../../daemon/programs/hand-over-payload.ts";

describe("the payload for a successor", () => {
  const ref = { configPath: "/srv/app/.vscode/tunnels.json", name: "cache" };

  it("may be missing, as in the first version", () => {
    assert.deepEqual(readPayload(undefined), { kept: [] });
    assert.deepEqual(readPayload({}), { kept: [] });
  });

  it("may have unknown fields", () => {
    assert.deepEqual(readPayload({ kept: [{ ...ref, since: 1 }], more: true }), { kept: [ref] });
  });

  it("may name the socket files that are handed over", () => {
    const socketFiles = { "/run/app/cache.sock": "2049:12" };
    assert.deepEqual(readPayload({ kept: [], socketFiles }), { kept: [], socketFiles });
  });

  for (const [what, payload] of [
    ["a text", "kept"],
    ["tunnels without a file", { kept: [{ name: "cache" }] }],
    ["a mark of a file that is none", { socketFiles: { "/run/app/cache.sock": "new" } }],
    ["tunnels that are no list", { kept: { cache: ref } }],
    ["more tunnels than there can be", { kept: Array.from({ length: 10_001 }, () => ref) }],
  ] as const) {
    it(`is not accepted when it is ${what}`, () => {
      assert.equal(readPayload(payload), undefined);
    });
  }
});
