/** What a handshake refuses, which code it gives, and that it stays refused. Steps S4 and C5 of spiped's DESIGN.md. */
import assert from "node:assert/strict";
import { GROUP14_PRIME_BYTES } from "../../../daemon/crypto/dh-group14.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";
import { sessionKeys } from "../../../daemon/protocol/keys.ts";
import { RecordOpener, RecordSealer } from "../../../daemon/protocol/record.ts";
import type { Role } from "../../../daemon/protocol/wire.ts";
import { ascii, bytesOf, flipBit, join, numberOf, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";
import { dhMessage, done, handshake, keyOf, withNonces } from "../../support/wire/handshakes.ts";
import { otherRole } from "../../support/wire/replay.ts";
import { SUITES } from "../../support/wire/suites.ts";

const P = numberOf(GROUP14_PRIME_BYTES);
const key = keyOf("one");
const WRONG_PROOF: Readonly<Record<Role, string>> = { server: "KEY_MISMATCH", client: "PEER_MAC_INVALID" };

for (const suite of SUITES) {
  for (const role of ["client", "server"] as const) {
    describe(`a ${role} on the ${suite.name} suite`, () => {
      const proof = (y: bigint, end = withNonces(role, { suite })) => ({
        end: end.end,
        message: dhMessage(otherRole(role), { y: bytesOf(y, 256), key, nonces: end.nonces }),
      });

      for (const [name, y] of [["p", P] as const, ["p + 1", P + 1n] as const, ["2^2048 - 1", 2n ** 2048n - 1n] as const]) {
        it(`refuses y = ${name} though its MAC is right`, () => {
          const { end, message } = proof(y);
          assert.equal(
            codeOf(() => end.receive(message)),
            "PEER_MAC_INVALID",
          );
        });
      }

      // spiped's proto_crypt_dh_validate refuses y ≥ p, and y = 1 under -g; nothing else. Under -g we also refuse 0 and p - 1.
      for (const [name, y, secret] of [
        ["0", 0n, () => 0n] as const,
        ["1", 1n, () => 1n] as const,
        ["p - 1 with an even x", P - 1n, () => 1n] as const,
        ["p - 2", P - 2n, undefined] as const,
      ]) {
        it(`accepts y = ${name}, as spiped does`, () => {
          const even = pattern(32, 8);
          even[31] = (even[31] ?? 0) & 0xfe;
          const { end, nonces } = withNonces(role, { suite, random: () => even.slice() });
          const step = done(end.receive(dhMessage(otherRole(role), { y: bytesOf(y, 256), key, nonces })));
          if (!secret) return;
          const keys = sessionKeys(suite, key, { nonces, dhSecret: bytesOf(secret(), 256) });
          const opener = new RecordOpener(suite, keys[role]);
          sameBytes(opener.open(step.channel.seal(ascii("same keys"))), ascii("same keys"));
        });
      }

      for (const [name, y] of [["0", 0n] as const, ["1", 1n] as const, ["p - 1", P - 1n] as const]) {
        it(`refuses y = ${name} when it requires forward secrecy: everybody knows the resulting secret`, () => {
          const { end, message } = proof(y, withNonces(role, { suite, forwardSecrecy: "require" }));
          assert.equal(
            codeOf(() => end.receive(message)),
            "FORWARD_SECRECY_REFUSED",
          );
        });
      }

      for (const [name, y] of [["2", 2n] as const, ["p - 2", P - 2n] as const]) {
        it(`accepts y = ${name} when it requires forward secrecy`, () => {
          const { end, message } = proof(y, withNonces(role, { suite, forwardSecrecy: "require" }));
          assert.equal(end.receive(message).state, "done");
        });
      }

      it(`says ${WRONG_PROOF[role]} to a proof under another key`, () => {
        const { end, nonces } = withNonces(role, { suite });
        const message = dhMessage(otherRole(role), { y: pattern(256), key: keyOf("two"), nonces });
        assert.equal(
          codeOf(() => end.receive(message)),
          WRONG_PROOF[role],
        );
      });

      it("judges the MAC before y, so that only a holder of the key learns of the range", () => {
        const { end, message } = proof(P);
        assert.equal(
          codeOf(() => end.receive(flipBit(message, 288 * 8 - 1))),
          WRONG_PROOF[role],
        );
      });

      it("refuses a proof made for its own direction (reflection)", () => {
        const { end, nonces } = withNonces(role, { suite });
        assert.equal(
          codeOf(() => end.receive(dhMessage(role, { y: bytesOf(4n, 256), key, nonces }))),
          WRONG_PROOF[role],
        );
      });

      it("refuses a right proof in which any byte of y or MAC is changed", () => {
        const bits = Array.from({ length: 288 }, (_, index) => index * 8 + (index % 8));
        for (const bit of bits) {
          const { end, message } = proof(4n, withNonces(role, { suite, forwardSecrecy: "off" }));
          assert.equal(
            codeOf(() => end.receive(flipBit(message, bit))),
            WRONG_PROOF[role],
            `bit ${bit}`,
          );
        }
      });

      it("throws its first error again on every later call", () => {
        const { end, message } = proof(P);
        const first = errorOf(() => end.receive(message));
        assert.equal(end.progress, "failed");
        for (const next of [message, proof(4n).message, new Uint8Array(0)])
          assert.equal(
            errorOf(() => end.receive(next)),
            first,
          );
      });
    });
  }
}

describe("a server that gets no proof of the key", () => {
  it("throws instead of answering, so that nothing follows its nonce", () => {
    const server = handshake("server");
    assert.equal(server.start().length, 32);
    assert.equal(
      codeOf(() => server.receive(pattern(320))),
      "KEY_MISMATCH",
    );
  });

  it("draws no x and makes no y for a stranger", () => {
    let draws = 0;
    const [plain] = SUITES as readonly [CipherSuite];
    let exponentiations = 0;
    const suite: CipherSuite = {
      ...plain,
      dhPublic: (x) => {
        exponentiations += 1;
        return plain.dhPublic(x);
      },
    };
    const server = handshake("server", {
      suite,
      random: (bytes) => {
        draws += 1;
        return pattern(bytes);
      },
    });
    assert.equal(
      codeOf(() => server.receive(pattern(320, 4))),
      "KEY_MISMATCH",
    );
    assert.deepEqual([draws, exponentiations], [1, 0]);
  });
});

describe("a client whose far side does not speak spiped's protocol", () => {
  for (const [name, greeting] of [
    ["a byte more than a nonce", pattern(33)],
    ["an HTTP answer", ascii("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n")],
    ["a MySQL greeting", join(ascii("\x4a\0\0\0\x0a8.0.36\0"), pattern(60))],
  ] as const) {
    it(`says NOT_SPIPED to ${name}`, () => {
      const client = handshake("client");
      client.start();
      assert.equal(
        codeOf(() => client.receive(greeting)),
        "NOT_SPIPED",
      );
    });
  }

  it("says NOT_SPIPED when an extra byte comes together with the nonce's last bytes", () => {
    const client = handshake("client");
    client.start();
    client.receive(pattern(20));
    assert.equal(
      codeOf(() => client.receive(pattern(13))),
      "NOT_SPIPED",
    );
  });

  it("sends nothing of C4 to the far side", () => {
    const client = handshake("client");
    client.start();
    assert.equal(
      codeOf(() => client.receive(pattern(33))),
      "NOT_SPIPED",
    );
    assert.equal(client.progress, "failed");
  });
});

describe("keys of a finished handshake", () => {
  it("are those of C7 and S7 for a weak end", () => {
    const [suite] = SUITES as readonly [CipherSuite];
    const { end, nonces } = withNonces("server", { forwardSecrecy: "off" });
    const step = done(end.receive(dhMessage("client", { y: bytesOf(4n, 256), key, nonces })));
    const keys = sessionKeys(suite, key, { nonces, dhSecret: bytesOf(1n, 256) });
    sameBytes(step.channel.open(new RecordSealer(suite, keys.client).seal(ascii("ping"))), ascii("ping"));
  });
});
