/** Whoever asks a server for a session that is there: its client, a colleague who holds the same key, and a peer that says what can't be. */
import assert from "node:assert/strict";
import type { NativeSession } from "../../../daemon/proxy/native-session.ts";
import { type WaitingBounds, WaitingSessions } from "../../../daemon/proxy/waiting-sessions.ts";
import { until } from "../../support/process/until.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii, join, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { type End, makeRoute, startEnd } from "../../support/wire/ends.ts";
import { syn } from "../../support/wire/muxes.ts";
import { acknowledgement, type NativePeer, shakeNative } from "../../support/wire/native-peer.ts";
import { type Backend, connectTo, type Peer, startBackend } from "../../support/wire/peer.ts";

const KEEPS_MS = 60_000;
/** A stream's first words: the entry's own target, and a byte. */
const OPENING = syn(1, join(Uint8Array.of(0), ascii("x")));

describe("a session that is asked for", () => {
  const scope = stageForEach();
  let backend: Backend;
  let server: End;

  beforeEach(async () => {
    backend = await startBackend(scope);
    server = await startEnd(scope, { role: "server", target: backend.port, wire: "auto", maxConnections: 50, keepsMs: KEEPS_MS });
  });

  /** A client with a stream that the backend has got. */
  async function owner(): Promise<{ readonly client: NativePeer; readonly service: Peer; readonly session: { session: Uint8Array; secret: Uint8Array } }> {
    const client = await shakeNative(scope, server, { keepsMs: KEEPS_MS });
    client.frames(OPENING);
    const service = await backend.accept();
    await service.read(1);
    const { name, secret } = client.native.session;
    return { client, service, session: { session: name, secret } };
  }

  it("is given to its client, who goes on where both had come to", async () => {
    const { client, service, session } = await owner();
    client.peer.socket.resetAndDestroy();
    const again = await shakeNative(scope, server, { keepsMs: KEEPS_MS, takesUp: { ...session, attempt: 1, receivedBytes: 0 } });
    assert.equal(again.native.session.takenUpAt, OPENING.length);
    again.frames(join(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2), ascii("yz")));
    sameBytes(await service.read(2), ascii("yz"));
  });

  it("is given to its client while its old connection still seems to be alive, and that one is ended", async () => {
    const { client, service, session } = await owner();
    const again = await shakeNative(scope, server, { keepsMs: KEEPS_MS, takesUp: { ...session, attempt: 7, receivedBytes: 0 } });
    await client.peer.ending();
    again.frames(join(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2), ascii("yz")));
    sameBytes(await service.read(2), ascii("yz"));
  });

  /** The owner's connection still carries data. */
  async function isUndisturbed({ client, service }: { readonly client: NativePeer; readonly service: Peer }): Promise<void> {
    client.frames(join(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5), ascii("still")));
    sameBytes(await service.read(5), ascii("still"));
  }

  it("is neither taken nor ended by a colleague who holds the key and has read its name in message 1", async () => {
    const own = await owner();
    for (const secret of [pattern(32), new Uint8Array(32)]) {
      const colleague = await shakeNative(scope, server, {
        keepsMs: KEEPS_MS,
        takesUp: { session: own.session.session, secret, attempt: 1_000_000, receivedBytes: 0 },
      });
      assert.equal(colleague.native.session.takenUpAt, undefined, "a new one");
      assert.notDeepEqual(colleague.native.session.name, own.session.session);
    }
    await isUndisturbed(own);
  });

  for (const [title, asked, code] of [
    ["an attempt that was made before", { attempt: 3, receivedBytes: 0 }, "PEER_CLOSED"],
    ["an attempt from before that", { attempt: 1, receivedBytes: 0 }, "PEER_CLOSED"],
    ["attempt 0", { attempt: 0, receivedBytes: 0 }, "PEER_CLOSED"],
    ["more received than was sent", { attempt: 9, receivedBytes: 1_000_000_000 }, "RECORD_INVALID"],
    ["a count of 2^53", { attempt: 9, receivedBytes: 2 ** 53 }, "RECORD_INVALID"],
  ] as const)
    it(`is left alone by its own client with ${title}, which is counted`, async () => {
      const { session, service } = await owner();
      const client = await shakeNative(scope, server, { keepsMs: KEEPS_MS, takesUp: { ...session, attempt: 3, receivedBytes: 0 } });
      await assert.rejects(shakeNative(scope, server, { keepsMs: KEEPS_MS, takesUp: { ...session, ...asked } }));
      await server.until(() => server.failures.includes(code));
      await isUndisturbed({ client, service });
    });

  for (const [title, junk] of [
    ["changes a record", join(Uint8Array.of(0, 32), pattern(32))],
    ["sends a length that no record has", Uint8Array.of(0, 3)],
  ] as const)
    it(`is cut, and not ended, by somebody on the way who ${title}; that is counted`, async () => {
      const { client, service, session } = await owner();
      client.peer.write(junk);
      await server.until(() => server.failures.includes("RECORD_INVALID"));
      const again = await shakeNative(scope, server, { keepsMs: KEEPS_MS, takesUp: { ...session, attempt: 1, receivedBytes: 0 } });
      await isUndisturbed({ client: again, service });
    });

  it("is not given to another key of the port, though its secret is known", async () => {
    const routes = ["one", "two"].map((key) => makeRoute(scope, { role: "server", target: backend.port, wire: "auto", keys: [key], keepsMs: KEEPS_MS }, key));
    server.reroute(routes);
    const own = await owner();
    const other = await shakeNative(scope, server, { key: "two", keepsMs: KEEPS_MS, takesUp: { ...own.session, attempt: 1, receivedBytes: 0 } });
    assert.equal(other.native.session.takenUpAt, undefined);
    await isUndisturbed(own);
  });

  it("is not there after its client has said that it is over", async () => {
    const { client, service, session } = await owner();
    client.record(Uint8Array.of(2));
    assert.equal(await service.ending(), "reset");
    const again = await shakeNative(scope, server, { keepsMs: KEEPS_MS, takesUp: { ...session, attempt: 1, receivedBytes: 0 } });
    assert.equal(again.native.session.takenUpAt, undefined);
  });

  it("is not there where its client has never sent a record: ten thousand of them leave nothing", async function () {
    this.timeout(0);
    for (let round = 0; round < 200; round++) {
      const half = await Promise.all(Array.from({ length: 50 }, () => shakeNative(scope, server, { keepsMs: KEEPS_MS })));
      for (const { peer } of half) peer.socket.resetAndDestroy();
      await until(() => server.stats.sessions.open === 0, { what: "they are forgotten" });
    }
    assert.deepEqual({ ...server.stats.sessions }, { open: 0, waiting: 0, resumed: 0, gone: 0 });
    await isUndisturbed(await owner());
  });

  it("keeps no more than its bound for a peer that never acknowledges, and serves others", async () => {
    const { client, service } = await owner();
    service.write(pattern(8_000_000));
    await until(() => service.socket.writableLength > 0, { what: "the backend is not read any more" });
    const other = await startEnd(scope, { role: "client", target: server.port, wire: "auto" });
    const user = await connectTo(scope, other);
    user.write(ascii("hello"));
    sameBytes(await (await backend.accept()).read(5), ascii("hello"));
    assert.ok(client.peer.unread.length < 400_000, `${client.peer.unread.length} bytes`);
    client.record(acknowledgement(100, 0));
  });
});

/** Who has gone after these have come, each with its streams and bytes, and how many are left. */
function outcome(bounds: WaitingBounds, newcomers: Readonly<Record<string, readonly [streams: number, heldBytes: number]>>): { gone: string[]; left: number } {
  const all = new WaitingSessions(bounds);
  const gone: string[] = [];
  // What the bounds look at.
  for (const [name, [streams, heldBytes]] of Object.entries(newcomers)) all.enter({ streams, heldBytes } as NativeSession, () => gone.push(name));
  return { gone, left: all.size };
}

describe("sessions that wait", () => {
  it("are so many at most: whoever has waited longest goes, and before that whoever has no streams", () => {
    const newcomers = { one: [1, 1], empty: [0, 1], two: [1, 1], three: [1, 1] } as const;
    assert.deepEqual(outcome({ count: 2, bytes: 1_000 }, newcomers), { gone: ["empty", "one"], left: 2 });
  });

  it("hold so much at most, all together", () => {
    const newcomers = { one: [1, 600], two: [1, 300], three: [1, 300], huge: [1, 2_000] } as const;
    assert.deepEqual(outcome({ count: 100, bytes: 1_000 }, newcomers), { gone: ["one", "two", "three", "huge"], left: 0 });
  });
});
