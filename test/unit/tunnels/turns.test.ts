/** Hundreds of pieces of work leave the event loop room. */
import assert from "node:assert/strict";
import { Turns } from "../../../daemon/tunnels/turns.ts";

describe("turns of the loop", () => {
  it("run a few pieces of work each, in the order they were asked for", async () => {
    const turns = new Turns();
    let turn = 0;
    let isDone = false;
    const count = (): void => {
      turn += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    const done: { readonly piece: number; readonly turn: number }[] = [];
    await Promise.all(Array.from({ length: 40 }, (_, piece) => turns.next().then(() => done.push({ piece, turn }))));
    isDone = true;
    assert.deepEqual(
      done.map(({ piece }) => piece),
      Array.from({ length: 40 }, (_, piece) => piece),
    );
    const most = Math.max(...done.map((one) => done.filter((other) => other.turn === one.turn).length));
    assert.ok(most <= 8, `${most} in one turn`);
  });

  it("cost nothing for a single piece", async () => {
    let hasTurned = false;
    setImmediate(() => {
      hasTurned = true;
    });
    await new Turns().next();
    assert.equal(hasTurned, false);
  });
});
