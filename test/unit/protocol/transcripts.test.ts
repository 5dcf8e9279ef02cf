/** The recordings of real spiped processes, played by our ends: every byte we send and every byte we open. */
import assert from "node:assert/strict";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";
import { RecordOpener } from "../../../daemon/protocol/record.ts";
import type { Role } from "../../../daemon/protocol/wire.ts";
import { cut, join, sameBytes } from "../../support/wire/bytes.ts";
import { done } from "../../support/wire/handshakes.ts";
import { PACKET } from "../../support/wire/packets.ts";
import { recordedEnd, replay } from "../../support/wire/replay.ts";
import { SUITE_PAIRS, SUITES } from "../../support/wire/suites.ts";
import { TRANSCRIPTS, type Transcript } from "../../support/wire/transcripts.ts";

const ROLES: readonly Role[] = ["client", "server"];

/** Sizes that fall on no boundary, on each boundary, and just beside it. */
const SPLITS = [1, 31, 32, 33, 287, 288, 289, 1028, 1059, 1060, 1061, 2120] as const;

/** Both ends are ours, each on its own suite, with the recorded nonces and y. */
function meet(
  transcript: Transcript,
  suites: Readonly<Record<Role, CipherSuite>>,
): { readonly wire: Record<Role, Uint8Array>; readonly plain: Record<Role, Uint8Array> } {
  const client = recordedEnd(transcript, { role: "client", suite: suites.client });
  const server = recordedEnd(transcript, { role: "server", suite: suites.server });
  const nonces = { client: client.start(), server: server.start() };
  const c4 = client.receive(nonces.server).send ?? assert.fail("no C4");
  const serverDone = done(server.receive(join(nonces.client, c4)));
  const s5 = serverDone.send ?? assert.fail("no S5");
  const clientDone = done(client.receive(s5));
  const upstream = clientDone.channel.seal(transcript.sides.client.plain);
  const downstream = serverDone.channel.seal(transcript.sides.server.plain);
  return {
    wire: { client: join(nonces.client, c4, upstream), server: join(nonces.server, s5, downstream) },
    plain: { client: serverDone.channel.open(upstream), server: clientDone.channel.open(downstream) },
  };
}

describe("the recorded connections", () => {
  it("have at least one weak side each, so that the key file gives every key", () => {
    assert.ok(TRANSCRIPTS.length > 0);
    for (const { name, sides } of TRANSCRIPTS)
      assert.ok(
        ROLES.some((role) => sides[role].forwardSecrecy === "off"),
        name,
      );
  });

  it("consist of whole packets", () => {
    for (const { name, sides } of TRANSCRIPTS) for (const role of ROLES) assert.equal(sides[role].packets.length % PACKET, 0, name);
  });
});

for (const transcript of TRANSCRIPTS) {
  for (const suite of SUITES) {
    for (const role of ROLES) {
      describe(`${transcript.name}, played by our ${role} on the ${suite.name} suite`, () => {
        it("gives the recorded bytes when the other end's arrive whole", () => void replay(transcript, { role, suite }));

        for (const size of SPLITS) {
          it(`gives the recorded bytes when the other end's arrive ${size} at a time`, () => {
            replay(transcript, { role, suite, split: (bytes) => cut(bytes, size) });
          });
        }
      });
    }
  }

  for (const [suite, recordSuite] of SUITE_PAIRS) {
    if (suite === recordSuite) continue;
    it(`${transcript.name} is the same with the handshake on ${suite.name} and the packets on ${recordSuite.name}`, () => {
      for (const role of ROLES) replay(transcript, { role, suite, recordSuite });
    });
  }

  for (const [client, server] of SUITE_PAIRS) {
    it(`${transcript.name} comes out byte for byte between our client on ${client.name} and our server on ${server.name}`, () => {
      const { wire, plain } = meet(transcript, { client, server });
      for (const role of ROLES) {
        sameBytes(wire[role], transcript.sides[role].wire, `the ${role}'s bytes`);
        sameBytes(plain[role], transcript.sides[role].plain, `the ${role}'s plain text`);
      }
    });
  }

  it(`${transcript.name} does not open with another connection's keys`, () => {
    const [suite] = SUITES as readonly [CipherSuite];
    const opener = new RecordOpener(suite, { encryption: new Uint8Array(32), mac: new Uint8Array(32) });
    assert.throws(() => opener.open(transcript.sides.client.packets), { code: "RECORD_INVALID" });
  });
}
