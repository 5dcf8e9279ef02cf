/** What an end of a session keeps: small frames and large ones, sent again from any byte on, and given up once they have arrived. */
import assert from "node:assert/strict";
import { readRecord } from "../../../daemon/protocol/native-records.ts";
import { type FillFrames, frameBytesOf, Session } from "../../../daemon/protocol/session.ts";
import { join, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf } from "../../support/wire/codes.ts";

const start = (): Session => new Session({ name: pattern(16), secret: pattern(32) });

/** Frames of these pieces, of which those that are not copied by name are headers. */
function filling(...pieces: readonly { readonly bytes: Uint8Array; readonly isUsers: boolean }[]): FillFrames {
  let index = 0;
  return (into, at, copied) => {
    let end = at;
    for (let piece = pieces[index]; piece && piece.bytes.length <= into.length - end; piece = pieces[++index]) {
      into.set(piece.bytes, end);
      if (piece.isUsers) copied(end, piece.bytes);
      end += piece.bytes.length;
    }
    return end;
  };
}

const NOTHING: FillFrames = (_, at) => at;

/** All frames that can be said now. */
function all(session: Session, fill: FillFrames, room = Number.POSITIVE_INFINITY): Uint8Array {
  const said: Uint8Array[] = [];
  for (let text = session.record(room, fill); text; text = session.record(room, fill)) {
    said.push(Uint8Array.from(readRecord(text)?.frames ?? []));
    assert.equal(said.at(-1)?.length, frameBytesOf(text, undefined));
  }
  return join(...said);
}

describe("what an end of a session keeps", () => {
  const sizes = [12, 70, 3_000, 12, 12, 50_000, 1, 12, 60_000, 30, 20_000, 5, 12, 2_048, 2_047];
  const pieces = sizes.map((size, index) => ({ bytes: pattern(size, index + 1), isUsers: index % 2 === 1 || size > 2_000 }));
  const sent = join(...pieces.map(({ bytes }) => bytes));

  for (const room of [7, 17, 4_096, 65_535, Number.POSITIVE_INFINITY])
    it(`is sent again from wherever the other end has come to, ${room} bytes at a time`, () => {
      const session = start();
      sameBytes(all(session, filling(...pieces)), sent);
      assert.equal(session.keptBytes, sent.length);
      // From the later end on: what is acknowledged is not kept.
      for (const at of [0, 1, 12, 82, 83, 3_081, 3_082, 3_083, 50_000, 53_200, sent.length - 1, sent.length]) {
        session.goOn(at);
        sameBytes(all(session, NOTHING, room), sent.subarray(at));
        assert.equal(session.keptBytes, sent.length - at);
      }
      assert.equal(session.sendsAgain, false);
    });

  it("goes on with what is new behind what is sent again", () => {
    const session = start();
    const first = all(session, filling(pieces[1] ?? assert.fail(), pieces[2] ?? assert.fail()));
    session.goOn(100);
    const more = { bytes: pattern(500, 99), isUsers: true };
    sameBytes(all(session, filling(more)), join(first.subarray(100), more.bytes));
  });

  it("is what was said at that moment, whatever is made in the same memory afterwards", () => {
    const session = start();
    const texts = Array.from({ length: 500 }, (_, index) => all(session, filling({ bytes: pattern(100, index + 1), isUsers: true })));
    session.goOn(0);
    sameBytes(all(session, NOTHING), join(...texts));
  });

  it("can't be acknowledged before it is sent on this connection, and not taken back", () => {
    const session = start();
    all(session, filling(...pieces));
    assert.equal(session.acknowledged(sent.length + 1), false);
    assert.equal(session.acknowledged(1_000), true);
    assert.equal(session.acknowledged(500), true, "an older one changes nothing");
    assert.equal(session.keptBytes, sent.length - 1_000);
    for (const at of [999, sent.length + 1, 2 ** 53])
      assert.equal(
        codeOf(() => session.goOn(at)),
        "RECORD_INVALID",
      );
    session.goOn(2_000);
    assert.equal(session.acknowledged(2_001), false, "not sent again yet");
    sameBytes(all(session, NOTHING), sent.subarray(2_000));
  });

  it("stands behind an acknowledgement in its record, whatever else there is to say", () => {
    const session = start();
    const acknowledges = { receivedBytes: 7, releasedBytes: 5 };
    assert.equal(session.record(0, NOTHING), undefined);
    const alone = session.record(0, NOTHING, acknowledges) ?? assert.fail("nothing was said");
    assert.deepEqual([alone.length, frameBytesOf(alone, acknowledges), readRecord(alone)?.acknowledgement], [17, 0, acknowledges]);
    const both = readRecord(session.record(100, filling({ bytes: pattern(50), isUsers: true }), acknowledges) ?? assert.fail("nothing was said"));
    assert.deepEqual(both?.acknowledgement, acknowledges);
    sameBytes(both?.frames ?? pattern(1), pattern(50));
  });
});
