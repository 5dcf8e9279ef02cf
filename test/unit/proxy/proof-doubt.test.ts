/** How a connection judges a far side that closes on its proof of the key; times are given, nothing is connected. */
import assert from "node:assert/strict";
import { type NextStep, ProofDoubt } from "../../../daemon/proxy/proof-doubt.ts";
import { SecondLook } from "../../../daemon/proxy/second-look.ts";
import type { HandshakeBreak, ProofFate } from "../../../daemon/proxy/wire-handshake.ts";
import type { ErrorCode } from "../../../shared/errors.ts";
import { FakeTime } from "../../support/lifecycle/fake-time.ts";

const NEW = { verifiedBefore: false, forwardSecrecy: "prefer" } as const;
const SENT: ProofFate = { at: "sent", answerBytes: 0 };

function broken(more: Partial<HandshakeBreak> = {}): HandshakeBreak {
  return { progress: "nonce", how: "closed", proof: SENT, lastedMs: 3, nonceMs: 1, wire: "spiped", ...more };
}

function doubtOf(memory: SecondLook | undefined = new SecondLook(new FakeTime())): ProofDoubt {
  const doubt = new ProofDoubt({ memory, handshakeTimeoutMs: 5_000 });
  doubt.connected(1);
  return doubt;
}

function codeOf(step: NextStep): ErrorCode | undefined {
  return step.do === "say" ? step.error.code : undefined;
}

/** A connection that looks. */
function looking(memory?: SecondLook): ProofDoubt {
  const doubt = doubtOf(memory);
  assert.equal(doubt.next(broken(), NEW).do, "again");
  return doubt;
}

describe("a far side that closes on the proof of the key", () => {
  for (const verifiedBefore of [false, true]) {
    const when = verifiedBefore ? "where the key has worked before" : "on a first contact";
    it(`is looked at once more ${when}, with the proof held back`, () => {
      const doubt = doubtOf();
      assert.deepEqual([doubt.isLooking, doubt.holdProofMs], [false, undefined]);
      assert.equal(doubt.next(broken(), { ...NEW, verifiedBefore }).do, "again");
      assert.equal(doubt.isLooking, true);
      assert.equal(doubt.holdProofMs?.(2), 300 + 3 * 3, "the whole first connection was the longest");
    });

    for (const [what, how, code] of [
      ["closes while it is held", { proof: { at: "held" } }, "BACKEND_DOWN"],
      ["resets while it is held", { proof: { at: "held" }, how: "reset" }, "BACKEND_DOWN"],
      ["closes when it gets it", {}, "KEY_MISMATCH"],
      ["resets when it gets it", { how: "reset" }, "BACKEND_DOWN"],
      ["closes without a byte this time", { proof: { at: "unmade" }, progress: "no-byte", nonceMs: undefined }, "BACKEND_DOWN"],
      ["is cut in its answer", { proof: { at: "sent", answerBytes: 7 } }, "TRUNCATED"],
    ] as const) {
      it(`and then ${what} is ${code} ${when}`, () => {
        const step = looking().next(broken(how), { ...NEW, verifiedBefore });
        assert.equal(codeOf(step), code);
        assert.match(step.do === "say" ? step.error.message : "", /probably/);
      });
    }
  }

  it("is looked at again after a handshake that worked, whatever a look had found a moment before", () => {
    const memory = new SecondLook(new FakeTime());
    const down = looking(memory);
    const step = down.next(broken({ proof: { at: "held" } }), NEW);
    down.ended(step.do === "say" ? step.error : undefined);
    assert.equal(codeOf(doubtOf(memory).next(broken(), NEW)), "BACKEND_DOWN", "the look is trusted");
    doubtOf(memory).ended("works");
    assert.equal(doubtOf(memory).next(broken(), NEW).do, "again");
  });

  it("is taken at its word where there is no memory of looks", () => {
    const doubt = new ProofDoubt({ memory: undefined, handshakeTimeoutMs: 5_000 });
    assert.deepEqual([codeOf(doubt.next(broken(), NEW)), codeOf(doubt.next(broken(), { ...NEW, verifiedBefore: true }))], ["KEY_MISMATCH", "BACKEND_DOWN"]);
  });

  it("is not looked at again when it resets, which a different key never causes", () => {
    assert.equal(codeOf(doubtOf().next(broken({ how: "reset" }), NEW)), "BACKEND_DOWN");
  });

  it("is looked at once for all connections: later ones report the result of the look", () => {
    const memory = new SecondLook(new FakeTime());
    const first = looking(memory);
    const step = first.next(broken(), NEW);
    first.ended(step.do === "say" ? step.error : undefined);
    assert.equal(codeOf(doubtOf(memory).next(broken(), NEW)), "KEY_MISMATCH");
  });

  it("is BACKEND_DOWN for the others when it has taken the same key meanwhile", () => {
    const memory = new SecondLook(new FakeTime());
    looking(memory).ended("works");
    assert.equal(codeOf(doubtOf(memory).next(broken(), NEW)), "BACKEND_DOWN");
  });

  it("is looked at with forward secrecy where the proof had none", () => {
    const tries = ["off", "prefer", "require"] as const;
    const asked = tries.map((forwardSecrecy) => {
      const doubt = doubtOf();
      doubt.next(broken(), { ...NEW, forwardSecrecy });
      return doubt.triesForwardSecrecy;
    });
    assert.deepEqual([doubtOf().triesForwardSecrecy, ...asked], [false, true, false, false]);
  });
});

