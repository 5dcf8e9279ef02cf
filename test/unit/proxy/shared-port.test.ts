/** Several server routes behind one listener: who may share it, whose connection is whose, and who leaves when. */
import assert from "node:assert/strict";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";
import type { ForwarderEvent, ForwarderOptions, PortUser } from "../../../daemon/proxy/forwarder.ts";
import type { Route } from "../../../daemon/proxy/route.ts";
import { SharedPorts } from "../../../daemon/proxy/shared-port.ts";
import { systemClock } from "../../../shared/time.ts";
import { until } from "../../support/process/until.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii, pattern } from "../../support/wire/bytes.ts";
import { rejectionOf } from "../../support/wire/codes.ts";
import { makeRoute, type SpipedPeer, shakeAsClient } from "../../support/wire/ends.ts";
import { done, handshake, keyOf } from "../../support/wire/handshakes.ts";
import { type Backend, closedPort, connectTo, type Peer, startBackend } from "../../support/wire/peer.ts";

/** One entry of a port, and what it was told. */
interface Entry {
  readonly member: PortUser;
  readonly route: Route;
  readonly options: ForwarderOptions;
  readonly events: ForwarderEvent[];
}

interface EntryOptions {
  readonly name: string;
  readonly keys: readonly string[];
  readonly target?: number;
  readonly maxConnections?: number;
  readonly suite?: CipherSuite;
  readonly forwardSecrecy?: "require" | "prefer" | "off";
}

