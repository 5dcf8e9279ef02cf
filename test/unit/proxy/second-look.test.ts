/** The memory of looks at a far side that closed on our proof: one at a time, and none again for a while. */
import assert from "node:assert/strict";
import { holdProofMs, type Look, type LookAdvice, SecondLook } from "../../../daemon/proxy/second-look.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { FakeTime } from "../../support/lifecycle/fake-time.ts";

const DOWN = new TunnelError("BACKEND_DOWN", "down");

function lookOf(advice: LookAdvice): Look {
  assert.ok(advice.do === "look", `it says ${advice.do}`);
  return advice.look;
}

describe("a second look", () => {
  it("is made by the first connection that asks; the others wait for the result", async () => {
    const memory = new SecondLook(new FakeTime());
    const look = lookOf(memory.ask());
    const waiting = [memory.ask(), memory.ask()];
    look.ended(DOWN);
    for (const advice of waiting) assert.equal(advice.do === "wait" && (await advice.result), DOWN);
  });

  for (const result of [DOWN, new TunnelError("KEY_MISMATCH", "other"), new TunnelError("FORWARD_SECRECY_REFUSED", "-g"), "works"] as const) {
    it(`that ends in ${result === "works" ? result : result.code} is trusted for five seconds`, () => {
      const time = new FakeTime();
      const memory = new SecondLook(time);
      lookOf(memory.ask()).ended(result);
      time.pass(4_999);
      assert.deepEqual(memory.ask(), { do: "trust", result });
      time.pass(1);
      assert.equal(memory.ask().do, "look");
    });
  }

  it("that could not connect is reported to the waiting connections, and is not remembered", async () => {
    const memory = new SecondLook(new FakeTime());
    const look = lookOf(memory.ask());
    const waiting = memory.ask();
    const refused = new TunnelError("CONNECT_REFUSED", "nobody there");
    look.ended(refused);
    assert.equal(waiting.do === "wait" && (await waiting.result), refused);
    assert.equal(memory.ask().do, "look");
  });

  it("that was given up is left to the next connection", async () => {
    const memory = new SecondLook(new FakeTime());
    const look = lookOf(memory.ask());
    const waiting = memory.ask();
    look.ended(undefined);
    assert.equal(waiting.do === "wait" && (await waiting.result), undefined);
    assert.equal(memory.ask().do, "look");
  });

  it("ends only once: a later result is ignored", () => {
    const memory = new SecondLook(new FakeTime());
    const look = lookOf(memory.ask());
    look.ended(DOWN);
    look.ended(undefined);
    assert.deepEqual(memory.ask(), { do: "trust", result: DOWN });
  });

  it("is made again when somebody asks on purpose", () => {
    const memory = new SecondLook(new FakeTime());
    lookOf(memory.ask()).ended(DOWN);
    memory.forget();
    assert.equal(memory.ask().do, "look");
  });
});

describe("how long the proof is held back", () => {
  for (const [what, tookMs, timeoutMs, expected] of [
    ["300 ms where everything was quick", [0, 0], 5_000, 300],
    ["three times the longest that anything took, besides", [40, 41, 90], 5_000, 570],
    ["no more than half of what a handshake may take", [40, 2_000], 5_000, 2_500],
    ["with nothing known, 300 ms", [], 5_000, 300],
  ] as const) {
    it(`is ${what}`, () => assert.equal(holdProofMs(tookMs, timeoutMs), expected));
  }
});
