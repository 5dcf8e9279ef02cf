/** Our client against our server: every mode of forward secrecy, every mix of suites, several keys, and what is left over. */
import assert from "node:assert/strict";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";
import type { ForwardSecrecy, SpipedHandshake } from "../../../daemon/protocol/handshake.ts";
import { ascii, cut, join, numberOf, pattern, sameBytes, toHex } from "../../support/wire/bytes.ts";
import { codeOf } from "../../support/wire/codes.ts";
import { done, feed, handshake, keyOf, shakeHands } from "../../support/wire/handshakes.ts";
import { SUITE_PAIRS, SUITES } from "../../support/wire/suites.ts";

const [suite] = SUITES as readonly [CipherSuite];
const MODES: readonly ForwardSecrecy[] = ["require", "prefer", "off"];
const legal = (one: ForwardSecrecy, other: ForwardSecrecy): boolean => !(one === "require" && other === "off") && !(one === "off" && other === "require");

for (const clientMode of MODES) {
  for (const serverMode of MODES.filter((mode) => legal(clientMode, mode))) {
    for (const [clientSuite, serverSuite] of SUITE_PAIRS) {
      it(`a client (${clientMode}, ${clientSuite.name}) and a server (${serverMode}, ${serverSuite.name}) understand each other`, () => {
        const ends = shakeHands(
          handshake("client", { forwardSecrecy: clientMode, suite: clientSuite }),
          handshake("server", { forwardSecrecy: serverMode, suite: serverSuite }),
        );
        sameBytes(ends.server.channel.open(ends.client.channel.seal(pattern(3000, 1))), pattern(3000, 1), "upstream");
        sameBytes(ends.client.channel.open(ends.server.channel.seal(pattern(3000, 2))), pattern(3000, 2), "downstream");
      });
    }
  }
}

describe("forward secrecy", () => {
  it("a server that requires it refuses a client without", () => {
    const [client, server] = [handshake("client", { forwardSecrecy: "off" }), handshake("server", { forwardSecrecy: "require" })];
    const c4 = client.receive(server.start()).send ?? assert.fail("no C4");
    assert.equal(
      codeOf(() => server.receive(join(client.start(), c4))),
      "FORWARD_SECRECY_REFUSED",
    );
  });

  it("a client that requires it refuses a server without", () => {
    const [client, server] = [handshake("client", { forwardSecrecy: "require" }), handshake("server", { forwardSecrecy: "off" })];
    const c4 = client.receive(server.start()).send ?? assert.fail("no C4");
    const s5 = done(server.receive(join(client.start(), c4))).send ?? assert.fail("no S5");
    assert.equal(
      codeOf(() => client.receive(s5)),
      "FORWARD_SECRECY_REFUSED",
    );
  });

  it("an end without it sends y = 1", () => {
    const client = handshake("client", { forwardSecrecy: "off" });
    client.start();
    const c4 = client.receive(pattern(32)).send ?? assert.fail("no C4");
    assert.equal(numberOf(c4.subarray(0, 256)), 1n);
  });

  it("an end with it sends another y each time", () => {
    const sent = Array.from({ length: 3 }, () => {
      const client = handshake("client", { forwardSecrecy: "prefer" });
      client.start();
      return toHex((client.receive(pattern(32)).send ?? assert.fail("no C4")).subarray(0, 256));
    });
    assert.equal(new Set(sent).size, 3);
  });

  for (const [mode, draws] of [["off", [32]] as const, ["prefer", [32, 32]] as const, ["require", [32, 32]] as const]) {
    it(`"${mode}" draws randomness ${draws.length === 1 ? "for the nonce only" : "for the nonce and then for x"}`, () => {
      const drawn: number[] = [];
      const random = (bytes: number): Uint8Array => {
        drawn.push(bytes);
        return systemRandom(bytes);
      };
      shakeHands(handshake("client", { forwardSecrecy: mode, random }), handshake("server"));
      assert.deepEqual(drawn, draws);
    });
  }

  /** A suite and a source of randomness that keep what they gave: x, y_SC and dk_1 (the first key derived). */
  function watched() {
    const drawn: Uint8Array[] = [];
    const shared: Uint8Array[] = [];
    const derived: Uint8Array[] = [];
    const keep = (list: Uint8Array[], bytes: Uint8Array): Uint8Array => {
      list.push(bytes);
      return bytes;
    };
    const watching: CipherSuite = {
      ...suite,
      dhShared: (peerPublic, privateValue) => keep(shared, suite.dhShared(peerPublic, privateValue)),
      pbkdf2Sha256Once: (password, salt, length) => keep(derived, suite.pbkdf2Sha256Once(password, salt, length)),
    };
    return { options: { suite: watching, random: (bytes: number) => keep(drawn, systemRandom(bytes)) }, secrets: () => [drawn[1], shared[0], derived[0]] };
  }
  const isZero = (bytes: Uint8Array | undefined): boolean => bytes !== undefined && numberOf(bytes) === 0n;

  for (const role of ["client", "server"] as const) {
    it(`x, y_SC and dk_1 of the ${role} are wiped when the handshake is over`, () => {
      const { options, secrets } = watched();
      const other = handshake(role === "client" ? "server" : "client");
      if (role === "client") shakeHands(handshake("client", options), other);
      else assert.ok(shakeHands(other, handshake("server", options)).server.channel);
      assert.deepEqual(secrets().map(isZero), [true, true, true]);
    });
  }

  it("x of a server that is given up after S5 is wiped, and nothing is derived from then on", () => {
    const { options, secrets } = watched();
    const server = handshake("server", options);
    const step = shakeHands(handshake("client"), server).server;
    server.wipe();
    const [x, sharedSecret] = secrets();
    assert.deepEqual([isZero(x), sharedSecret], [true, undefined]);
    assert.throws(() => step.channel, RangeError);
  });

  it("a client makes its y while the server's nonce is on its way, a server only after it has verified the client", () => {
    let made = 0;
    const counting: CipherSuite = {
      ...suite,
      dhPublic: (privateValue) => {
        made += 1;
        return suite.dhPublic(privateValue);
      },
    };
    const [client, server] = [handshake("client", { suite: counting }), handshake("server", { suite: counting })];
    const nonces = { client: client.start(), server: server.start() };
    server.prepare();
    assert.equal(made, 0, "a stranger causes no exponentiation");
    client.prepare();
    assert.equal(made, 1);
    const c4 = client.receive(nonces.server).send ?? assert.fail("no C4");
    assert.equal(made, 1);
    assert.equal(server.receive(join(nonces.client, c4)).state, "done");
    assert.equal(made, 2);
  });

  it("x and dk_1 are wiped when the handshake is given up half-way, and it stays given up", () => {
    const { options, secrets } = watched();
    const client = handshake("client", options);
    client.start();
    client.receive(pattern(32));
    client.wipe();
    const [x, , dk1] = secrets();
    assert.deepEqual([isZero(x), isZero(dk1)], [true, true]);
    assert.throws(() => client.receive(pattern(288)));
    assert.equal(client.progress, "failed");
  });
});

