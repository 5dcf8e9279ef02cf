/** Which wire two ends speak: hints in nonces, on every suite, whole and byte by byte; and everybody who changes them. */
import assert from "node:assert/strict";
import type { NoiseSuite } from "../../../daemon/crypto/noise-suite.ts";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";
import { writeClientHello, writeServerHello } from "../../../daemon/protocol/native-hello.ts";
import { hintedClientNonce, hintOfClient, nativePsk } from "../../../daemon/protocol/native-hint.ts";
import { type NegotiationOptions, negotiate, type WireChoice } from "../../../daemon/protocol/negotiation.ts";
import { NoiseInitiator } from "../../../daemon/protocol/noise.ts";
import { NoiseOpener, NoiseSealer } from "../../../daemon/protocol/noise-record.ts";
import type { Handshake, HandshakeStep, Role } from "../../../daemon/protocol/wire.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { ascii, flipBit, join, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf } from "../../support/wire/codes.ts";
import { handshake, keyOf } from "../../support/wire/handshakes.ts";
import { NOISE_SUITES, SUITES } from "../../support/wire/suites.ts";

const [suite] = SUITES as readonly [CipherSuite];
const [noise] = NOISE_SUITES as readonly [NoiseSuite];
const NAME = pattern(16, 7);

function end(role: Role, wire: WireChoice, more: Partial<NegotiationOptions> = {}): Handshake {
  const keys = more.keys ?? [keyOf("one")];
  const wires = keys.map(() => wire);
  return negotiate({
    ...{ role, suite, noise, random: systemRandom, forwardSecrecy: "prefer", keys, wires },
    offer: () => ({ instance: NAME, holdsBytes: 1_000_000, keepsMs: 5_000 }),
    answer: () => ({ session: NAME, secret: pattern(32), holdsBytes: 1_000_000, keepsMs: 7_000 }),
    ...more,
  });
}

/** Gives both ends what the other sends until both have nothing more to say; `change` may change what is on its way. */
function converse(
  client: Handshake,
  server: Handshake,
  change: (bytes: Uint8Array, from: Role, index: number) => readonly Uint8Array[] = (bytes) => [bytes],
): { readonly client: HandshakeStep | undefined; readonly server: HandshakeStep | undefined; readonly sent: Readonly<Record<Role, Uint8Array>> } {
  const last: Partial<Record<Role, HandshakeStep>> = {};
  const sent = { client: client.start(), server: server.start() };
  const queue: { readonly from: Role; readonly bytes: Uint8Array }[] = [
    { from: "client", bytes: sent.client },
    { from: "server", bytes: sent.server },
  ];
  const counts = { client: 0, server: 0 };
  for (let next = queue.shift(); next; next = queue.shift()) {
    const to = next.from === "client" ? "server" : "client";
    for (const piece of next.bytes.length === 0 ? [] : change(next.bytes, next.from, counts[next.from]++)) {
      const step = (to === "client" ? client : server).receive(piece);
      last[to] = step;
      if (step.send) {
        queue.push({ from: to, bytes: step.send });
        sent[to] = join(sent[to], step.send);
      }
    }
  }
  return { client: last.client, server: last.server, sent };
}

function wireOf(step: HandshakeStep | undefined): string {
  return step?.state === "native" ? "native" : step?.state === "done" ? "spiped" : "none";
}