describe("a far side that closes without a byte", () => {
  const SILENT = { proof: { at: "unmade" }, progress: "no-byte", nonceMs: undefined } as const;

  for (const [what, again, code] of [
    ["closes after its nonce, while the proof is held", { proof: { at: "held" } }, "BACKEND_DOWN"],
    ["closes when it gets the proof", {}, "KEY_MISMATCH"],
  ] as const) {
    it(`is looked at once more, and is ${code} when it ${what}`, () => {
      const doubt = doubtOf();
      const off = { ...NEW, forwardSecrecy: "off" } as const;
      assert.equal(doubt.next(broken(SILENT), off).do, "again");
      assert.equal(doubt.triesForwardSecrecy, false, "it has not seen our proof");
      assert.equal(codeOf(doubt.next(broken(again), off)), code);
    });
  }

  it("is looked at twice more, and is PEER_CLOSED when it closes so each time", () => {
    const doubt = doubtOf();
    for (const look of ["first", "second"]) assert.equal(doubt.next(broken(SILENT), NEW).do, "again", look);
    assert.equal(codeOf(doubt.next(broken(SILENT), NEW)), "PEER_CLOSED");
  });

  it("is BACKEND_DOWN when its second look closes without a byte, and its third while the proof is held", () => {
    const doubt = doubtOf();
    for (const look of ["first", "second"]) assert.equal(doubt.next(broken(SILENT), NEW).do, "again", look);
    assert.equal(codeOf(doubt.next(broken({ proof: { at: "held" } }), NEW)), "BACKEND_DOWN");
  });

  it("again and again is BACKEND_DOWN where it has greeted another connection: spiped is there, and its backend refuses", () => {
    const time = new FakeTime();
    const memory = new SecondLook(time);
    looking(memory).ended(undefined);
    const doubt = doubtOf(memory);
    assert.equal(doubt.next(broken(SILENT), NEW).do, "again");
    assert.equal(codeOf(doubt.next(broken(SILENT), NEW)), "BACKEND_DOWN");
    time.pass(60_000);
    assert.equal(doubt.next(broken(SILENT), NEW).do, "again");
    assert.equal(codeOf(doubt.next(broken(SILENT), NEW)), "PEER_CLOSED", "who greeted long ago may be gone");
  });

  it("is not looked at again when it closes in the middle of its nonce", () => {
    assert.equal(codeOf(doubtOf().next(broken({ ...SILENT, progress: "part-nonce" }), NEW)), "PEER_CLOSED");
  });
});
