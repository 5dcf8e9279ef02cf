/** Streams on one connection: frames as yamux's specification has them, every rule, and every peer that breaks one. */
import assert from "node:assert/strict";
import { FLAG, FRAME, GO_AWAY, INITIAL_WINDOW_BYTES } from "../../../daemon/protocol/mux-frame.ts";
import { ascii, fromHex, join, pattern, sameBytes, toHex } from "../../support/wire/bytes.ts";
import { codeOf } from "../../support/wire/codes.ts";
import { frame, MuxEnd, settle, syn, Taker } from "../../support/wire/muxes.ts";

describe("frames of streams, byte by byte", () => {
  it("open with SYN and the first data, are accepted with ACK, and end with FIN", () => {
    const [client, server] = [new MuxEnd("client"), new MuxEnd("server")];
    const stream = client.mux.open();
    stream.write(ascii("hello"));
    const opening = client.sent();
    assert.equal(toHex(opening), "00 00 0001 00000001 00000005 68656c6c6f".replaceAll(" ", ""));
    server.mux.receive(opening);
    const [taker] = server.accepted as [Taker];
    taker.stream.write(ascii("hi"));
    taker.stream.end();
    assert.equal(toHex(server.sent()), "00 00 0006 00000001 00000002 6869".replaceAll(" ", ""));
    stream.end();
    assert.equal(toHex(client.sent()), "00 00 0004 00000001 00000000".replaceAll(" ", ""));
  });

  it("open with a window update where there is no data yet", () => {
    const client = new MuxEnd("client");
    client.mux.open();
    assert.equal(toHex(client.sent()), "00 01 0001 00000001 00000000".replaceAll(" ", ""));
  });

  it("are reset with a window update and RST, credited by window updates, and pings and Go Aways have id 0", () => {
    const server = new MuxEnd("server");
    server.mux.receive(syn(1, pattern(INITIAL_WINDOW_BYTES)));
    assert.equal(toHex(server.sent()), "00 01 0002 00000001 00040000".replaceAll(" ", ""));
    server.accepted[0]?.stream.reset();
    server.mux.ping(0x01020304);
    server.mux.goAway(GO_AWAY.protocolError);
    assert.equal(toHex(server.sent()), "00 01 0008 00000001 00000000  00 02 0001 00000000 01020304  00 03 0000 00000000 00000001".replaceAll(" ", ""));
    server.mux.receive(fromHex("00 02 0001 00000000 deadbeef"));
    assert.equal(toHex(server.sent()), "00 02 0002 00000000 deadbeef".replaceAll(" ", ""));
  });

  it("have odd ids from a client and even ones from a server", () => {
    const ids = (role: "client" | "server"): number[] => {
      const { mux } = new MuxEnd(role);
      return [mux.open().id, mux.open().id, mux.open().id];
    };
    assert.deepEqual(
      [ids("client"), ids("server")],
      [
        [1, 3, 5],
        [2, 4, 6],
      ],
    );
  });
});

