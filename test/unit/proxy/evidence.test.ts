/** The rules (a) to (g) of the design: what the end of a handshake says about its cause. */
import assert from "node:assert/strict";
import type { HandshakeProgress } from "../../../daemon/protocol/wire.ts";
import { backendSilent, handshakeBroken, perhapsFull, truncated } from "../../../daemon/proxy/evidence.ts";
import { type ErrorCode, TunnelError } from "../../../shared/errors.ts";

const CLIENT_RULES: readonly (readonly [HandshakeProgress, "closed" | "reset", "verified before" | "never verified", ErrorCode])[] = [
  ["no-byte", "closed", "never verified", "PEER_CLOSED"],
  ["no-byte", "closed", "verified before", "PEER_CLOSED"],
  ["no-byte", "reset", "never verified", "PEER_CLOSED"],
  ["part-nonce", "closed", "never verified", "PEER_CLOSED"],
  ["part-nonce", "reset", "verified before", "PEER_CLOSED"],
  ["nonce", "closed", "never verified", "KEY_MISMATCH"],
  ["nonce", "reset", "never verified", "BACKEND_DOWN"],
  ["nonce", "closed", "verified before", "BACKEND_DOWN"],
  ["nonce", "reset", "verified before", "BACKEND_DOWN"],
];

describe("handshakeBroken for a client", () => {
  for (const [progress, how, before, code] of CLIENT_RULES) {
    it(`is ${code} after ${progress}, ${how}, with a key ${before}`, () => {
      assert.equal(handshakeBroken({ role: "client", progress, how, verifiedBefore: before === "verified before" }).code, code);
    });
  }

  it("says probably wherever the cause is a guess", () => {
    for (const [progress, how, before] of CLIENT_RULES) {
      assert.match(handshakeBroken({ role: "client", progress, how, verifiedBefore: before === "verified before" }).message, /probably/);
    }
  });
});

describe("handshakeBroken for a server", () => {
  for (const progress of ["no-byte", "part-nonce", "nonce"] as const) {
    for (const how of ["closed", "reset"] as const) {
      it(`is PEER_CLOSED after ${progress}, ${how}`, () => {
        for (const verifiedBefore of [true, false]) assert.equal(handshakeBroken({ role: "server", progress, how, verifiedBefore }).code, "PEER_CLOSED");
      });
    }
  }
});

describe("truncated", () => {
  it("says how far into a packet the stream ended", () => {
    const error = truncated(17);
    assert.equal(error.code, "TRUNCATED");
    assert.match(error.message, /\b17 bytes/);
  });
});

describe("backendSilent", () => {
  for (const [what, end, code] of [
    ["data was sent and none came back", { sentBytes: 5, openMs: 99_999, patienceMs: 10_000 }, "BACKEND_DOWN"],
    ["nothing was sent and it closed at once", { sentBytes: 0, openMs: 3, patienceMs: 10_000 }, "BACKEND_DOWN"],
    ["nothing was sent and it closed within the patience", { sentBytes: 0, openMs: 10_000, patienceMs: 10_000 }, "BACKEND_DOWN"],
    ["nothing was sent and it lay idle for longer", { sentBytes: 0, openMs: 10_001, patienceMs: 10_000 }, undefined],
  ] as const) {
    it(`is ${code ?? "nothing"} when ${what}`, () => assert.equal(backendSilent(end)?.code, code));
  }
});

describe("perhapsFull", () => {
  const late = new TunnelError("HANDSHAKE_TIMEOUT", "not one byte came");

  it("says that a far end which has worked and says nothing is probably at its limit", () => {
    const error = perhapsFull(new Uint8Array(0), late, { verifiedBefore: true });
    assert.deepEqual([error.code, error.cause], ["LIMIT_REACHED", late]);
    assert.match(error.message, /not one byte came, though this key has worked there: probably .* \(-n\)/);
  });

  it("leaves the error as it is for a far end that never worked, that said something, or that failed otherwise", () => {
    const other = new TunnelError("PEER_CLOSED", "closed");
    assert.equal(perhapsFull(new Uint8Array(0), late, { verifiedBefore: false }), late);
    assert.equal(perhapsFull(new Uint8Array(1), late, { verifiedBefore: true }), late);
    assert.equal(perhapsFull(new Uint8Array(0), other, { verifiedBefore: true }), other);
  });
});
