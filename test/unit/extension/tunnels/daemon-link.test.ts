/** The window's connection to the daemon: when a daemon is started, what survives a reconnection, what is reported. */
import assert from "node:assert/strict";
import type { DaemonLink } from "../../../../extension/tunnels/daemon-link.ts";
import { TunnelError } from "../../../../shared/errors.ts";
import { DAEMON, FakeDaemon } from "../../../support/fake-client.ts";
import { until } from "../../../support/process/until.ts";
import { tunnelStatus } from "../../../support/status.ts";
import { CONFIG_PATH } from "../../../support/tunnels-json.ts";
import { rejectionOf } from "../../../support/wire/codes.ts";

const REF = { configPath: CONFIG_PATH, name: "cache" };
const UNREACHABLE = new TunnelError("DAEMON_UNREACHABLE", "no daemon is running");

describe("the link to the daemon", () => {
  let daemon: FakeDaemon;
  let link: DaemonLink;

  beforeEach(() => {
    daemon = new FakeDaemon();
    link = daemon.link();
  });

  afterEach(() => link.dispose());

  /** Lets everything run that waits only for its turn of the event loop. */
  const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

  it("makes no client before one is needed", () => {
    assert.equal(daemon.clients.length, 0);
    assert.deepEqual(link.state, { at: "off" });
  });

  it("attaches to a running daemon without the right to start one", async () => {
    assert.equal(await link.attach(), true);
    assert.equal(daemon.client.start, false);
    assert.deepEqual(link.state, { at: "connected", daemon: DAEMON });
  });

  it("makes no client to attach when no daemon runs", async () => {
    daemon.mayRun = false;
    assert.equal(await link.attach(), false);
    assert.equal(daemon.clients.length, 0);
  });

  it("says that it is not attached when a daemon that seemed to run does not answer", async () => {
    daemon.connecting = () => Promise.reject(UNREACHABLE);
    assert.equal(await link.attach(), false);
    assert.equal(daemon.client.closed, true);
  });

  it("may start a daemon for a request, and makes one client for several at once", async () => {
    await Promise.all([link.want("a", { configPath: CONFIG_PATH, names: ["cache"] }), link.want("b", { configPath: CONFIG_PATH, names: ["orders"] })]);
    assert.deepEqual(
      daemon.clients.map(({ start }) => start),
      [true],
    );
  });

  it("replaces a client that may not start a daemon when the daemon has gone and is needed", async () => {
    await link.attach();
    daemon.client.lose();
    await link.request("tunnels/list", {});
    assert.deepEqual(
      daemon.clients.map(({ start, closed }) => ({ start, closed })),
      [
        { start: false, closed: true },
        { start: true, closed: false },
      ],
    );
    assert.equal(link.state.at, "connected");
  });

  it("passes on why no daemon can be reached, and tries again for the next request", async () => {
    daemon.connecting = () => Promise.reject(UNREACHABLE);
    assert.equal((await rejectionOf(link.request("tunnels/list", {}))).code, "DAEMON_UNREACHABLE");
    daemon.connecting = () => Promise.resolve();
    await link.request("tunnels/list", {});
    assert.equal(daemon.clients.length, 2);
  });

  it("starts no daemon to say that nothing is wanted", async () => {
    await link.want("a", { configPath: CONFIG_PATH, names: [] });
    assert.equal(daemon.clients.length, 0);
  });

  it("does not fail when no daemon is left to be told that nothing is wanted any more", async () => {
    await link.want("a", { configPath: CONFIG_PATH, names: ["cache"] });
    link.disconnect();
    daemon.connecting = () => Promise.reject(UNREACHABLE);
    await link.want("a", { configPath: CONFIG_PATH, names: [] });
    assert.equal(daemon.client.start, false);
  });

  it("states the newest of two wants of a scope last, in whatever order they reach the daemon", async () => {
    await Promise.all([link.want("a", { configPath: CONFIG_PATH, names: ["cache"] }), link.want("a", { configPath: CONFIG_PATH, names: ["cache", "orders"] })]);
    assert.deepEqual(daemon.paramsOf("tunnels/set").at(-1)?.names, ["cache", "orders"]);
  });

  it("states no want that was given up while the client connected", async () => {
    let connect: (() => void) | undefined;
    daemon.connecting = () => new Promise((resolve) => (connect = resolve));
    const wants = { configPath: CONFIG_PATH, names: ["cache"] };
    const both = [link.want("a", wants), link.want("a", { ...wants, names: [] })];
    await until(() => connect !== undefined, { what: "it connected" });
    connect?.();
    await Promise.all(both);
    assert.deepEqual(daemon.paramsOf("tunnels/set").at(-1)?.names ?? [], []);
  });

  it("states wants on a new client before anything else except keys", async () => {
    const order: string[] = [];
    link.dispose();
    link = daemon.link({ onHello: async () => void order.push(`hello after ${daemon.asked.length} requests`) });
    await link.want("a", { configPath: CONFIG_PATH, names: ["cache"] });
    link.disconnect();
    daemon.asked.length = 0;
    await link.request("keys/list", {}).catch(() => {});
    assert.deepEqual(order, ["hello after 0 requests", "hello after 0 requests"]);
    assert.deepEqual(daemon.names.slice(0, 2), ["tunnels/set", "tunnels/list"]);
  });

  it("supplies keys again after the client has come back by itself", async () => {
    const hellos: unknown[] = [];
    link.dispose();
    link = daemon.link({ onHello: async (client) => void hellos.push(client) });
    await link.attach();
    daemon.client.lose();
    daemon.client.comeBack();
    await settled();
    assert.deepEqual(hellos, [daemon.client, daemon.client]);
  });

  it("does not say that it is connected when it was lost again while keys were supplied", async () => {
    let supplied: (() => void) | undefined;
    let hellos = 0;
    link.dispose();
    link = daemon.link({
      onHello: () => {
        hellos += 1;
        return hellos === 1 ? Promise.resolve() : new Promise((resolve) => (supplied = resolve));
      },
    });
    await link.attach();
    daemon.client.lose();
    daemon.client.comeBack();
    daemon.client.lose();
    daemon.asked.length = 0;
    supplied?.();
    await settled();
    assert.equal(link.state.at, "lost");
    assert.deepEqual(daemon.asked, []);
  });

  it("forgets its wants and is off when the daemon was told to end everything", async () => {
    let ends = 0;
    link.onDidEnd(() => (ends += 1));
    await link.want("a", { configPath: CONFIG_PATH, names: ["cache"] });
    daemon.client.lose(undefined, { ended: true });
    assert.deepEqual([ends, link.state.at, link.statuses], [1, "off", []]);
    daemon.asked.length = 0;
    await link.request("tunnels/list", {});
    assert.ok(!daemon.names.includes("tunnels/set"));
  });

  it("treats a lost daemon that has gone as no daemon", async () => {
    await link.attach();
    daemon.client.lose();
    daemon.mayRun = false;
    assert.equal(await link.attach(), false);
  });

  it("keeps its connection when a client that may start a daemon can't be made", async () => {
    link.dispose();
    link = daemon.link({ createClient: (options) => (options.start ? Promise.reject(UNREACHABLE) : daemon.create(options)) });
    await link.attach();
    assert.equal(await rejectionOf(link.want("a", { configPath: CONFIG_PATH, names: ["cache"] })), UNREACHABLE);
    assert.deepEqual([link.state.at, daemon.client.closed], ["connected", false]);
  });

  it("is lost, with nothing left to show, when the client that may start a daemon can't connect", async () => {
    await link.attach();
    daemon.client.notify("tunnel/changed", tunnelStatus({ state: "verified" }));
    daemon.connecting = () => Promise.reject(UNREACHABLE);
    await rejectionOf(link.want("a", { configPath: CONFIG_PATH, names: ["cache"] }));
    assert.deepEqual([link.state, link.statuses], [{ at: "lost", error: UNREACHABLE }, []]);
  });

  it("supplies keys again when the connection was lost and restored during the first supply", async () => {
    const supplies: (() => void)[] = [];
    link.dispose();
    link = daemon.link({ onHello: () => new Promise((resolve) => supplies.push(resolve)) });
    const attached = link.attach();
    await until(() => supplies.length === 1, { what: "keys were supplied" });
    daemon.client.lose();
    daemon.client.comeBack();
    supplies[0]?.();
    await until(() => supplies.length === 2, { what: "keys were supplied to the new daemon" });
    supplies[1]?.();
    assert.equal(await attached, true);
    await settled();
    assert.equal(link.state.at, "connected");
  });

  it("notices that the connection was lost while it stated its wants", async () => {
    await link.want("a", { configPath: CONFIG_PATH, names: ["cache"] });
    link.disconnect();
    daemon.answer("tunnels/set", () => {
      daemon.client.lose();
      throw UNREACHABLE;
    });
    await link.request("keys/list", {}).catch(() => {});
    assert.equal(link.state.at, "lost");
  });

  it("passes the daemon's notifications to a listener that was added during the connecting", async () => {
    let connect: (() => void) | undefined;
    daemon.connecting = () => new Promise((resolve) => (connect = resolve));
    const attached = link.attach();
    await until(() => connect !== undefined, { what: "it connected" });
    const heard: string[] = [];
    link.on("tunnel/removed", ({ id }) => heard.push(id));
    connect?.();
    await attached;
    daemon.client.notify("tunnel/removed", { id: "x" });
    assert.deepEqual(heard, ["x"]);
  });

  it("passes the next client's notifications to a listener, too, once each, and none after its end", async () => {
    const heard: string[] = [];
    const listening = link.on("tunnel/removed", ({ id }) => heard.push(id));
    await link.attach();
    link.disconnect();
    await link.attach();
    daemon.client.notify("tunnel/removed", { id: "first" });
    listening.dispose();
    daemon.client.notify("tunnel/removed", { id: "second" });
    assert.deepEqual(heard, ["first"]);
  });

  it("knows the tunnels that the daemon lists, changes and removes", async () => {
    const seen: (string | undefined)[] = [];
    daemon.answer("tunnels/list", () => ({ daemon: DAEMON, tunnels: [tunnelStatus()] }));
    link.onDidChange(() => seen.push(link.statusOf(REF)?.state));
    await link.attach();
    daemon.client.notify("tunnel/changed", tunnelStatus({ state: "verified" }));
    daemon.client.notify("tunnel/removed", { id: "cache@00000000" });
    assert.deepEqual(seen, ["listening", "verified", undefined]);
  });

  it("forgets all tunnels while there is no daemon", async () => {
    daemon.answer("tunnels/list", () => ({ daemon: DAEMON, tunnels: [tunnelStatus()] }));
    await link.attach();
    daemon.client.lose();
    assert.deepEqual(link.statuses, []);
    daemon.client.comeBack();
    await until(() => link.statusOf(REF) !== undefined, { what: "it knew the tunnel again" });
  });

  it("forgets a tunnel that the new daemon does not have", async () => {
    daemon.answer("tunnels/list", () => ({ daemon: DAEMON, tunnels: [tunnelStatus()] }));
    await link.attach();
    daemon.answer("tunnels/list", () => ({ daemon: DAEMON, tunnels: [] }));
    daemon.client.lose();
    daemon.client.comeBack();
    await settled();
    assert.deepEqual(link.statuses, []);
  });

  it("ignores a client that it has let go of", async () => {
    await link.attach();
    const before = daemon.client;
    link.disconnect();
    await link.attach();
    before.lose(UNREACHABLE);
    assert.equal(link.state.at, "connected");
  });

  it("asks for counters again after it has come back, at the rate asked for last", async () => {
    await link.attach();
    await link.watchStats(1_000);
    daemon.asked.length = 0;
    daemon.client.lose();
    daemon.client.comeBack();
    await until(() => daemon.names.includes("stats/subscribe"), { what: "it asked again" });
    assert.deepEqual(daemon.paramsOf("stats/subscribe"), [{ intervalMs: 1_000 }]);
  });

  it("starts no daemon for counters", async () => {
    await link.watchStats(1_000);
    assert.equal(daemon.clients.length, 0);
  });

  it("reports each change of its state", async () => {
    const states: string[] = [];
    link.onDidChangeState(({ at }) => states.push(at));
    await link.attach();
    daemon.client.lose();
    daemon.client.comeBack();
    await settled();
    link.disconnect();
    assert.deepEqual(states, ["connected", "lost", "connected", "off"]);
  });

  it("no longer connects after it is disposed of", async () => {
    link.dispose();
    assert.equal((await rejectionOf(link.request("tunnels/list", {}))).code, "DAEMON_UNREACHABLE");
    assert.equal(daemon.clients.length, 0);
  });

  it("closes a client that connects after the end", async () => {
    let connect: (() => void) | undefined;
    daemon.connecting = () => new Promise((resolve) => (connect = resolve));
    const asked = rejectionOf(link.request("tunnels/list", {}));
    await until(() => connect !== undefined, { what: "it connected" });
    link.dispose();
    connect?.();
    assert.equal((await asked).code, "DAEMON_UNREACHABLE");
    assert.equal(daemon.client.closed, true);
  });
});