describe("streams", () => {
  it("are over when both halves have ended, in either order, and a reset ends both", () => {
    for (const first of ["ours", "theirs", "reset"] as const) {
      const [client, server] = [new MuxEnd("client"), new MuxEnd("server")];
      const near = new Taker(client.mux.open());
      settle(client, server);
      const [far] = server.accepted as [Taker];
      if (first === "reset") {
        near.stream.reset();
      } else {
        const [one, other] = first === "ours" ? [near, far] : [far, near];
        one.stream.end();
        settle(client, server);
        assert.deepEqual([client.mux.streams.size, server.mux.streams.size], [1, 1]);
        other.stream.write(ascii("late"));
        other.stream.end();
      }
      settle(client, server);
      assert.deepEqual([client.mux.streams.size, server.mux.streams.size], [0, 0]);
      assert.deepEqual([near.ended, far.ended, far.reset], first === "reset" ? [false, false, "peer"] : [true, true, undefined]);
    }
  });

  it("that are given up before their SYN is out are never heard of", () => {
    const [client, server] = [new MuxEnd("client"), new MuxEnd("server")];
    client.mux.open().reset();
    assert.equal(client.sent().length, 0);
    const next = client.mux.open();
    next.write(ascii("x"));
    settle(client, server);
    assert.equal(server.accepted.length, 1);
  });

  it("are cut only after what is queued when they are aborted", () => {
    const [client, server] = [new MuxEnd("client"), new MuxEnd("server")];
    const near = client.mux.open();
    near.write(ascii("last words"));
    near.abort();
    settle(client, server);
    const [far] = server.accepted as [Taker];
    sameBytes(far.bytes, ascii("last words"));
    assert.deepEqual([far.reset, far.ended, client.mux.streams.size], ["peer", false, 0]);
  });

  it("drop what was on its way when they were reset", () => {
    const server = new MuxEnd("server");
    server.mux.receive(syn(1));
    server.accepted[0]?.stream.reset();
    server.mux.receive(join(frame({ data: pattern(1_000) }), frame({ type: FRAME.windowUpdate, length: 5 }), frame({ flags: FLAG.fin })));
    assert.deepEqual([server.accepted[0]?.length, server.mux.heldBytes], [0, 0]);
  });

  it("stop at the window, say so to their writer, and go on with credit", () => {
    const [client, server] = [new MuxEnd("client"), new MuxEnd("server", { onStream: (stream) => void server.accepted.push(new Taker(stream, false)) })];
    const near = new Taker(client.mux.open());
    assert.equal(near.stream.write(pattern(3 * INITIAL_WINDOW_BYTES)), false);
    settle(client, server);
    const [far] = server.accepted as [Taker];
    assert.deepEqual([far.length, server.mux.heldBytes, near.writable], [INITIAL_WINDOW_BYTES, INITIAL_WINDOW_BYTES, 0]);
    far.eager = true;
    far.consume();
    settle(client, server);
    sameBytes(far.bytes, pattern(3 * INITIAL_WINDOW_BYTES));
    assert.equal(near.writable, 1);
  });

  it("have turns, so that a small one waits for no more than one turn of each other", () => {
    const client = new MuxEnd("client");
    const bulk = [client.mux.open(), client.mux.open(), client.mux.open()];
    for (const stream of bulk) stream.write(pattern(200_000));
    client.mux.open().write(ascii("small"));
    const sent = Buffer.from(client.sent());
    assert.ok(sent.indexOf("small") > 0 && sent.indexOf("small") < 3 * (16 * 1024 + 12) + 20);
  });

  it("share what the other end holds: stalled ones never take all of it", () => {
    const holds = 300_000;
    const [client, server] = [
      new MuxEnd("client", { peerHoldsBytes: holds }),
      new MuxEnd("server", { holdsBytes: holds, onStream: (stream) => void server.accepted.push(new Taker(stream, false)) }),
    ];
    for (let index = 0; index < 50; index++) client.mux.open().write(pattern(100_000));
    settle(client, server);
    assert.ok(server.mux.heldBytes <= holds + 50 * 32 * 1024);
    const busy = client.mux.open();
    busy.write(pattern(1_000_000));
    settle(client, server);
    const taker = server.accepted.at(-1) as Taker;
    taker.eager = true;
    for (let rounds = 0; taker.length < 1_000_000; rounds++) {
      assert.ok(rounds < 100_000, "it stands still");
      taker.consume();
      settle(client, server);
    }
    sameBytes(taker.bytes, pattern(1_000_000));
  });

  it("are cut with the session, and not opened after a Go Away of either end", () => {
    const [client, server] = [new MuxEnd("client"), new MuxEnd("server")];
    const near = new Taker(client.mux.open());
    settle(client, server);
    server.mux.goAway(GO_AWAY.normal);
    settle(client, server);
    assert.deepEqual([client.goneAway, client.mux.canOpen, server.mux.canOpen], [[0], false, false]);
    near.stream.write(ascii("goes on"));
    settle(client, server);
    sameBytes((server.accepted[0] as Taker).bytes, ascii("goes on"));
    server.mux.receive(syn(3));
    assert.equal(server.accepted.length, 1);
    client.mux.end();
    assert.equal(near.reset, "session");
  });

  it("may be reset, ended and written from inside their own callbacks", () => {
    const server = new MuxEnd("server", {
      onStream: (stream) => {
        stream.user = {
          onData: () => {
            stream.write(ascii("bye"));
            stream.reset();
          },
          onEnd: () => assert.fail("it was reset"),
          onReset: () => assert.fail("it was ours"),
          onWritable: () => {},
        };
      },
    });
    server.mux.receive(join(syn(1, ascii("one")), frame({ id: 1, data: ascii("two"), flags: FLAG.fin }), syn(3, ascii("three"))));
    assert.equal(server.mux.streams.size, 0);
  });
});

