/**
 * Changes and a hand-over at the same time: no change is made after the successor
 * has read the state, and no change is lost.
 */
import assert from "node:assert/strict";
import { ChangeGate } from "../../../daemon/rpc/change-gate.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { rejectionOf } from "../../support/wire/codes.ts";

const PATIENCE = { patienceMs: 5_000 };

/** A promise that a test settles. */
function open<T>(): { readonly promise: Promise<T>; resolve(value: T): void; reject(error: Error): void } {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe("a change of what the daemon remembers", () => {
  it("is made at once when no hand-over is under way, and its result or failure is passed on", async () => {
    const gate = new ChangeGate();
    assert.equal(await gate.pass(async () => "changed"), "changed");
    const fail = async (): Promise<never> => {
      throw new TunnelError("CONFIG_INVALID", "no");
    };
    assert.equal((await rejectionOf(gate.pass(fail))).code, "CONFIG_INVALID");
  });

  it("ends before the hand-over begins", async () => {
    const gate = new ChangeGate();
    const change = open<void>();
    const order: string[] = [];
    const changed = gate.pass(() => change.promise.then(() => order.push("changed")));
    const handedOver = gate.handOver(async () => order.push("handed over"), PATIENCE);
    change.resolve();
    await Promise.all([changed, handedOver]);
    assert.deepEqual(order, ["changed", "handed over"]);
  });

  it("waits for a hand-over, and is refused without being made when the hand-over succeeds", async () => {
    const gate = new ChangeGate();
    const successor = open<number>();
    const handedOver = gate.handOver(() => successor.promise, PATIENCE);
    const made: string[] = [];
    const change = async (): Promise<number> => made.push("changed");
    const waiting = rejectionOf(gate.pass(change));
    successor.resolve(7);
    assert.equal(await handedOver, 7);
    assert.equal((await waiting).code, "DAEMON_UNREACHABLE");
    assert.equal((await rejectionOf(gate.pass(change))).code, "DAEMON_UNREACHABLE");
    assert.deepEqual(made, []);
  });

  it("goes on when the hand-over fails", async () => {
    const gate = new ChangeGate();
    const successor = open<number>();
    const handedOver = rejectionOf(gate.handOver(() => successor.promise, PATIENCE));
    const waiting = gate.pass(async () => "changed");
    successor.reject(new TunnelError("DAEMON_VERSION", "no"));
    assert.equal((await handedOver).code, "DAEMON_VERSION");
    assert.equal(await waiting, "changed");
  });

  it("that does not end keeps the daemon from handing over, but does not hold up other changes", async () => {
    const gate = new ChangeGate();
    const stuck = open<void>();
    const change = gate.pass(() => stuck.promise);
    const error = await rejectionOf(gate.handOver(async () => assert.fail("handed over"), { patienceMs: 10 }));
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.equal(await gate.pass(async () => "changed"), "changed");
    stuck.resolve();
    await change;
  });
});
