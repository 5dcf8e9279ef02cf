/** The Noise handshake of the native wire: the published vectors on both suites, every refusal, and what a stranger costs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { NoiseSuite } from "../../../daemon/crypto/noise-suite.ts";
import { CipherState, HANDSHAKE_OVERHEAD_BYTES, NoiseInitiator, NoiseResponder } from "../../../daemon/protocol/noise.ts";
import { ascii, flipBit, fromHex, pattern, sameBytes, toHex } from "../../support/wire/bytes.ts";
import { shaken, sidesOf } from "../../support/wire/noise.ts";
import { NOISE_SUITE_PAIRS, NOISE_SUITES } from "../../support/wire/suites.ts";

interface Vector {
  readonly protocol_name: string;
  readonly init_prologue: string;
  readonly init_psks: readonly [string];
  readonly init_ephemeral: string;
  readonly resp_prologue: string;
  readonly resp_psks: readonly [string];
  readonly resp_ephemeral: string;
  readonly handshake_hash: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

const { vectors } = JSON.parse(readFileSync(new URL("../../vectors/noise/nnpsk0.json", import.meta.url), "utf8")) as { readonly vectors: readonly Vector[] };
/** The file has ChaChaPoly as well, which the native wire does not use. */
const VECTORS = vectors.filter(({ protocol_name }) => protocol_name === "Noise_NNpsk0_25519_AESGCM_SHA256");
const EMPTY = new Uint8Array(0);

/** Counts the exchanges that a suite is asked for. */
function counting(suite: NoiseSuite): { readonly suite: NoiseSuite; readonly exchanges: () => number } {
  let exchanges = 0;
  const count = <T>(result: T): T => {
    exchanges += 1;
    return result;
  };
  return {
    suite: { ...suite, x25519Public: (key) => count(suite.x25519Public(key)), x25519Shared: (key, peer) => count(suite.x25519Shared(key, peer)) },
    exchanges: () => exchanges,
  };
}

