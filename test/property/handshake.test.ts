/** The handshake under any splitting and any single change, and the recorded connections at random splits. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Role } from "../../daemon/protocol/wire.ts";
import { anySuite, cutPoints } from "../support/wire/arbitraries.ts";
import { cutAt, flipBit, join, pattern, sameBytes } from "../support/wire/bytes.ts";
import { done, feed, handshake } from "../support/wire/handshakes.ts";
import { replay } from "../support/wire/replay.ts";
import { TRANSCRIPTS } from "../support/wire/transcripts.ts";

const anyRole = (): fc.Arbitrary<Role> => fc.constantFrom("client", "server");

describe("the recorded connections", () => {
  it("are reproduced byte for byte at any splits, by either end, on any suites", () =>
    fc.assert(
      fc.property(fc.constantFrom(...TRANSCRIPTS), anyRole(), anySuite(), cutPoints(), (transcript, role, suite, points) => {
        replay(transcript, { role, suite, split: (bytes) => cutAt(bytes, points) });
      }),
      { numRuns: 60 },
    ));
});

describe("a handshake", () => {
  it("has the same result however the bytes are split, with data right after them", () =>
    fc.assert(
      fc.property(anySuite(), anySuite(), cutPoints(320 + 1060), cutPoints(288), (clientSuite, serverSuite, up, down) => {
        const client = handshake("client", { suite: clientSuite });
        const server = handshake("server", { suite: serverSuite });
        const nonces = { client: client.start(), server: server.start() };
        const { sent: c4 } = feed(client, cutAt(nonces.server, down));
        const serverSide = feed(server, cutAt(join(nonces.client, c4, pattern(900)), up));
        sameBytes(done(serverSide.last).rest, pattern(900), "the rest");
        const clientSide = done(feed(client, cutAt(serverSide.sent, down)).last);
        sameBytes(done(serverSide.last).channel.open(clientSide.channel.seal(pattern(50))), pattern(50));
      }),
      { numRuns: 40 },
    ));

  it("is refused by the server when any single bit of the client's nonce, y or MAC is flipped", () =>
    fc.assert(
      fc.property(anySuite(), fc.nat({ max: 320 * 8 - 1 }), (suite, bit) => {
        const client = handshake("client", { forwardSecrecy: "off" });
        const server = handshake("server", { suite });
        const nonce = client.start();
        const { sent: c4 } = feed(client, [server.start()]);
        assert.throws(() => server.receive(flipBit(join(nonce, c4), bit)), { code: "KEY_MISMATCH" });
      }),
      { numRuns: 150 },
    ));

  it("is refused by the client when any single bit of S5 is flipped", () =>
    fc.assert(
      fc.property(anySuite(), fc.nat({ max: 288 * 8 - 1 }), (suite, bit) => {
        const client = handshake("client", { suite, forwardSecrecy: "off" });
        const server = handshake("server", { forwardSecrecy: "off" });
        const { sent: c4 } = feed(client, [server.start()]);
        const { sent: s5 } = feed(server, [client.start(), c4]);
        assert.throws(() => client.receive(flipBit(s5, bit)), { code: "PEER_MAC_INVALID" });
      }),
      { numRuns: 150 },
    ));

  it("is refused by one end or the other when any single bit of the server's nonce is flipped", () =>
    fc.assert(
      fc.property(fc.nat({ max: 255 }), (bit) => {
        const client = handshake("client", { forwardSecrecy: "off" });
        const server = handshake("server");
        const { sent: c4 } = feed(client, [flipBit(server.start(), bit)]);
        assert.throws(() => server.receive(join(client.start(), c4)), { code: "KEY_MISMATCH" });
      }),
      { numRuns: 60 },
    ));

  it("never crashes a server on bytes of a stranger", () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), cutPoints(700), (bytes, points) => {
        const server = handshake("server");
        server.start();
        let code: unknown;
        try {
          assert.equal(feed(server, cutAt(bytes, points)).last.state, "pending");
        } catch (error) {
          code = (error as { readonly code?: unknown }).code;
        }
        assert.equal(code, bytes.length < 320 ? undefined : "KEY_MISMATCH");
      }),
      { numRuns: 100 },
    ));
});
