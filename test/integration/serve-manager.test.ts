/** `tunneld serve` under a service manager, played by this test: the message that it is ready, and sockets passed in. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { freePort } from "../../scripts/lib/ports.mjs";
import { type Backend, startEcho } from "../support/process/backend.ts";
import { startEnd, TUNNELD } from "../support/process/ends.ts";
import { isListening } from "../support/process/listening.ts";
import { connectTo, exchange } from "../support/process/peer.ts";
import { statusField } from "../support/process/proc-info.ts";
import type { Program } from "../support/process/program.ts";
import { Home } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

describe("tunneld serve under a service manager", () => {
  const stage = stageForEach();
  let home: Home;
  let configPath: string;
  let echo: Backend;

  beforeEach(async () => {
    home = new Home(stage);
    configPath = stage.path("tunnels.json");
    echo = await startEcho(stage);
  });

  /** One server entry for each key, all on `port`. */
  function write(port: number, keys: readonly string[]): void {
    const entries = keys.map((key) => [key, { role: "server", listen: `127.0.0.1:${port}`, target: echo.address, key }]);
    writeFileSync(configPath, JSON.stringify({ version: 1, tunnels: Object.fromEntries(entries) }));
  }

  const args = (): string[] => [TUNNELD, "serve", "--config", configPath, "--state-dir", home.paths.stateDir];

  describe("that waits for a message (Type=notify)", () => {
    /** A `systemd-notify` that records its arguments, and whether `port` took connections then; returns its calls. */
    function standIn(port: number, { exitCode = 0 } = {}): { readonly env: NodeJS.ProcessEnv; readonly calls: () => string[] } {
      const folder = stage.path("bin");
      const record = stage.path("told");
      mkdirSync(folder);
      const file = path.join(folder, "systemd-notify");
      const hex = `:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`;
      const script = `#!/bin/sh\nopen=no\ngrep -q '${hex}' /proc/net/tcp && open=yes\necho "$* open=$open" >> '${record}'\nexit ${exitCode}\n`;
      writeFileSync(file, script);
      chmodSync(file, 0o755);
      return {
        env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}`, NOTIFY_SOCKET: stage.path("notify") },
        // Only whole lines count: the file exists before its first line.
        calls: () => (existsSync(record) ? readFileSync(record, "utf8").split("\n").slice(0, -1) : []),
      };
    }

    it("says that it is ready once every port is open, and that it is stopping", async () => {
      const port = await freePort();
      for (const key of ["one", "two"]) home.key(key);
      write(port, ["one", "two"]);
      const { env, calls } = standIn(port);
      const program = stage.spawn(process.execPath, args(), { env });
      await until(() => calls().length > 0, { what: "it was told" });
      assert.deepEqual(calls(), [`--ready --pid=${program.pid} --status=2 entries open=yes`]);
      program.child.kill("SIGTERM");
      assert.deepEqual(await program.exit(), { code: 0, signal: null });
      await until(() => calls().length > 1, { what: "it was told of the end" });
      assert.match(calls()[1] ?? "", new RegExp(`^--stopping --pid=${program.pid} `));
    });

    it("does not say that it is ready when it can't start", async () => {
      const port = await freePort();
      write(port, ["missing"]);
      const { env, calls } = standIn(port);
      const { code } = await stage.spawn(process.execPath, args(), { env }).exit();
      assert.deepEqual([code, calls()], [1, []]);
    });

    it("goes on, with a line that names the cure, when its message is not accepted", async () => {
      const port = await freePort();
      home.key("one");
      write(port, ["one"]);
      const { env } = standIn(port, { exitCode: 1 });
      const program = stage.spawn(process.execPath, args(), { env });
      await program.logs(/the unit needs NotifyAccess=all/);
      assert.ok(isListening(program.pid, `[127.0.0.1]:${port}`));
    });

    it("goes on, with a line that says so, without a systemd-notify", async () => {
      const port = await freePort();
      home.key("one");
      write(port, ["one"]);
      const program = stage.spawn(process.execPath, args(), { env: { PATH: stage.path("nothing"), NOTIFY_SOCKET: stage.path("notify") } });
      await program.logs(/the service manager can't be told: .*systemd-notify/);
      assert.ok(isListening(program.pid, `[127.0.0.1]:${port}`));
    });
  });

  describe("that passes its sockets in", () => {
    interface Passed {
      readonly fd: number;
      readonly port: number;
      /** Closes the manager's own copy: from then on the service alone has the socket. */
      readonly close: () => Promise<void>;
    }

    /** A listening socket; once the manager's copy is closed connections wait in its backlog until the service accepts. */
    async function socket(host = "127.0.0.1"): Promise<Passed> {
      const server = net.createServer().listen(0, host);
      await once(server, "listening");
      const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
      stage.own(() => server.close());
      return { fd, port: (server.address() as net.AddressInfo).port, close: () => new Promise((resolve) => server.close(() => resolve())) };
    }

    /** Does what a manager does between fork and exec: the socket is descriptor 3, and the variables name the process. */
    function startWith({ fd }: Pick<Passed, "fd">, { pid = "$$", before = ":" } = {}): Program {
      const shell = `${before}; export LISTEN_FDS=1 LISTEN_PID=${pid}; exec "$0" "$@"`;
      return stage.spawn("/bin/sh", ["-c", shell, process.execPath, ...args()], { stdio: ["ignore", "pipe", "pipe", fd] });
    }

    const clientWith = async (key: string, port: number): Promise<string> =>
      (await startEnd(stage, { maker: "Debian's", role: "-e", target: `[127.0.0.1]:${port}`, key })).address;

    it("serves several entries of one passed socket, which nobody else has from then on", async () => {
      const passed = await socket();
      const [one, two] = [home.key("one"), home.key("two")];
      write(passed.port, ["one", "two"]);
      const program = startWith(passed);
      await passed.close();
      await program.logs(/two listens at/);
      for (const key of [one, two]) assert.equal((await exchange(stage, await clientWith(key, passed.port), "hello")).toString(), "hello");
      program.child.kill("SIGTERM");
      assert.deepEqual(await program.exit(), { code: 0, signal: null });
      await assert.rejects(connectTo(stage, `[127.0.0.1]:${passed.port}`), /ECONNREFUSED/);
    });

    it("serves the connection that made the manager start it", async () => {
      const passed = await socket();
      const key = home.key("one");
      write(passed.port, ["one"]);
      const client = await clientWith(key, passed.port);
      // Stopped before it becomes the service, so that a client that connects now waits in the backlog.
      const program = startWith(passed, { before: "kill -STOP $$" });
      await until(() => statusField(program.pid, "State").startsWith("T"), { what: "the service was stopped" });
      await passed.close();
      const [raw, waiting] = [await connectTo(stage, `[127.0.0.1]:${passed.port}`), await connectTo(stage, client)];
      waiting.send("hello");
      raw.send(randomBytes(32));
      program.child.kill("SIGCONT");
      assert.equal((await raw.has(32)).length, 32, "the service's nonce");
      await waiting.has(5);
      assert.equal(waiting.text, "hello");
    });

    it("serves a unix socket that was passed, and the clients that waited there", async () => {
      const socketPath = stage.path("passed.sock");
      const server = net.createServer().listen(socketPath);
      await once(server, "listening");
      const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
      const key = home.key("one");
      writeFileSync(configPath, JSON.stringify({ version: 1, tunnels: { one: { role: "server", listen: socketPath, target: echo.address, key: "one" } } }));
      const program = startWith({ fd });
      // Closes the manager's own copy; Node would remove the path too.
      renameSync(socketPath, `${socketPath}.kept`);
      await new Promise((resolve) => server.close(resolve));
      renameSync(`${socketPath}.kept`, socketPath);
      await program.logs(/one listens at/);
      const { address } = await startEnd(stage, { role: "-e", target: socketPath, key });
      assert.equal((await exchange(stage, address, "hello")).toString(), "hello");
    });

    it("opens a port by itself when no socket is passed for it", async () => {
      const passed = await socket();
      const other = await freePort();
      const [one, two] = [home.key("one"), home.key("two")];
      const entry = { role: "server", target: echo.address };
      const tunnels = { one: { ...entry, key: "one", listen: `127.0.0.1:${passed.port}` }, two: { ...entry, key: "two", listen: `127.0.0.1:${other}` } };
      writeFileSync(configPath, JSON.stringify({ version: 1, tunnels }));
      const program = startWith(passed);
      await passed.close();
      await program.logs(/two listens at/);
      for (const [key, port] of [[one, passed.port] as const, [two, other] as const]) {
        assert.equal((await exchange(stage, await clientWith(key, port), "hello")).toString(), "hello");
      }
    });

    it("says which socket was passed and how to write its address when an entry writes the address differently", async () => {
      const passed = await socket("::");
      home.key("one");
      const tunnels = { one: { role: "server", target: echo.address, key: "one", listen: `0.0.0.0:${passed.port}` } };
      writeFileSync(configPath, JSON.stringify({ version: 1, tunnels }));
      const program = startWith(passed);
      assert.equal((await program.exit()).code, 1);
      const { port } = passed;
      assert.match(
        program.stderr,
        new RegExp(`passed a socket at \\[::\\]:${port}, not at 0\\.0\\.0\\.0:${port}: write "listen": "\\[::\\]:${port}".*\\(CONFIG_INVALID\\)`),
      );
    });

    it("finds the address in use when the socket was meant for another process", async () => {
      const passed = await socket();
      home.key("one");
      write(passed.port, ["one"]);
      const program = startWith(passed, { pid: "1" });
      assert.equal((await program.exit()).code, 1);
      assert.match(program.stderr, /\(LISTEN_IN_USE\)/);
    });
  });
});