describe("a server port with several entries", () => {
  const scope = stageForEach();
  let ports: SharedPorts;
  let port: number;
  let backend: Backend;

  beforeEach(async () => {
    ports = new SharedPorts();
    port = await closedPort();
    backend = await startBackend(scope);
  });

  function makeEntry({ name, keys, target = backend.port, maxConnections = 100, suite = nodeSuite, forwardSecrecy = "prefer" }: EntryOptions): Entry {
    const route = makeRoute(scope, { role: "server", target, keys, maxConnections }, name);
    const events: ForwarderEvent[] = [];
    const options: ForwarderOptions = {
      settings: {
        ...{ role: "server", suite, random: systemRandom, clock: systemClock, forwardSecrecy },
        ...{ connectTimeoutMs: 60_000, handshakeTimeoutMs: 60_000, keepAlive: true },
      },
      routes: [route],
      limitPolicy: "refuse",
      onEvent: (event) => void events.push(event),
    };
    return { member: scope.own(ports.member(options), (member) => member.close()), route, options, events };
  }

  async function open(options: EntryOptions): Promise<Entry> {
    const entry = makeEntry(options);
    await listen(entry);
    return entry;
  }

  const listen = ({ member }: Entry): Promise<unknown> => member.listen({ address: { kind: "tcp", host: "127.0.0.1", port } });

  async function enter(key: string): Promise<SpipedPeer> {
    return shakeAsClient(await connectTo(scope, { port }), key);
  }

  function changeKeys({ member, options, route }: Entry, keys: readonly string[], target = backend.port): void {
    member.reconfigure({ ...options, routes: [makeRoute(scope, { role: "server", target, keys }, route.name)] });
  }

  const failures = ({ events }: Entry): string[] => events.flatMap((event) => (event.type === "failure" ? [event.error.code] : []));
  const closings = ({ events }: Entry): number => events.filter(({ type }) => type === "closed").length;

  /** What the next connection of the backend receives first. */
  async function isServed(friend: SpipedPeer, at: Backend): Promise<Peer> {
    const served = await at.accept();
    friend.send(ascii("hello"));
    assert.deepEqual(await served.read(5), ascii("hello"));
    return served;
  }

  it("reports a stranger under the name of the port and all its entries, and counts the stranger for none of them", async () => {
    const [one, two] = [await open({ name: "one", keys: ["one"] }), await open({ name: "two", keys: ["two"] })];
    const stranger = await connectTo(scope, { port });
    stranger.write(ascii("PING\r\n"));
    await stranger.end();
    await until(() => failures(one).length > 0, { what: "it was told" });
    const [event] = one.events.filter(({ type }) => type === "failure");
    assert.ok(event?.type === "failure");
    assert.deepEqual([event.error.code, event.route, event.port], ["PLAIN_CLIENT", undefined, { listen: `127.0.0.1:${port}`, entries: ["one", "two"] }]);
    for (const { member, route } of [one, two])
      assert.deepEqual([member.isShared, member.strangers.get("PLAIN_CLIENT"), route.stats.failures.size], [true, 1, 0]);
    two.member.close();
    assert.equal(one.member.isShared, false);
  });

  it("connects each client to the backend of the key it proves", async () => {
    const other = await startBackend(scope);
    await open({ name: "one", keys: ["one"] });
    await open({ name: "two", keys: ["two"], target: other.port });
    await isServed(await enter("two"), other);
    await isServed(await enter("one"), backend);
    assert.deepEqual([backend.peers.length, other.peers.length], [1, 1]);
  });

  it("lets entries that open at the same moment share one listener", async () => {
    const entries = ["one", "two", "three"].map((name) => makeEntry({ name, keys: [name] }));
    await Promise.all(entries.map(listen));
    for (const name of ["three", "one", "two"]) await isServed(await enter(name), backend);
    assert.deepEqual(
      entries.map(({ route }) => route.stats.total),
      [1, 1, 1],
    );
  });

  describe("with 64 keys", () => {
    const names = Array.from({ length: 64 }, (_, index) => `key ${index}`);

    /** Calls of HMAC-SHA256 until the end has seen a whole S4 under `key`; DH is the same work whatever the key. */
    async function macsFor(key: string): Promise<{ readonly macs: number; readonly comparisons: number }> {
      let macs = 0;
      let comparisons = 0;
      const suite: CipherSuite = {
        ...nodeSuite,
        hmacSha256: (...args) => {
          macs++;
          return nodeSuite.hmacSha256(...args);
        },
        equal: (...args) => {
          comparisons++;
          return nodeSuite.equal(...args);
        },
      };
      ports = new SharedPorts();
      port = await closedPort();
      const entries: Entry[] = [];
      for (let start = 0; start < names.length; start += 8) {
        entries.push(await open({ name: `entry ${start}`, keys: names.slice(start, start + 8), suite }));
      }
      const stranger = await connectTo(scope, { port });
      const client = handshake("client", { keys: [keyOf(key)], forwardSecrecy: "off" });
      stranger.write(client.start());
      const c4 = client.receive(await stranger.read(32)).send ?? assert.fail("no C4");
      // The port's keys were compared when its entries joined; from here on only the handshake compares.
      macs = 0;
      comparisons = 0;
      stranger.write(c4);
      await until(() => entries.some((entry) => entry.events.length > 0), { what: "the end had judged S4" });
      const counted = { macs, comparisons };
      for (const entry of entries) entry.member.close();
      return counted;
    }

    it("tries every key on every handshake, whichever is right, or none", async () => {
      const first = await macsFor("key 0");
      const last = await macsFor("key 63");
      const none = await macsFor("a stranger's");
      assert.equal(none.macs, 64, "one MAC a key, and none for an answer");
      assert.equal(none.comparisons, 64);
      assert.deepEqual(first, last, "the time must not tell which key it was");
      assert.ok(first.macs >= 64 && first.comparisons >= 64, `${first.macs} MACs, ${first.comparisons} comparisons`);
    });

    it("refuses a 65th with CONFIG_INVALID, and goes on with the 64", async () => {
      await open({ name: "many", keys: names });
      const late = makeEntry({ name: "late", keys: ["one more"] });
      const error = await rejectionOf(listen(late));
      assert.equal(error.code, "CONFIG_INVALID");
      assert.match(error.message, /65 keys .* 64/);
      await isServed(await enter("key 63"), backend);
      await assert.rejects(enter("one more"));
    });

    it("refuses a 65th that an open entry wants to add, says so once, and goes on with the entry as it was", async () => {
      const first = await open({ name: "many", keys: names.slice(0, 63) });
      await open({ name: "last", keys: ["key 63"] });
      changeKeys(first, names.slice(0, 63).concat("one more"));
      assert.deepEqual(failures(first), ["CONFIG_INVALID"]);
      await isServed(await enter("key 0"), backend);
      await assert.rejects(enter("one more"));
    });
  });

  it("goes on with an entry as it was while another entry has its new key, and changes the entry once that key is free", async () => {
    const one = await open({ name: "one", keys: ["a"] });
    const two = await open({ name: "two", keys: ["b"] });
    changeKeys(one, ["b"]);
    assert.deepEqual([failures(one), failures(two)], [["CONFIG_INVALID"], []]);
    await isServed(await enter("a"), backend);
    two.member.close();
    await isServed(await enter("b"), backend);
    assert.equal(one.member.connections.size, 2);
    await assert.rejects(enter("a"));
  });

  for (const end of ["close", "drain"] as const) {
    it(`leaves nothing open for an entry that is told to ${end} while its port is being bound`, async () => {
      const entry = makeEntry({ name: "short-lived", keys: ["a"] });
      const opening = rejectionOf(listen(entry));
      if (end === "close") entry.member.close();
      else await entry.member.drain();
      assert.equal(((await opening) as { code?: string }).code, "LISTEN_DENIED");
      const again = await open({ name: "again", keys: ["a"] });
      assert.ok(again.member.address);
      await isServed(await enter("a"), backend);
    });
  }

  it("lets two entries exchange their keys", async () => {
    const other = await startBackend(scope);
    const one = await open({ name: "one", keys: ["a"] });
    const two = await open({ name: "two", keys: ["b"], target: other.port });
    changeKeys(one, ["b"]);
    changeKeys(two, ["a"], other.port);
    await isServed(await enter("b"), backend);
    await isServed(await enter("a"), other);
  });

  it("refuses the same key a second time by its content, and names both entries", async () => {
    await open({ name: "one", keys: ["old", "same bytes"] });
    const twin = makeEntry({ name: "two", keys: ["new", "same bytes"] });
    const error = await rejectionOf(listen(twin));
    assert.equal(error.code, "CONFIG_INVALID");
    assert.match(error.message, /"one" and "two" have the same key/);
    assert.equal(twin.member.address, undefined);
  });

  it("refuses an entry with a different forwardSecrecy", async () => {
    await open({ name: "one", keys: ["one"], forwardSecrecy: "require" });
    const error = await rejectionOf(listen(makeEntry({ name: "two", keys: ["two"], forwardSecrecy: "off" })));
    assert.equal(error.code, "CONFIG_INVALID");
    assert.match(error.message, /forwardSecrecy/);
  });

  it("closes a connection over an entry's own limit after S5 with LIMIT_REACHED while the other entry goes on", async () => {
    const other = await startBackend(scope);
    const narrow = await open({ name: "narrow", keys: ["one"], maxConnections: 1 });
    const wide = await open({ name: "wide", keys: ["two"], target: other.port, maxConnections: 5 });
    const first = await enter("one");
    await isServed(first, backend);
    // The handshake completes, so the client knows that its key is right; then only the end follows.
    const second = await enter("one");
    assert.equal(await second.peer.ending(), "end");
    assert.equal(second.peer.unread.length, 0);
    assert.deepEqual([failures(narrow), narrow.route.stats.failures.get("LIMIT_REACHED")], [["LIMIT_REACHED"], 1]);
    await isServed(await enter("two"), other);
    first.send(ascii("still"));
    assert.deepEqual(await (backend.peers[0] as Peer).read(5), ascii("still"));
    assert.deepEqual(failures(wide), []);
    assert.equal(backend.peers.length, 1);
  });

  it("reports a stranger's failure once, to the entry that was first, and counts it for the port", async () => {
    const entries = [await open({ name: "one", keys: ["one"] }), await open({ name: "two", keys: ["two"] })] as const;
    const stranger = await connectTo(scope, { port });
    stranger.write(pattern(4_000));
    await stranger.ending();
    await until(() => entries.some((entry) => closings(entry) > 0), { what: "the connection was over" });
    assert.deepEqual(entries.map(failures), [["KEY_MISMATCH"], []]);
    assert.deepEqual(
      entries.map(({ member }) => [...member.strangers]),
      Array(2).fill([["KEY_MISMATCH", 1]]),
    );
  });

  it("lets an entry drain alone: its connection goes on, its key is refused, the others see nothing of it", async () => {
    const other = await startBackend(scope);
    const leaving = await open({ name: "leaving", keys: ["one"] });
    const staying = await open({ name: "staying", keys: ["two"], target: other.port });
    const friend = await enter("one");
    const served = await isServed(friend, backend);
    let isDrained = false;
    const drained = leaving.member.drain().then(() => {
      isDrained = true;
    });
    await assert.rejects(enter("one"));
    await isServed(await enter("two"), other);
    friend.send(ascii("last words"));
    assert.deepEqual(await served.read(10), ascii("last words"));
    assert.equal(isDrained, false);
    await friend.peer.end();
    await served.end();
    await drained;
    assert.deepEqual([closings(leaving), leaving.member.connections.size, staying.member.connections.size], [1, 0, 1]);
    await isServed(await enter("two"), other);
  });

  it("cuts the connections of an entry that is closed, and no other's", async () => {
    const other = await startBackend(scope);
    const closing = await open({ name: "closing", keys: ["one"] });
    await open({ name: "staying", keys: ["two"], target: other.port });
    const cut = await enter("one");
    await isServed(cut, backend);
    const kept = await enter("two");
    const served = await isServed(kept, other);
    closing.member.close();
    await cut.peer.ending();
    kept.send(ascii("on"));
    assert.deepEqual(await served.read(2), ascii("on"));
  });

  it("closes the port with the last entry, and opens it again for the next", async () => {
    const one = await open({ name: "one", keys: ["one"] });
    const two = await open({ name: "two", keys: ["two"] });
    one.member.close();
    await isServed(await enter("two"), backend);
    two.member.close();
    await assert.rejects(connectTo(scope, { port }), { code: "ECONNREFUSED" });
    await open({ name: "three", keys: ["three"] });
    await isServed(await enter("three"), backend);
  });

  for (const way of ["close", "drain"] as const) {
    it(`ends handshakes under way when an entry leaves by ${way}: its wiped keys must prove nothing`, async () => {
      const leaving = await open({ name: "leaving", keys: ["one"] });
      await open({ name: "staying", keys: ["two"] });
      // The connection is accepted while the entry is there; the nonce that the keys are mixed with comes later.
      const stranger = await connectTo(scope, { port });
      const nonce = await stranger.read(32);
      if (way === "close") leaving.member.close();
      else await leaving.member.drain();
      for (const key of leaving.route.keys) key.fill(0);
      const client = handshake("client", { keys: [new Uint8Array(32)], forwardSecrecy: "off" });
      stranger.write(client.start());
      stranger.write(client.receive(nonce).send ?? assert.fail("no C4"));
      const proof = async (): Promise<unknown> => done(client.receive(await stranger.read(288)));
      await assert.rejects(proof(), /the stream ended/);
      assert.equal(backend.peers.length, 0);
    });
  }

  it("gives new connections the new keys of an entry, and leaves the old connections alone", async () => {
    const entry = await open({ name: "one", keys: ["old"] });
    await open({ name: "two", keys: ["two"] });
    const before = await enter("old");
    const served = await isServed(before, backend);
    const route = makeRoute(scope, { role: "server", target: backend.port, keys: ["new"] }, "one");
    entry.member.reconfigure({ ...entry.options, routes: [route] });
    await isServed(await enter("new"), backend);
    await assert.rejects(enter("old"));
    before.send(ascii("on"));
    assert.deepEqual(await served.read(2), ascii("on"));
    assert.equal(entry.member.connections.size, 2);
  });
});