describe("a peer that breaks a rule of streams", () => {
  for (const [title, bytes] of [
    ["another version", frame({ version: 1, flags: FLAG.syn })],
    ["an unknown type", frame({ type: 4, flags: FLAG.syn })],
    ["a stream with id 0", frame({ id: 0, flags: FLAG.syn })],
    ["an id of our own parity", syn(2)],
    ["an id that was used", join(syn(3), syn(3))],
    ["an id below one that was used", join(syn(3), syn(1))],
    ["a frame for a stream that never was", frame({ id: 5 })],
    ["a ping with an id", frame({ type: FRAME.ping, id: 1 })],
    ["a Go Away with an id", frame({ type: FRAME.goAway, id: 1 })],
    ["more data than the window", join(syn(1), frame({ data: new Uint8Array(INITIAL_WINDOW_BYTES + 1) }))],
    ["more data than the window, with its SYN", syn(1, new Uint8Array(INITIAL_WINDOW_BYTES + 1))],
    ["a window of 2^32-1", join(syn(1), frame({ type: FRAME.windowUpdate, length: 0xffffffff }))],
    ["windows that add up to 2^31", join(syn(1), frame({ type: FRAME.windowUpdate, length: 2 ** 31 - INITIAL_WINDOW_BYTES }))],
    ["data after its end", join(syn(1), frame({ flags: FLAG.fin }), frame({ data: ascii("x") }))],
    ["a reset with data", join(syn(1), frame({ flags: FLAG.rst, data: ascii("x") }))],
  ] as const)
    it(`ends the session: ${title}`, () => {
      for (const step of [bytes.length, 1, 7]) {
        if (step !== bytes.length && bytes.length > 1_000) continue;
        const server = new MuxEnd("server", { onStream: (stream) => void server.accepted.push(new Taker(stream, false)) });
        const feed = (): void => {
          for (let at = 0; at < bytes.length; at += step) server.mux.receive(bytes.subarray(at, at + step));
        };
        assert.deepEqual([codeOf(feed), codeOf(() => server.mux.receive(syn(9)))], ["RECORD_INVALID", "RECORD_INVALID"]);
      }
    });

  it("ends the session with more data over all streams than we hold", () => {
    const server = new MuxEnd("server", { holdsBytes: 500_000, onStream: (stream) => void new Taker(stream, false) });
    // 32 kB of each stream are always taken, and as much again of streams that are over.
    const flood = (): void => {
      for (let id = 1; id < 21; id += 2) server.mux.receive(syn(id, new Uint8Array(250_000)));
    };
    assert.equal(codeOf(flood), "RECORD_INVALID");
    assert.ok(server.mux.heldBytes <= 500_000 + 10 * 2 * 32 * 1024 + 250_000);
  });

  it("can't claim to have released more than was sent", () => {
    const client = new MuxEnd("client");
    client.mux.open().write(pattern(100));
    client.sent();
    assert.deepEqual([client.mux.peerReleased(100), client.mux.peerReleased(50), client.mux.peerReleased(101)], [true, true, false]);
  });

  it("gets RST for each stream above the limit, and is ended when it does not read these answers", () => {
    const server = new MuxEnd("server", { maxStreams: 2 });
    server.mux.receive(join(syn(1), syn(3), syn(5)));
    assert.equal(server.accepted.length, 2);
    assert.equal(toHex(server.sent()), "00 01 0008 00000005 00000000".replaceAll(" ", ""));
    const flood = (): void => {
      for (let id = 7; id < 7 + 2 * 5_000; id += 2) server.mux.receive(syn(id));
    };
    assert.equal(codeOf(flood), "RECORD_INVALID");
  });

  it("opens and resets in a loop: nothing is left of it", () => {
    const server = new MuxEnd("server");
    for (let id = 1; id < 20_001; id += 2) server.mux.receive(join(syn(id, ascii("x")), frame({ id, type: FRAME.windowUpdate, flags: FLAG.rst })));
    assert.deepEqual([server.mux.streams.size, server.mux.heldBytes, server.sent().length], [0, 0, 0]);
  });

  it("gets one answer for many pings, and none for more than ten in a second", () => {
    const server = new MuxEnd("server");
    const ping = (value: number): void => server.mux.receive(frame({ type: FRAME.ping, flags: FLAG.syn, id: 0, length: value }));
    for (let value = 1; value <= 10; value++) ping(value);
    assert.equal(toHex(server.sent()), "00 02 0002 00000000 0000000a".replaceAll(" ", ""));
    for (let value = 11; value <= 1_000; value++) ping(value);
    assert.equal(server.sent().length, 0);
    server.nowMs = 1_000;
    ping(5);
    assert.equal(server.sent().length, 12);
  });
});
