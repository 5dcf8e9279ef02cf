/** Who waits, in what order, and how many handshakes there may be. */
import assert from "node:assert/strict";
import { handshakeBudget, MAX_WAITING, WaitingRoom } from "../../../daemon/proxy/admission.ts";

describe("WaitingRoom", () => {
  const full = (): WaitingRoom<number> => {
    const room = new WaitingRoom<number>();
    for (let newcomer = 0; newcomer < MAX_WAITING; newcomer++) room.enter(newcomer);
    return room;
  };

  it("lets the newcomer that came first go first", () => {
    const room = new WaitingRoom<string>();
    for (const name of ["a", "b", "c"]) room.enter(name);
    assert.deepEqual([room.take(), room.take(), room.take(), room.take()], ["a", "b", "c", undefined]);
  });

  it("skips a newcomer that gave up", () => {
    const room = new WaitingRoom<string>();
    for (const name of ["a", "b"]) room.enter(name);
    room.leave("a");
    assert.equal(room.size, 1);
    assert.equal(room.take(), "b");
  });

  it("ignores a newcomer that gives up but isn't there", () => {
    const room = new WaitingRoom<string>();
    room.enter("a");
    room.leave("b");
    assert.equal(room.size, 1);
  });

  it("turns the next newcomer away when it is full", () => {
    const room = full();
    assert.equal(room.enter(MAX_WAITING), false);
    assert.equal(room.size, MAX_WAITING);
  });

  it("has room again when a newcomer has left", () => {
    const room = full();
    assert.equal(room.take(), 0);
    assert.equal(room.enter(MAX_WAITING), true);
  });
});

describe("WaitingRoom.take with a condition", () => {
  it("takes the first newcomer for which the condition holds, and leaves the others in their order", () => {
    const room = new WaitingRoom<string>();
    for (const name of ["a", "b", "c"]) room.enter(name);
    assert.equal(
      room.take((name) => name > "a"),
      "b",
    );
    assert.deepEqual([room.take(() => false), room.take(), room.take()], [undefined, "a", "c"]);
  });
});

describe("handshakeBudget", () => {
  for (const [limit, budget] of [[1, 256] as const, [64, 256] as const, [65, 260] as const, [100, 400] as const, [1_000, 4_000] as const]) {
    it(`is ${budget} for a limit of ${limit} connections`, () => assert.equal(handshakeBudget(limit), budget));
  }

  it("is unlimited where connections are unlimited", () => assert.equal(handshakeBudget(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY));
});
