/** One connection to a daemon: codes are passed on, the end is reported in order, nothing hangs. */
import assert from "node:assert/strict";
import * as net from "node:net";
import { RpcClient } from "../../../daemon/client/rpc-client.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { until, within } from "../../support/process/until.ts";
import { openDoor } from "../../support/rpc/door.ts";
import { PAYLOADS } from "../../support/rpc/payloads.ts";
import { frame } from "../../support/rpc/raw-client.ts";
import { stageForEach } from "../../support/stage.ts";
import { rejectionOf } from "../../support/wire/codes.ts";

const HELLO = PAYLOADS.requests.hello.params as never;

describe("a connection to the daemon", () => {
  const stage = stageForEach();

  async function connect(path: string, onNotification?: (name: string, params: unknown) => void): Promise<RpcClient> {
    const client = await RpcClient.connect(path);
    stage.own(() => client.close());
    client.listen(onNotification);
    return client;
  }

  /** A daemon that handles each connection as the test says. */
  function serve(onConnection: (socket: net.Socket) => void): Promise<string> {
    const path = stage.path("own.sock");
    const server = net.createServer(onConnection);
    stage.own(() => void server.close());
    return new Promise((resolve) => server.listen(path, () => resolve(path)));
  }

  it("gives the result of a request", async () => {
    const client = await connect((await openDoor(stage)).path);
    assert.deepEqual(await client.request("hello", HELLO), PAYLOADS.requests.hello.result);
  });

  it("rejects with the daemon's own code and sentence", async () => {
    const refuse = (): never => {
      throw new TunnelError("LISTEN_IN_USE", "port 6579 is in use: choose another");
    };
    const client = await connect((await openDoor(stage, { handlers: { "tunnel/restart": refuse } })).path);
    await client.request("hello", HELLO);
    const error = await rejectionOf(client.request("tunnel/restart", { configPath: "/x", name: "cache" }));
    assert.deepEqual([error.code, error.message], ["LISTEN_IN_USE", "port 6579 is in use: choose another"]);
  });

  it("rejects with the daemon's hint, too", async () => {
    const refuse = (): never => {
      throw new TunnelError("NOT_APPROVED", "approve it", { hint: ' ("tunneld approve cache")' });
    };
    const client = await connect((await openDoor(stage, { handlers: { "tunnel/restart": refuse } })).path);
    await client.request("hello", HELLO);
    const error = await rejectionOf(client.request("tunnel/restart", { configPath: "/x", name: "cache" }));
    assert.deepEqual([error.message, error.hint], ['approve it ("tunneld approve cache")', ' ("tunneld approve cache")']);
  });

  it("reports an unknown code as DAEMON_UNREACHABLE", async () => {
    const path = await serve((socket) => {
      socket.once("data", () => socket.write(frame({ jsonrpc: "2.0", id: 0, error: { code: -32_000, message: "of tomorrow", data: { code: "FLUX_LOW" } } })));
    });
    const error = await rejectionOf((await connect(path)).request("keys/list", {}));
    assert.deepEqual([error.code, error.message], ["DAEMON_UNREACHABLE", "of tomorrow"]);
  });

  for (const code of ["ENOENT", "ECONNREFUSED"] as const) {
    it(`says that no daemon answers, with ${code} as the cause`, async () => {
      const path = stage.path("none.sock");
      if (code === "ECONNREFUSED") {
        const dead = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
        await stage.spawn(process.execPath, ["-e", dead]).exit();
      }
      const error = await rejectionOf(RpcClient.connect(path));
      assert.equal(error.code, "DAEMON_UNREACHABLE");
      assert.equal((error.cause as NodeJS.ErrnoException).code, code);
    });
  }

  it("rejects open requests when the daemon dies, and resolves `closed`", async () => {
    const path = await serve((socket) => void socket.once("data", () => socket.destroy()));
    const client = await connect(path);
    const error = await rejectionOf(client.request("keys/list", {}));
    assert.deepEqual([error.code, /went away during keys\/list/.test(error.message)], ["DAEMON_UNREACHABLE", true]);
    await within(client.closed, { what: "`closed` resolved" });
    assert.equal((await rejectionOf(client.request("keys/list", {}))).code, "DAEMON_UNREACHABLE");
  });

  it("rejects open requests when it is closed by its owner", async () => {
    const client = await connect(await serve(() => {}));
    const asked = rejectionOf(client.request("keys/list", {}));
    client.close();
    assert.equal((await asked).code, "DAEMON_UNREACHABLE");
  });

  it("handles all received messages before it reports that the connection has ended", async () => {
    const last = 200;
    const path = await serve((socket) => {
      const entries = Array.from({ length: last }, (_, atMs) => frame({ jsonrpc: "2.0", method: "log/entry", params: { atMs, level: "info", message: "m" } }));
      socket.once("data", () => socket.end(`${entries.join("")}${frame({ jsonrpc: "2.0", method: "daemon/closing", params: { reason: "shutdown" } })}`));
    });
    const heard: string[] = [];
    const client = await connect(path, (name) => heard.push(name));
    void client.request("keys/list", {}).catch(() => {});
    await client.closed;
    assert.deepEqual([heard.length, heard.at(-1)], [last + 1, "daemon/closing"]);
  });

  it("accepts an answer that arrives right before the end", async () => {
    const path = await serve((socket) => void socket.once("data", () => socket.end(frame({ jsonrpc: "2.0", id: 0, result: { keys: [] } }))));
    assert.deepEqual(await (await connect(path)).request("keys/list", {}), { keys: [] });
  });

  it("passes on notifications of a newer daemon", async () => {
    const heard: unknown[] = [];
    const path = await serve((socket) => socket.write(frame({ jsonrpc: "2.0", method: "tunnel/sang", params: { song: 7 } })));
    await connect(path, (name, params) => heard.push([name, params]));
    await until(() => heard.length > 0, { what: "it was passed on" });
    assert.deepEqual(heard, [["tunnel/sang", { song: 7 }]]);
  });

  it("closes a connection to something that is not a daemon", async () => {
    const client = await connect(await serve((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")));
    assert.equal((await rejectionOf(client.request("keys/list", {}))).code, "DAEMON_UNREACHABLE");
    await within(client.closed, { what: "the connection was closed" });
  });
});
