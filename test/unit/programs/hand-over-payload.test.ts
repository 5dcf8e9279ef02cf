/** What an old daemon of any version may have said to its successor. */
import assert from "node:assert/strict";
import { readPayload } from "../../../daemon/programs/hand-over-payload.ts";

describe("what a daemon says to its successor", () => {
  const ref = { configPath: "/srv/app/.vscode/tunnels.json", name: "cache" };

  it("may be nothing, as in the first version", () => {
    assert.deepEqual(readPayload(undefined), { kept: [] });
    assert.deepEqual(readPayload({}), { kept: [] });
  });

  it("may have fields that are not known here", () => {
    assert.deepEqual(readPayload({ kept: [{ ...ref, since: 1 }], more: true }), { kept: [ref] });
  });

  for (const [what, payload] of [
    ["a text", "kept"],
    ["tunnels without a file", { kept: [{ name: "cache" }] }],
    ["tunnels that are no list", { kept: { cache: ref } }],
    ["more tunnels than there can be", { kept: Array.from({ length: 10_001 }, () => ref) }],
  ] as const) {
    it(`is not taken when it is ${what}`, () => {
      assert.equal(readPayload(payload), undefined);
    });
  }
});