describe("a server with several keys", () => {
  const names = ["one", "two", "three"];

  names.forEach((name, index) => {
    it(`says that the client holds key ${index}`, () => {
      const ends = shakeHands(handshake("client", { keys: [keyOf(name)] }), handshake("server", { keys: names.map(keyOf) }));
      assert.equal(ends.server.keyIndex, index);
      assert.equal(ends.client.keyIndex, 0);
      sameBytes(ends.client.channel.open(ends.server.channel.seal(ascii("hello"))), ascii("hello"));
    });

    it(`tries every key even when key ${index} fits, so that the time reveals nothing`, () => {
      let macs = 0;
      const counting: CipherSuite = {
        ...suite,
        hmacSha256: (key, data) => {
          macs += 1;
          return suite.hmacSha256(key, data);
        },
      };
      shakeHands(handshake("client", { keys: [keyOf(name)] }), handshake("server", { keys: names.map(keyOf), suite: counting }));
      assert.equal(macs, names.length + 1, "one for each key, and one for S5");
    });
  });

  it("compares every MAC even after one has fitted", () => {
    let compared = 0;
    const counting: CipherSuite = {
      ...suite,
      equal: (a, b) => {
        compared += a.length === 32 ? 1 : 0;
        return suite.equal(a, b);
      },
    };
    shakeHands(handshake("client"), handshake("server", { keys: names.map(keyOf), suite: counting }));
    assert.equal(compared, names.length);
  });

  it("refuses a client that holds none of the keys", () => {
    const [client, server] = [handshake("client", { keys: [keyOf("four")] }), handshake("server", { keys: names.map(keyOf) })];
    const c4 = client.receive(server.start()).send ?? assert.fail("no C4");
    assert.equal(
      codeOf(() => server.receive(join(client.start(), c4))),
      "KEY_MISMATCH",
    );
  });
});

