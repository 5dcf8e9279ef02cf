/** Both sides of a Noise handshake in a test: with fixed ephemeral keys where a vector has them. */
import assert from "node:assert/strict";
import type { NoiseSuite } from "../../../daemon/crypto/noise-suite.ts";
import { NoiseInitiator, NoiseResponder, type NoiseTransport } from "../../../daemon/protocol/noise.ts";
import { pattern } from "./bytes.ts";

export interface Sides {
  readonly initiator: NoiseInitiator;
  readonly responder: NoiseResponder;
}

/** What the sides are made from; each part has a default. */
export interface SidesOptions {
  readonly suites?: readonly [NoiseSuite, NoiseSuite];
  readonly psks?: readonly [Uint8Array, Uint8Array];
  readonly prologues?: readonly [Uint8Array, Uint8Array];
  readonly ephemerals?: readonly [Uint8Array, Uint8Array];
}

/** Makes both sides; the ephemeral keys are copied, as a handshake overwrites its own. */
export function sidesOf(suite: NoiseSuite, options: SidesOptions = {}): Sides {
  const { suites = [suite, suite], psks = [pattern(32, 3), pattern(32, 3)], prologues = [pattern(20, 4), pattern(20, 4)] } = options;
  const ephemerals = (options.ephemerals ?? [pattern(32, 5), pattern(32, 6)]).map((key) => Uint8Array.from(key)) as [Uint8Array, Uint8Array];
  const start = (index: 0 | 1) => ({ suite: suites[index], psk: psks[index], prologue: prologues[index], ephemeral: ephemerals[index] });
  return { initiator: new NoiseInitiator(start(0)), responder: new NoiseResponder(start(1)) };
}

/** A whole handshake with empty payloads. */
export function shaken(suite: NoiseSuite, options: SidesOptions = {}): { readonly client: NoiseTransport; readonly server: NoiseTransport } {
  const { initiator, responder } = sidesOf(suite, options);
  assert.ok(responder.first(initiator.first(new Uint8Array(0))));
  const answer = responder.second(new Uint8Array(0)) ?? assert.fail("no message 2");
  const done = initiator.second(answer.message) ?? assert.fail("message 2 was refused");
  return { client: done.transport, server: answer.transport };
}