describe("the Noise handshake", () => {
  it("has a vector to be tested against", () => assert.equal(VECTORS.length, 1));

  for (const [one, other] of NOISE_SUITE_PAIRS)
    for (const vector of VECTORS)
      it(`gives the messages and the hash of the published vector (${one.name} to ${other.name})`, () => {
        const { initiator, responder } = sidesOf(one, {
          suites: [one, other],
          psks: [fromHex(vector.init_psks[0]), fromHex(vector.resp_psks[0])],
          prologues: [fromHex(vector.init_prologue), fromHex(vector.resp_prologue)],
          ephemerals: [fromHex(vector.init_ephemeral), fromHex(vector.resp_ephemeral)],
        });
        const [first, second, ...rest] = vector.messages;
        assert.ok(first && second && rest.length > 0);
        const sent = initiator.first(fromHex(first.payload));
        assert.equal(toHex(sent), first.ciphertext);
        sameBytes(responder.first(sent)?.payload ?? EMPTY, fromHex(first.payload));
        const answer = responder.second(fromHex(second.payload)) ?? assert.fail("no message 2");
        assert.equal(toHex(answer.message), second.ciphertext);
        const done = initiator.second(answer.message) ?? assert.fail("message 2 was refused");
        sameBytes(done.payload, fromHex(second.payload));
        assert.deepEqual(
          [done.transport, answer.transport].map(({ handshakeHash }) => toHex(handshakeHash)),
          [vector.handshake_hash, vector.handshake_hash],
        );
        rest.forEach(({ payload, ciphertext }, index) => {
          const [from, to] = index % 2 === 0 ? [done.transport, answer.transport] : [answer.transport, done.transport];
          const sealed = from.send.seal(EMPTY, fromHex(payload));
          assert.equal(toHex(sealed), ciphertext);
          sameBytes(to.receive.open(EMPTY, sealed) ?? EMPTY, fromHex(payload));
        });
      });

  for (const suite of NOISE_SUITES)
    describe(`on the ${suite.name} suite`, () => {
      for (const [what, options] of [
        ["another psk", { psks: [pattern(32, 3), pattern(32, 9)] }],
        ["another prologue", { prologues: [ascii("one"), ascii("two")] }],
      ] as const)
        it(`refuses message 1 of somebody with ${what}, without an exchange`, () => {
          const counted = counting(suite);
          const { initiator, responder } = sidesOf(suite, { ...options, suites: [suite, counted.suite] });
          assert.equal(responder.first(initiator.first(ascii("hello"))), undefined);
          assert.equal(counted.exchanges(), 0);
          assert.throws(() => responder.second(EMPTY), RangeError);
        });

      it("refuses message 1 with any single bit changed, without an exchange", () => {
        const message = sidesOf(suite).initiator.first(ascii("x"));
        for (let bit = 0; bit < message.length * 8; bit += 7) {
          const counted = counting(suite);
          assert.equal(sidesOf(counted.suite).responder.first(flipBit(message, bit)), undefined, `bit ${bit}`);
          assert.equal(counted.exchanges(), 0);
        }
      });

      it("refuses message 2 with any single bit changed", () => {
        const first = sidesOf(suite);
        assert.ok(first.responder.first(first.initiator.first(EMPTY)));
        const { message } = first.responder.second(ascii("y")) ?? assert.fail();
        for (let bit = 0; bit < message.length * 8; bit += 13) {
          const { initiator } = sidesOf(suite);
          initiator.first(EMPTY);
          assert.equal(initiator.second(flipBit(message, bit)), undefined, `bit ${bit}`);
        }
      });

      for (const length of [0, 1, 31, 32, 47])
        it(`refuses ${length} bytes for either message`, () => {
          const { initiator, responder } = sidesOf(suite);
          initiator.first(EMPTY);
          assert.equal(responder.first(pattern(length)), undefined);
          assert.equal(initiator.second(pattern(length)), undefined);
          assert.ok(length < HANDSHAKE_OVERHEAD_BYTES);
        });

      it("refuses message 1 that is cut or has a byte more", () => {
        const message = sidesOf(suite).initiator.first(ascii("hello"));
        for (const changed of [message.slice(0, -1), Uint8Array.from([...message, 0])]) assert.equal(sidesOf(suite).responder.first(changed), undefined);
      });

      it("refuses a replay of message 1 under another prologue", () => {
        const message = sidesOf(suite, { prologues: [ascii("nonces 1"), ascii("nonces 1")] }).initiator.first(EMPTY);
        const later = sidesOf(suite, { prologues: [ascii("nonces 2"), ascii("nonces 2")] });
        assert.equal(later.responder.first(message), undefined);
      });

      it("gives up when a client that holds the psk sends a point of low order", () => {
        // Only a holder of the psk gets so far: message 1 is made with a suite whose public key is zero.
        const evil: NoiseSuite = { ...suite, x25519Public: () => new Uint8Array(32) };
        const { initiator, responder } = sidesOf(suite, { suites: [evil, suite] });
        assert.ok(responder.first(initiator.first(EMPTY)));
        assert.equal(responder.second(EMPTY), undefined);
      });

      it("overwrites the ephemeral keys when it is done, refused or given up", () => {
        const keys = [pattern(32, 5), pattern(32, 6), pattern(32, 7)];
        const own = keys.map((key) => Uint8Array.from(key)) as [Uint8Array, Uint8Array, Uint8Array];
        const start = { suite, psk: pattern(32, 3), prologue: EMPTY };
        const responder = new NoiseResponder({ ...start, ephemeral: own[1] });
        const initiator = new NoiseInitiator({ ...start, ephemeral: own[0] });
        responder.first(initiator.first(EMPTY));
        initiator.second(responder.second(EMPTY)?.message ?? EMPTY);
        const refusing = new NoiseResponder({ ...start, ephemeral: own[2] });
        refusing.first(pattern(60));
        for (const key of own) sameBytes(key, new Uint8Array(32));
      });

      it("goes on with another key after a rekey at both ends, and the old one opens nothing more", () => {
        const { client, server } = shaken(suite);
        const stale = new CipherState(suite, pattern(32));
        const before = client.send.seal(EMPTY, ascii("1"));
        sameBytes(server.receive.open(EMPTY, before) ?? EMPTY, ascii("1"));
        client.send.rekey();
        const after = client.send.seal(EMPTY, ascii("2"));
        assert.equal(server.receive.open(EMPTY, after), undefined, "this end has not changed its key");
        server.receive.rekey();
        sameBytes(server.receive.open(EMPTY, after) ?? EMPTY, ascii("2"));
        assert.deepEqual([client.send.count, server.receive.count, stale.count], [2, 2, 0]);
      });

      it("seals nothing more with a key that has been wiped", () => {
        const { client } = shaken(suite);
        client.send.wipe();
        assert.throws(() => client.send.seal(EMPTY, ascii("x")), RangeError);
      });
    });
});