describe("the steps", () => {
  it("C1 and S1 are the nonce that was drawn, before anything is received", () => {
    for (const role of ["client", "server"] as const) sameBytes(handshake(role, { random: () => pattern(32, 5) }).start(), pattern(32, 5));
  });

  it("a server answers the client's nonce with nothing", () => {
    const server = handshake("server");
    server.start();
    assert.deepEqual(server.receive(pattern(32)), { state: "pending", send: undefined });
  });

  it("a server sends nothing after its nonce until all of C4 is there", () => {
    const [client, server] = [handshake("client"), handshake("server")];
    const c4 = client.receive(server.start()).send ?? assert.fail("no C4");
    assert.equal(feed(server, cut(join(client.start(), c4.slice(0, -1)), 1)).sent.length, 0);
    assert.equal(done(server.receive(c4.slice(-1))).send?.length, 288);
  });

  it("a client sends C4 of 288 bytes once it has the whole nonce", () => {
    const client = handshake("client");
    client.start();
    assert.equal(client.receive(pattern(32).slice(0, 31)).send, undefined);
    assert.equal(client.receive(pattern(32).slice(31)).send?.length, 288);
  });

  it("bytes after C4 are the first bytes of the server's channel", () => {
    const [client, server] = [handshake("client", { forwardSecrecy: "off" }), handshake("server", { forwardSecrecy: "off" })];
    const c4 = client.receive(server.start()).send ?? assert.fail("no C4");
    const step = done(server.receive(join(client.start(), c4, pattern(70))));
    sameBytes(step.rest, pattern(70));
    assert.equal(step.channel.pendingBytes, 0, "the rest is the caller's to pass on");
  });

  it("bytes after S5 are the first bytes of the client's channel", () => {
    const [client, server] = [handshake("client"), handshake("server")];
    const c4 = client.receive(server.start()).send ?? assert.fail("no C4");
    const serverDone = done(server.receive(join(client.start(), c4)));
    const step = done(client.receive(join(serverDone.send ?? assert.fail("no S5"), serverDone.channel.seal(ascii("early")))));
    sameBytes(step.channel.open(step.rest), ascii("early"));
  });

  it("takes no more bytes once it is done", () => {
    const [client, server] = [handshake("client"), handshake("server")];
    shakeHands(client, server);
    assert.throws(() => client.receive(pattern(1)), RangeError);
    assert.throws(() => server.receive(pattern(1)), RangeError);
  });

  it("the caller may reuse the buffer it passed, a Buffer too", () => {
    const [client, server] = [handshake("client"), handshake("server")];
    const reused = Buffer.alloc(288);
    const give = (end: SpipedHandshake, bytes: Uint8Array) => {
      reused.set(bytes);
      const step = end.receive(reused.subarray(0, bytes.length));
      reused.fill(0);
      return step;
    };
    const c4 = give(client, server.start()).send ?? assert.fail("no C4");
    give(server, client.start().slice(0, 10));
    give(server, client.start().slice(10));
    const s5 = done(give(server, c4)).send ?? assert.fail("no S5");
    assert.equal(give(client, s5).state, "done");
  });
});

describe("progress", () => {
  it("of a client goes from no-byte over part-nonce and nonce to done", () => {
    const [client, server] = [handshake("client"), handshake("server")];
    const nonce = server.start();
    const seen = [client.progress];
    client.receive(nonce.slice(0, 1));
    seen.push(client.progress);
    const c4 = client.receive(nonce.slice(1)).send ?? assert.fail("no C4");
    seen.push(client.progress);
    const s5 = done(server.receive(join(client.start(), c4))).send ?? assert.fail("no S5");
    client.receive(s5.slice(0, 287));
    seen.push(client.progress);
    client.receive(s5.slice(287));
    seen.push(client.progress);
    assert.deepEqual(seen, ["no-byte", "part-nonce", "nonce", "nonce", "done"]);
  });

  it("of a server says nonce while C4 is incomplete, and failed after a wrong one", () => {
    const server = handshake("server");
    server.receive(pattern(32 + 287));
    assert.equal(server.progress, "nonce");
    assert.equal(
      codeOf(() => server.receive(pattern(1))),
      "KEY_MISMATCH",
    );
    assert.equal(server.progress, "failed");
  });
});

describe("a new handshake", () => {
  it("needs a key", () => assert.throws(() => handshake("server", { keys: [] }), RangeError));
  it("takes only one key as client", () => assert.throws(() => handshake("client", { keys: [keyOf("one"), keyOf("two")] }), RangeError));
});