describe("the choice of a wire", () => {
  for (const [clientWire, serverWire, expected] of [
    ["auto", "auto", "native"],
    ["auto", "native", "native"],
    ["native", "auto", "native"],
    ["native", "native", "native"],
    ["auto", "spiped", "spiped"],
    ["spiped", "auto", "spiped"],
    ["spiped", "spiped", "spiped"],
    ["native", "spiped", "WIRE_REFUSED"],
  ] as const) {
    it(`is ${expected} between a client with ${clientWire} and a server with ${serverWire}`, () => {
      const [client, server] = [clientWire === "spiped" ? handshake("client") : end("client", clientWire), end("server", serverWire)];
      if (expected === "WIRE_REFUSED") {
        assert.equal(
          codeOf(() => converse(client, server)),
          expected,
        );
        return;
      }
      const done = converse(client, server);
      assert.deepEqual([wireOf(done.client), wireOf(done.server)], [expected, expected]);
    });
  }

  it("is spiped between a client of ours and a spiped, which answers nothing but spiped's bytes", () => {
    const done = converse(end("client", "auto"), handshake("server"));
    assert.deepEqual([wireOf(done.client), wireOf(done.server)], ["spiped", "spiped"]);
    assert.deepEqual([done.sent.client.length, done.sent.server.length], [32 + 288, 32 + 288]);
  });

  it("goes by the key among many, each with its own wires", () => {
    const keys = ["one", "two", "three"].map(keyOf);
    const server = () => end("server", "auto", { keys, wires: ["spiped", "auto", "native"] });
    for (const [index, expected] of [
      [0, "spiped"],
      [1, "native"],
      [2, "native"],
    ] as const) {
      const done = converse(end("client", "auto", { keys: [keys[index] as Uint8Array] }), server());
      assert.equal(wireOf(done.server), expected);
      assert.equal(done.server && "keyIndex" in done.server ? done.server.keyIndex : -1, index);
    }
  });

  for (const one of NOISE_SUITES)
    for (const other of NOISE_SUITES)
      it(`leads to the same session keys on ${one.name} and ${other.name}, byte by byte`, () => {
        const done = converse(end("client", "auto", { noise: one }), end("server", "auto", { noise: other }), (bytes) =>
          Array.from(bytes, (byte) => Uint8Array.of(byte)),
        );
        assert.ok(done.client?.state === "native" && done.server?.state === "native");
        const [near, far] = [done.client.native, done.server.native];
        sameBytes(new NoiseOpener(far.transport.receive).open(new NoiseSealer(near.transport.send).seal(ascii("up")))[0] as Uint8Array, ascii("up"));
        sameBytes(new NoiseOpener(near.transport.receive).open(new NoiseSealer(far.transport.send).seal(ascii("down")))[0] as Uint8Array, ascii("down"));
        assert.deepEqual(
          [near.peer, far.peer],
          [
            { holdsBytes: 1_000_000, keepsMs: 7_000 },
            { holdsBytes: 1_000_000, keepsMs: 5_000 },
          ],
        );
        for (const { session } of [near, far]) assert.deepEqual(session, { name: NAME, secret: pattern(32), takenUpAt: undefined });
      });

  it("makes the server wait for a whole nonce before it says a byte", () => {
    const [client, server] = [end("client", "auto"), end("server", "auto")];
    assert.equal(server.start().length, 0);
    assert.equal(server.receive(client.start().subarray(0, 31)).send, undefined);
    assert.equal(server.progress, "part-nonce");
  });
});

describe("whoever stands between two ends that speak the native wire", () => {
  it("never makes them fall back: any changed bit of either nonce breaks the handshake", () => {
    for (let bit = 0; bit < 256; bit++) {
      for (const whose of ["client", "server"] as const) {
        // Mostly one of them refuses what comes. Where the first bytes of C4 look like the length of a longer message, the
        // server waits for the rest, up to its time limit.
        let spoken = "none none";
        try {
          const done = converse(end("client", "auto"), end("server", "auto"), (bytes, from, index) => {
            return from === whose && index === 0 ? [join(flipBit(bytes.subarray(0, 32), bit), bytes.subarray(32))] : [bytes];
          });
          spoken = `${wireOf(done.client)} ${wireOf(done.server)}`;
        } catch (error) {
          if (!(error instanceof TunnelError)) throw error;
        }
        assert.equal(spoken, "none none", `bit ${bit} of the ${whose}'s nonce`);
      }
    }
  });

  it("never makes them fall back by holding a byte back", () => {
    const done = converse(end("client", "auto"), end("server", "auto"), (bytes) => [bytes.subarray(0, 31), bytes.subarray(31)]);
    assert.deepEqual([wireOf(done.client), wireOf(done.server)], ["native", "native"]);
  });

  it("gets nothing by a replay of a whole client: no key, no answer beyond 32 bytes", () => {
    const recorded = converse(end("client", "auto"), end("server", "auto")).sent.client;
    const server = end("server", "auto");
    let sent = 0;
    const code = codeOf(() => {
      for (const piece of [recorded.subarray(0, 32), recorded.subarray(32)]) sent += server.receive(piece).send?.length ?? 0;
    });
    assert.deepEqual([code, sent], ["PEER_MAC_INVALID", 32]);
  });

  it("can't change a bit of either message of the handshake", () => {
    // Bits of the length first: a longer one may leave both waiting for what never comes.
    for (const whose of ["client", "server"] as const) {
      for (const bit of [0, 9, 15, 16, 17, 200, 271, 272, 273, 400]) {
        let spoken = "nothing";
        try {
          const done = converse(end("client", "auto"), end("server", "auto"), (bytes, from, index) =>
            from === whose && index === 1 ? [flipBit(bytes, bit)] : [bytes],
          );
          spoken = `${wireOf(done.client)} ${wireOf(done.server)}`;
        } catch (error) {
          assert.ok(error instanceof TunnelError && ["PEER_MAC_INVALID", "RECORD_INVALID"].includes(error.code), String(error));
        }
        assert.doesNotMatch(spoken, whose === "client" ? /native|spiped/ : /^(native|spiped)/, `bit ${bit} of the ${whose}'s message`);
      }
    }
  });

  it("is refused when it takes a far end's place that spoke native before, before any proof is sent", () => {
    const client = end("client", "auto", { expectsNative: true });
    client.start();
    assert.equal(
      codeOf(() => client.receive(handshake("server").start())),
      "WIRE_REFUSED",
    );
  });
});

