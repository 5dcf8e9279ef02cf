/** When the other end of a connection is asked, and when it is dead. */
import assert from "node:assert/strict";
import { Liveness } from "../../../daemon/protocol/liveness.ts";

const IDLE = { streams: 1, isBusy: false };

describe("the other end of a connection", () => {
  for (const [title, role, about, quietMs, askedMs] of [
    ["with streams open", "client", IDLE, 3_999, 4_000],
    ["without streams", "client", { streams: 0, isBusy: false }, 59_999, 60_000],
    ["by a server, which asks later", "server", IDLE, 18_999, 19_000],
    ["by a server without streams", "server", { streams: 0, isBusy: false }, 74_999, 75_000],
  ] as const)
    it(`is asked after a silence: ${title}`, () => {
      const liveness = new Liveness(role, 0);
      assert.equal(liveness.look(quietMs, about), "nothing");
      assert.equal(liveness.look(askedMs, about), "ask");
      // Heard in between: the silence begins anew.
      liveness.heard(1_000);
      assert.equal(liveness.look(askedMs, about), "nothing");
      assert.equal(liveness.look(askedMs + 1_000, about), "ask");
    });

  for (const [title, isBusy, deadMs] of [
    ["6 s after the question", false, 6_000],
    ["10 s after it while much is on its way, as an answer may wait behind that", true, 10_000],
  ] as const)
    it(`is dead ${title}`, () => {
      const liveness = new Liveness("client", 0);
      liveness.asked(4_000);
      liveness.asked(7_000); // a second question does not give it more time
      assert.equal(liveness.look(4_000 + deadMs - 1, { streams: 1, isBusy }), "nothing");
      assert.equal(liveness.look(4_000 + deadMs, { streams: 1, isBusy }), "dead");
      liveness.heard(4_000 + deadMs);
      assert.equal(liveness.look(4_000 + deadMs, { streams: 1, isBusy }), "nothing");
      assert.equal(liveness.isAsking, false);
    });

  it("that is dead is noticed within 12 s of its last word, at one look a second", () => {
    for (let lastWordMs = 0; lastWordMs < 1_000; lastWordMs += 50) {
      const liveness = new Liveness("client", 0);
      liveness.heard(lastWordMs);
      for (let nowMs = 1_000; ; nowMs += 1_000) {
        const next = liveness.look(nowMs, IDLE);
        if (next === "ask") liveness.asked(nowMs);
        if (next === "dead") {
          assert.ok(nowMs - lastWordMs <= 12_000, `${nowMs - lastWordMs} ms`);
          break;
        }
      }
    }
  });

  it("is doubted after a second, or four round trips if they take longer", () => {
    assert.deepEqual([undefined, 20, 249, 500].map(Liveness.suspectMs), [1_000, 1_000, 1_000, 2_000]);
  });

  it("is asked at once by a stream that opens after a second of silence", () => {
    const liveness = new Liveness("client", 0);
    assert.deepEqual([liveness.isStale(999), liveness.isStale(1_000)], [false, true]);
  });
});
