/** Two ends of our own handshake, joined by hand. */
import assert from "node:assert/strict";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";
import { type HandshakeOptions, SpipedHandshake } from "../../../daemon/protocol/handshake.ts";
import { dhMacKeys, sharedKey } from "../../../daemon/protocol/keys.ts";
import type { HandshakeStep, Role } from "../../../daemon/protocol/wire.ts";
import { ascii, join } from "./bytes.ts";
import { SUITES } from "./suites.ts";

export type Done = Extract<HandshakeStep, { state: "done" }>;

const [anySuite] = SUITES as readonly [CipherSuite];

/** K of a key file with this text. */
export function keyOf(text: string): Uint8Array {
  return sharedKey(anySuite, ascii(text));
}

export function handshake(role: Role, options: Partial<HandshakeOptions> = {}): SpipedHandshake {
  return new SpipedHandshake({ role, suite: anySuite, random: systemRandom, keys: [keyOf("one")], forwardSecrecy: "prefer", ...options });
}

/** Gives `pieces` to `end`; returns all bytes it sent, and its last step, whose `rest` has all bytes after the handshake. */
export function feed(end: SpipedHandshake, pieces: readonly Uint8Array[]): { readonly sent: Uint8Array; readonly last: HandshakeStep } {
  const sent: Uint8Array[] = [];
  for (const [index, piece] of pieces.entries()) {
    const step = end.receive(piece);
    if (step.send) sent.push(step.send);
    if (step.state === "done") return { sent: join(...sent), last: { ...step, rest: join(step.rest, ...pieces.slice(index + 1)) } };
  }
  return { sent: join(...sent), last: { state: "pending", send: undefined } };
}

export function done(step: HandshakeStep): Done {
  if (step.state !== "done") assert.fail("the handshake is not over");
  return step;
}

/** Runs the handshake of both ends until it is done. */
export function shakeHands(client: SpipedHandshake, server: SpipedHandshake): { readonly client: Done; readonly server: Done } {
  const nonces = { client: client.start(), server: server.start() };
  const c4 = client.receive(nonces.server).send;
  assert.ok(c4, "C4 answers S1");
  const serverStep = done(server.receive(join(nonces.client, c4)));
  assert.ok(serverStep.send, "S5 answers C4");
  return { client: done(client.receive(serverStep.send)), server: serverStep };
}

/** C4 or S5 with any y and a valid MAC, as a peer with `key` could send it. */
export function dhMessage(
  from: Role,
  proof: { readonly y: Uint8Array; readonly key: Uint8Array; readonly nonces: Readonly<Record<Role, Uint8Array>> },
): Uint8Array {
  const macKeys = dhMacKeys(anySuite, proof.key, proof.nonces);
  return join(proof.y, anySuite.hmacSha256(macKeys[from], proof.y));
}

/** An end that has exchanged nonces: next it needs the other end's y. */
export function withNonces(
  role: Role,
  options: Partial<HandshakeOptions> = {},
): {
  readonly end: SpipedHandshake;
  readonly nonces: Readonly<Record<Role, Uint8Array>>;
} {
  const end = handshake(role, options);
  const own = end.start();
  const theirs = ascii("the other end's 32 byte nonce ...").slice(0, 32);
  end.receive(theirs);
  return { end, nonces: role === "client" ? { client: own, server: theirs } : { client: theirs, server: own } };
}