describe("a stranger at a port that speaks both wires", () => {
  it("is no reason for an exchange of X25519", () => {
    let exchanges = 0;
    const counting: NoiseSuite = {
      ...noise,
      x25519Shared: (mine, theirs) => {
        exchanges += 1;
        return noise.x25519Shared(mine, theirs);
      },
      x25519Public: (mine) => {
        exchanges += 1;
        return noise.x25519Public(mine);
      },
    };
    for (const stranger of [pattern(400), join(end("client", "auto", { keys: [keyOf("another")] }).start(), pattern(300))]) {
      const server = end("server", "auto", { noise: counting });
      codeOf(() => server.receive(stranger));
    }
    // Even one who has seen a hint of ours.
    const seen = end("client", "auto").start();
    const server = end("server", "auto", { noise: counting });
    server.receive(seen);
    codeOf(() => server.receive(join(Uint8Array.of(0, 100), pattern(100))));
    assert.equal(exchanges, 0);
  });

  it("can't use a key that was overwritten with zeros, whose hints anybody can make", () => {
    const zeros = new Uint8Array(32);
    const nonce = hintedClientNonce(suite, zeros, { random: systemRandom, version: 1 });
    assert.equal(hintOfClient(suite, zeros, nonce), undefined);
    assert.equal(end("server", "auto", { keys: [zeros] }).receive(nonce).send?.length, 32);
  });

  for (const [title, message] of [
    ["no length that a message has", Uint8Array.of(0, 47)],
    ["a length above 512", Uint8Array.of(2, 1)],
  ] as const)
    it(`ends at once with ${title}`, () => {
      const server = end("server", "auto");
      server.receive(end("client", "auto").start());
      const refused = (): string | undefined => codeOf(() => server.receive(message));
      assert.deepEqual([refused(), refused()], ["RECORD_INVALID", "RECORD_INVALID"]);
    });

  it("who holds the key and says nothing of itself is refused", () => {
    const server = end("server", "auto");
    const nonce = hintedClientNonce(suite, keyOf("one"), { random: systemRandom, version: 1 });
    const answer = server.receive(nonce).send as Uint8Array;
    for (const payload of [
      new Uint8Array(0),
      writeServerHello({ session: NAME, secret: pattern(32), holdsBytes: 1, keepsMs: 0 }),
      writeClientHello({ instance: pattern(15), holdsBytes: 1, keepsMs: 0 }),
    ]) {
      const other = end("server", "auto");
      const theirs = other.receive(nonce).send as Uint8Array;
      const prologue = join(ascii("encrypted-tunnels"), Uint8Array.of(1), nonce, theirs);
      const client = new NoiseInitiator({ suite: noise, psk: nativePsk(suite, keyOf("one")), prologue, ephemeral: systemRandom(32) });
      const first = client.first(payload);
      assert.equal(
        codeOf(() => other.receive(join(Uint8Array.of(0, first.length), first))),
        "PEER_MAC_INVALID",
      );
    }
    assert.equal(answer.length, 32);
  });
});
