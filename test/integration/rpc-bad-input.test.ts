/**
 * A real daemon and clients that misbehave: each is disconnected and logged, the daemon goes on in bounded memory, and a
 * client that behaves is not disturbed.
 */
import assert from "node:assert/strict";
import { MAX_CLIENTS, MAX_UNREAD_BYTES } from "../../daemon/rpc/limits.ts";
import { MAX_MESSAGE_BYTES } from "../../shared/contract/methods.ts";
import { startBackend } from "../support/process/backend.ts";
import { isAlive, residentBytes } from "../support/process/proc-info.ts";
import { Home } from "../support/process/tunneld.ts";
import { until, untilStill } from "../support/process/until.ts";
import { PAYLOADS } from "../support/rpc/payloads.ts";
import { frame, RawClient } from "../support/rpc/raw-client.ts";
import { stageForEach } from "../support/stage.ts";

const MIB = 1024 * 1024;

describe("a daemon with clients that misbehave", () => {
  const stage = stageForEach();

  /** A daemon, a client that behaves and notices everything, and a check that neither was disturbed. */
  async function inhabited() {
    const home = new Home(stage);
    const { daemon } = home.client();
    const { pid } = await daemon.connect();
    const path = home.paths.door.socketPath;
    const other = await RawClient.greeted(stage, path, { kind: "cli", name: "other", pid: process.pid });
    return {
      home,
      pid,
      daemon,
      connect: () => RawClient.connect(stage, path),
      greeted: (who?: Readonly<Record<string, unknown>>) => RawClient.greeted(stage, path, who),
      goesOn: async (): Promise<void> => {
        assert.deepEqual((await other.ask("tunnels/list")).result?.["daemon"], await daemon.connect());
        assert.deepEqual([other.isClosed, isAlive(pid)], [false, true]);
      },
      logs: (pattern: RegExp) => until(() => pattern.test(home.log), { what: `${pattern} was in the log` }),
    };
  }

  it("disconnects each client that sends no valid messages, says why in its log, and goes on", async () => {
    const { greeted, connect, goesOn, logs } = await inhabited();
    const bad: readonly (readonly [string, RegExp])[] = [
      [frame("{"), /not JSON/],
      [frame([{ jsonrpc: "2.0", id: 1, method: "hello" }]), /batches/],
      [frame({ jsonrpc: "2.0", id: 1, result: {} }), /neither a request/],
      [`Content-Length: ${MAX_MESSAGE_BYTES + 1}\r\n\r\n`, /4194305 bytes, 4194304 are allowed/],
      ["Content-Length: 18446744073709551617\r\n\r\n", /one Content-Length/],
      ["Content-Length: 2\r\nContent-Length: 900000000000\r\n\r\n{}", /one Content-Length/],
      ["GET / HTTP/1.1\r\n\r\n", /not in the form/],
      ["x".repeat(5_000), /longer than 1024 bytes/],
      [frame({ jsonrpc: "2.0", method: "exit" }) + frame("null"), /no JSON-RPC object/],
    ];
    for (const [bytes, reason] of bad) {
      for (const client of [await connect(), await greeted({ name: "stranger" })]) {
        client.write(bytes);
        await client.closed();
        await goesOn();
      }
      await logs(reason);
    }
    await logs(/stranger/);
  });

  it("answers a wrong request with its error code, and goes on with the same client", async () => {
    const { connect, goesOn, logs } = await inhabited();
    const client = await connect();
    const answers: readonly (readonly [string, unknown, number, string])[] = [
      ["keys/list", {}, -32_600, "DAEMON_VERSION"],
      ["hello", { ...PAYLOADS.requests.hello.params, protocol: 2 }, -32_000, "DAEMON_VERSION"],
      ["hello", { protocol: 1 }, -32_602, "CONFIG_INVALID"],
    ];
    for (const [method, params, code, data] of answers) {
      const { error } = await client.ask(method, params);
      assert.deepEqual([error?.code, error?.data?.code], [code, data], method);
    }
    await client.hello();
    const ref = { configPath: "/nowhere/tunnels.json", name: "cache" };
    const afterwards: readonly (readonly [string, unknown, number, string])[] = [
      ["hello", PAYLOADS.requests.hello.params, -32_000, "DAEMON_VERSION"],
      ["daemon/explode", {}, -32_601, "DAEMON_VERSION"],
      ["tunnel/open", { name: "cache" }, -32_602, "CONFIG_INVALID"],
      ["tunnel/restart", ref, -32_000, "CONFIG_INVALID"],
      ["keys/put", { name: "team", key: "!" }, -32_000, "CONFIG_INVALID"],
      ["approvals/grant", { ...ref, digest: "0" }, -32_000, "CONFIG_INVALID"],
      ["daemon/replace", { program: "tunneld.cjs" }, -32_000, "CONFIG_INVALID"],
    ];
    for (const [method, params, code, data] of afterwards) {
      const { error } = await client.ask(method, params);
      assert.equal(error?.code, code, method);
      assert.equal(error?.data?.code, data, method);
      assert.ok((error?.message.length ?? 0) > 10, method);
    }
    await goesOn();
    await logs(/speaks protocol 2, this daemon 1/);
    await logs(/daemon\/explode/);
  });

  it("uses no memory for messages that are only announced", async () => {
    const { pid, greeted, goesOn } = await inhabited();
    const clients = await Promise.all(Array.from({ length: 200 }, () => greeted()));
    const before = residentBytes(pid);
    for (const client of clients) client.write(`Content-Length: ${MAX_MESSAGE_BYTES}\r\n\r\n{"jsonrpc"`);
    await goesOn();
    await untilStill(() => residentBytes(pid), { what: "the daemon had settled", rounds: 20 });
    assert.ok(residentBytes(pid) - before < 32 * MIB, `${(residentBytes(pid) - before) / MIB} MiB`);
    await goesOn();
  });

  it("disconnects a client that subscribed to statistics and never reads, and stays within its memory bound", async () => {
    const { pid, greeted, goesOn, logs, home } = await inhabited();
    const deaf = await greeted({ kind: "cli", name: "deaf" });
    // A file that is not there: a thousand tunnels that can't be opened, a kilobyte each.
    const names = Array.from({ length: 1_000 }, (_, index) => `tunnel-${index}`);
    await deaf.ask("tunnels/set", { scope: "s", configPath: home.paths.userTunnelsFile, names });
    await untilStill(() => residentBytes(pid), { what: "the daemon had settled", rounds: 20 });
    const before = residentBytes(pid);
    await deaf.ask("stats/subscribe", { intervalMs: 100 });
    deaf.socket.pause();
    await logs(/deaf.*was let go: it does not read/);
    assert.ok(residentBytes(pid) - before < MAX_UNREAD_BYTES + 112 * MIB, `${(residentBytes(pid) - before) / MIB} MiB`);
    deaf.socket.resume();
    await deaf.closed();
    // The client's leases have ended with it.
    const witness = await greeted();
    await until(async () => JSON.stringify((await witness.ask("tunnels/list")).result?.["tunnels"]) === "[]", { what: "its tunnels were gone" });
    await goesOn();
  });

  it("stops reading from a client that floods it with requests and reads no answer", async () => {
    const { pid, greeted, goesOn } = await inhabited();
    const greedy = await greeted();
    greedy.socket.pause();
    const before = residentBytes(pid);
    const request = frame({ jsonrpc: "2.0", id: 1_000_000, method: "log/subscribe", params: { replay: 10_000 } });
    for (let id = 0; id < 50_000; id++) greedy.write(request.replace("1000000", String(1_000_000 + id)));
    await untilStill(() => greedy.socket.writableLength, { what: "the daemon took no more" });
    assert.ok(greedy.socket.writableLength > 0);
    assert.ok(residentBytes(pid) - before < 128 * MIB, `${(residentBytes(pid) - before) / MIB} MiB`);
    await goesOn();
  });

  it("ends the leases of a client that is killed in the middle of a request", async () => {
    const { home, daemon, greeted, goesOn } = await inhabited();
    home.key("team");
    const silent = await startBackend(stage, () => {});
    const configPath = home.workspace("shop", { cache: { target: silent.address, timeoutSeconds: 60 } });
    const { pending } = await daemon.request("approvals/list", { configPath });
    await daemon.request("approvals/grant", { configPath, name: "cache", digest: pending[0]?.digest ?? "" });
    const hello = frame({
      jsonrpc: "2.0",
      id: 1,
      method: "hello",
      params: { ...PAYLOADS.requests.hello.params, client: { kind: "cli", name: "victim", pid: 1, version: "0.1.0" } },
    });
    const open = frame({ jsonrpc: "2.0", id: 2, method: "tunnel/open", params: { configPath, name: "cache", probe: true } });
    const script = `require("net").connect(${JSON.stringify(home.paths.door.socketPath)}).write(${JSON.stringify(hello + open)})`;
    const victim = stage.spawn(process.execPath, ["-e", script]);
    const witness = await greeted();
    const users = async (): Promise<unknown> => {
      const tunnels = (await witness.ask("tunnels/list")).result?.["tunnels"] as { users: { name: string }[] }[];
      return tunnels.flatMap((tunnel) => tunnel.users.map(({ name }) => name)).join();
    };
    await until(async () => (await users()) === "victim", { what: "the victim had its lease" });
    await until(() => silent.peers.length > 0, { what: "its probe was under way" });
    await victim.kill("SIGKILL");
    await until(async () => (await users()) === "", { what: "its lease had ended" });
    // The end of a lease does not cut a connection: the connection ends when the other side ends.
    for (const { socket } of silent.peers) socket.destroy();
    await until(() => witness.notifications("tunnel/removed").length > 0, { what: "the tunnel was gone" });
    await goesOn();
  });

  it("answers a request that was cancelled", async () => {
    const { greeted, goesOn } = await inhabited();
    const client = await greeted();
    const id = client.send("tunnels/list", {});
    client.write(frame({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id } }));
    assert.ok((await client.response(id)).result);
    await goesOn();
  });

  it(`serves ${MAX_CLIENTS} clients, and turns one more away`, async () => {
    const { connect, greeted, goesOn, logs } = await inhabited();
    const clients = await Promise.all(Array.from({ length: MAX_CLIENTS - 2 }, () => greeted()));
    await (await connect()).closed();
    await logs(/more than 256 clients/);
    const answers = await Promise.all(clients.map((client) => client.ask("keys/list")));
    assert.ok(answers.every(({ result }) => result));
    await goesOn();
  });
});
