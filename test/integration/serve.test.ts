/** `tunneld serve` as a process: when it refuses to start, what it serves, how it changes and how it ends. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import * as http from "node:http";
import * as net from "node:net";
import { dirname, join } from "node:path";
import { endProcessesOf } from "../../scripts/lib/daemon-processes.mjs";
import { freePort } from "../../scripts/lib/ports.mjs";
import { type Backend, startBackend, startEcho } from "../support/process/backend.ts";
import { startEnd, TUNNELD } from "../support/process/ends.ts";
import { connectTo, exchange } from "../support/process/peer.ts";
import type { Program } from "../support/process/program.ts";
import { tunneld } from "../support/process/run.ts";
import { type Entries, Home } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { startRedis } from "../support/servers.ts";
import { stageForEach } from "../support/stage.ts";

describe("tunneld serve", () => {
  const stage = stageForEach();
  let home: Home;
  let configPath: string;
  let port: number;
  let echo: Backend;

  beforeEach(async () => {
    home = new Home(stage);
    configPath = stage.path("tunnels.json");
    port = await freePort();
    echo = await startEcho(stage);
  });

  /** A server entry at `port` that leads to the echo. */
  const entry = (key: unknown, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
    ...{ role: "server", listen: `127.0.0.1:${port}`, target: echo.address, key },
    ...more,
  });

  function write(entries: Entries): string {
    const text = JSON.stringify({ version: 1, tunnels: entries }, undefined, 2);
    writeFileSync(configPath, text);
    return text;
  }

  const argsOf = (more: readonly string[]): string[] => ["serve", "--config", configPath, "--state-dir", home.paths.stateDir, ...more];

  async function serve(entries: Entries, ...more: string[]): Promise<Program> {
    write(entries);
    const program = stage.spawn(process.execPath, [TUNNELD, ...argsOf(more)]);
    const [last] = Object.keys(entries).slice(-1);
    await until(() => !program.isRunning || program.stderr.includes(`${last} listens at`), { what: "the server listened" });
    assert.ok(program.isRunning, program.stderr);
    return program;
  }

  /** Starts it with a file that it must refuse; returns its output. */
  async function refusal(...more: string[]): Promise<string> {
    const { code, stdout, stderr } = await tunneld(stage, argsOf(more));
    assert.deepEqual([code, stdout.length], [1, 0], stderr);
    await assert.rejects(connectTo(stage, `[127.0.0.1]:${port}`), /ECONNREFUSED/, "no port is left open");
    return stderr;
  }

  /** line:column of `piece` in `text`, the `count`th of its kind. */
  function placeOf(text: string, piece: string, count = 1): string {
    let offset = -1;
    for (let seen = 0; seen < count; seen++) offset = text.indexOf(piece, offset + 1);
    assert.ok(offset >= 0, `${piece} is in the file`);
    const lines = text.slice(0, offset).split("\n");
    return `${configPath}:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}: `;
  }

  /** The address where one of Debian's clients with `key` takes plain connections. */
  async function clientWith(key: string): Promise<string> {
    return (await startEnd(stage, { maker: "Debian's", role: "-e", target: `[127.0.0.1]:${port}`, key })).address;
  }

  /** Whether a whole round trip works. */
  async function works(address: string): Promise<boolean> {
    return (await exchange(stage, address, "hello")).toString() === "hello";
  }

  describe("refuses to start, with code 1 and nothing left open,", () => {
    it("with a file that has a mistake in one of its entries, and says where", async () => {
      home.key("one");
      const text = write({ one: entry("one"), two: entry("two", { listen: 70_000 }) });
      const said = await refusal();
      assert.ok(said.startsWith(`tunneld: ${placeOf(text, "70000")}`), said);
      assert.match(said, /\(CONFIG_INVALID\)$/);
    });

    it("with a file that is not JSON, and says where", async () => {
      writeFileSync(configPath, '{\n  "version": 1,\n  "tunnels": {,}\n}\n');
      const said = await refusal();
      assert.match(said, /tunnels\.json:3:\d+: .*\(CONFIG_INVALID\)$/s);
    });

    it("without the file", async () => {
      assert.match(await refusal(), /tunnels\.json.*\(CONFIG_INVALID\)$/s);
    });

    it("with two entries of one key on one port, and names the place of the second entry's key", async () => {
      home.key("one");
      const text = write({ one: entry("one"), two: entry("one") });
      const said = await refusal();
      assert.ok(said.startsWith(`tunneld: ${placeOf(text, '"one"\n', 2)}"one" has the same key at "127.0.0.1:${port}"`), said);
      assert.match(said, /\(CONFIG_INVALID\)$/);
    });

    for (const [what, target] of [["one target", undefined] as const, ["two targets", "127.0.0.1:1"] as const])
      it(`with two key files of the same bytes on one port, for ${what}`, async () => {
        const bytes = randomBytes(32);
        home.key("one", bytes);
        home.key("two", bytes);
        const text = write({ one: entry("one"), two: entry("two", target && { target }) });
        const said = await refusal();
        assert.match(said, /have the same key on one port.*\(CONFIG_INVALID\)$/s);
        assert.ok(
          [placeOf(text, '"one": {'), placeOf(text, '"two": {')].some((place) => said.includes(place)),
          said,
        );
      });

    it("with a 65th key on one port", async () => {
      const names = Array.from({ length: 65 }, (_, index) => `key-${index}`);
      for (const name of names) home.key(name);
      const entries = Array.from({ length: 9 }, (_, index) => [`entry-${index}`, entry(names.slice(index * 8, index * 8 + 8))] as const);
      const text = write(Object.fromEntries(entries));
      const said = await refusal();
      assert.match(said, /65 keys .* 64 are possible.*\(CONFIG_INVALID\)$/s);
      assert.ok(said.includes(placeOf(text, '[\n        "key-64"')), said);
    });

    it("with a target that is itself", async () => {
      home.key("one");
      const text = write({ one: entry("one", { target: `127.0.0.1:${port}` }) });
      const said = await refusal();
      assert.ok(said.startsWith(`tunneld: ${placeOf(text, `"127.0.0.1:${port}"`, 2)}`), said);
      assert.match(said, /lead to itself.*\(CONFIG_INVALID\)$/s);
    });

    it("with a file that has only clients", async () => {
      home.key("one");
      write({ one: { ...entry("one"), role: "client" } });
      assert.match(await refusal(), /no entry with "role": "server".*\(CONFIG_INVALID\)$/);
    });

    it("without a key", async () => {
      const text = write({ one: entry("one") });
      const said = await refusal();
      assert.match(said, /\(KEY_NOT_FOUND\)$/);
      assert.ok(said.includes(placeOf(text, '"one": {')), said);
    });

    it("without key files: each once, with its place, in the order of the file, and with a cure for this end", async () => {
      const names = ["zeta", "alpha", "mid"];
      const text = write(Object.fromEntries(names.map((name, index) => [name, entry({ file: `${name}.key` }, { target: `127.0.0.1:${index + 1}` })])));
      const line = (name: string): string => {
        const file = stage.path(`${name}.key`);
        const cure = `make it with "tunneld keygen ${file}", copy it from the other end, or correct the path`;
        return `tunneld: ${placeOf(text, `"${name}": {`)}${name}: there is no key file ${file}: ${cure}`;
      };
      assert.equal(await refusal(), `${names.map(line).join("\n")} (KEY_NOT_FOUND)`);
    });

    it("when entries of one port want different forwardSecrecy", async () => {
      for (const name of ["one", "two"]) home.key(name);
      write({ one: entry("one"), two: entry("two", { forwardSecrecy: "off" }) });
      assert.match(await refusal(), /the same forwardSecrecy.*\(CONFIG_INVALID\)$/);
    });

    it("when another program has one of the ports, and closes the others", async () => {
      for (const name of ["one", "two"]) home.key(name);
      write({ one: entry("one"), two: entry("two", { listen: echo.address.replace(/[[\]]/g, ""), target: "127.0.0.1:1" }) });
      assert.match(await refusal(), /two: .*\(LISTEN_IN_USE\)$/);
    });

    it("when other machines could read the metrics and no option allows it", async () => {
      home.key("one");
      write({ one: entry("one") });
      assert.match(await refusal("--metrics", `0.0.0.0:${await freePort()}`), /--metrics 0\.0\.0\.0:\d+ can be reached by other machines.*\(CONFIG_INVALID\)$/);
    });

    it("without --config", async () => {
      const { code, stderr } = await tunneld(stage, ["serve"]);
      assert.deepEqual([code, stderr], [1, "tunneld: name the file with the server entries: tunneld serve --config FILE (CONFIG_INVALID)"]);
    });
  });

  it("serves metrics of each entry and /healthz", async () => {
    const [one] = [home.key("one"), home.key("two")] as const;
    const at = `127.0.0.1:${await freePort()}`;
    await serve({ one: entry("one"), two: entry("two") }, "--metrics", at);
    const client = await clientWith(one);
    assert.ok(await works(client));
    const open = await connectTo(stage, client);
    await open.echoes("12345");
    const stranger = await connectTo(stage, `[127.0.0.1]:${port}`);
    stranger.end(randomBytes(400));
    await stranger.closed();
    const response = await fetch(`http://${at}/metrics`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    const lines = (await response.text()).split("\n");
    for (const line of [
      'tunneld_connections_open{tunnel="one",role="server"} 1',
      'tunneld_connections_open{tunnel="two",role="server"} 0',
      'tunneld_connections_total{tunnel="one",role="server"} 2',
      'tunneld_plain_received_bytes_total{tunnel="one",role="server"} 10',
      'tunneld_plain_sent_bytes_total{tunnel="one",role="server"} 10',
      'tunneld_listening{tunnel="one",role="server"} 1',
      'tunneld_listening{tunnel="two",role="server"} 1',
      'tunneld_sessions{tunnel="one",role="server"} 0',
      'tunneld_sessions_detached{tunnel="one",role="server"} 0',
      "# TYPE tunneld_sessions_resumed_total counter",
      "# TYPE tunneld_sessions_gone_total counter",
      `tunneld_port_failures_total{listen="127.0.0.1:${port}",code="KEY_MISMATCH"} 1`,
      "# TYPE tunneld_connections_total counter",
      "# TYPE tunneld_port_failures_total counter",
      "# TYPE tunneld_connections_open gauge",
    ])
      assert.ok(lines.includes(line), `${line} is in\n${lines.join("\n")}`);
    assert.ok(!lines.some((line) => /^tunneld_failures_total.*MISMATCH/.test(line)), "a stranger came to no entry in particular");
    for (const line of lines) assert.doesNotMatch(line, /^# TYPE \S+_total gauge/);
    const health = await fetch(`http://${at}/healthz`);
    assert.deepEqual([health.status, await health.text()], [200, "ok\n"]);
    for (const path of ["healthz?probe=1", "metrics?name[]=x"]) assert.equal((await fetch(`http://${at}/${path}`)).status, 200, path);
    assert.equal((await fetch(`http://${at}/`)).status, 404);
    assert.equal((await fetch(`http://${at}/metrics`, { method: "POST" })).status, 405);
  });

  for (const [how, host, options, ours, foreign] of [
    ["on loopback", "127.0.0.1", ["--metrics-host", "db1.internal"], ["localhost:1", "[::1]", "db1.internal:9479"], ["evil.example:9479", "192.0.2.1"]],
    ["beyond it", "0.0.0.0", ["--metrics-public"], ["localhost", "192.0.2.1:9479"], ["evil.example", "127.0.0.1.evil.example"]],
  ] as const) {
    it(`answers /metrics and /healthz by its own names only (${how})`, async () => {
      home.key("one");
      const asked = await freePort();
      await serve({ one: entry("one") }, "--metrics", `${host}:${asked}`, ...options);
      const status = async (name: string, path: string): Promise<number | undefined> => {
        const request = http.get({ host: "127.0.0.1", port: asked, path, headers: { host: name } });
        const [response] = (await once(request, "response")) as [http.IncomingMessage];
        response.resume();
        return response.statusCode;
      };
      for (const path of ["/metrics", "/healthz"]) {
        for (const name of [`127.0.0.1:${asked}`, ...ours]) assert.equal(await status(name, path), 200, `${name}${path}`);
        for (const name of foreign) assert.equal(await status(name, path), 421, `${name}${path}`);
      }
    });
  }

  it("is healthy without an entry that was removed on purpose, but not without any entry", async () => {
    for (const name of ["one", "two"]) home.key(name);
    const at = `127.0.0.1:${await freePort()}`;
    await serve({ one: entry("one"), two: entry("two") }, "--metrics", at);
    const health = async (): Promise<string> => {
      const response = await fetch(`http://${at}/healthz`);
      return `${response.status} ${await response.text()}`;
    };
    const listening = async (): Promise<string> => (await (await fetch(`http://${at}/metrics`)).text()).replace(/^(?!tunneld_listening\{).*\n/gm, "");
    write({ two: entry("two") });
    await until(async () => !(await listening()).includes('"one"'), { what: "it was gone" });
    assert.deepEqual([await health(), await listening()], ["200 ok\n", 'tunneld_listening{tunnel="two",role="server"} 1\n']);
    write({});
    await until(async () => (await health()).startsWith("503"), { what: "nothing was left" });
    assert.equal(await health(), "503 no entries\n");
    write({ one: entry("one"), two: entry("two") });
    await until(async () => (await health()) === "200 ok\n", { what: "both were back" });
  });

  it("logs strangers at a shared port under its name, each address of a program at the wrong port, and what it held back at the end", async () => {
    for (const name of ["one", "two"]) home.key(name);
    const program = await serve({ one: entry("one"), two: entry("two") });
    for (const localAddress of ["127.0.0.1", "127.0.0.2", "127.0.0.2"]) {
      const socket = net.connect({ port, host: "127.0.0.1", localAddress });
      stage.own(() => socket.destroy());
      socket.end("PING\r\n");
      socket.resume();
      await once(socket, "close");
    }
    program.child.kill("SIGTERM");
    await program.exit();
    const who = `tunneld: 127\\.0\\.0\\.1:${port} \\(one, two\\): PLAIN_CLIENT: .*`;
    for (const end of ["connection from 127\\.0\\.0\\.1:\\d+\\)", "connection from 127\\.0\\.0\\.2:\\d+\\)", "127\\.0\\.0\\.2:\\d+\\) \\(1 more like this\\)"])
      assert.match(program.stderr, new RegExp(`^${who}${end}$`, "m"));
  });

  it("serves metrics to other machines when an option allows it", async () => {
    home.key("one");
    const metrics = await freePort();
    await serve({ one: entry("one") }, "--metrics", `0.0.0.0:${metrics}`, "--metrics-public");
    assert.equal((await fetch(`http://127.0.0.1:${metrics}/healthz`)).status, 200);
  });

  it("is found at its port by a diagnosis, by the key, without an approval if the file is named", async () => {
    for (const name of ["one", "two"]) home.key(name);
    const redis = await startRedis();
    stage.own(() => redis.stop());
    const target = `127.0.0.1:${redis.port}`;
    await serve({ one: entry("one", { service: "redis", target }), two: entry("two", { service: "redis", target }) });
    type Report = { readonly code: string | null; readonly cause: string; readonly stages: readonly { readonly stage: string; readonly detail?: string }[] };
    const diagnose = async (config: readonly string[]): Promise<Report> => {
      const { stdout, stderr } = await tunneld(stage, ["diagnose", "one", "--json", ...config, "--state-dir", home.paths.stateDir], {
        cwd: dirname(configPath),
      });
      assert.ok(stdout.length > 0, stderr);
      return JSON.parse(stdout.toString()) as Report;
    };
    stage.own(() => endProcessesOf(home.paths.stateDir));
    const report = await diagnose(["--config", configPath]);
    assert.equal(report.code, null, JSON.stringify(report));
    const details = new Map(report.stages.map(({ stage: name, detail }) => [name, detail ?? ""]));
    assert.match(details.get("approval") ?? "", /not needed/);
    assert.match(details.get("listen") ?? "", /a far end with this key listens at 127\.0\.0\.1:\d+: tunneld serve or spiped/);
    assert.match(report.cause, /PONG/);

    // Another key: the server never held this one.
    home.key("other");
    const elsewhere = stage.path("other.json");
    writeFileSync(elsewhere, JSON.stringify({ version: 1, tunnels: { one: entry("other", { service: "redis", target }) } }));
    const other = await diagnose(["--config", elsewhere]);
    assert.equal(other.code, "LISTEN_IN_USE", JSON.stringify(other));

    mkdirSync(join(dirname(configPath), ".vscode"));
    renameSync(configPath, join(dirname(configPath), ".vscode", "tunnels.json"));
    assert.equal((await diagnose([])).code, "NOT_APPROVED", "of a file that was only found");
  });

  it("refuses to connect to itself when its target's name resolves to its own address", async () => {
    const key = home.key("one");
    const program = await serve({ one: entry("one", { target: `127.1:${port}` }) });
    const peer = await connectTo(stage, await clientWith(key));
    peer.send("hello");
    await peer.closed();
    await program.logs(/one: CONFIG_INVALID: "one" would lead to itself: 127\.1:\d+ is its own listen address/);
    assert.doesNotMatch(program.stderr, /PLAIN_CLIENT/);
  });

  it("changes a key when the file is edited, without a refused connection", async () => {
    const [old, next] = [home.key("old"), home.key("next")];
    const other = home.key("other");
    await serve({ cache: entry("old"), other: entry("other") });
    const [withOld, withNext, withOther] = [await clientWith(old), await clientWith(next), await clientWith(other)];
    assert.deepEqual([await works(withOld), await works(withNext)], [true, false]);
    const early = await connectTo(stage, withOld);
    await early.echoes("early");

    write({ cache: entry(["old", "next"]), other: entry("other") });
    await until(
      async () => {
        assert.ok(await works(withOld), "the old key counts throughout");
        assert.ok(await works(withOther), "and so does the neighbour's");
        return works(withNext);
      },
      { what: "the new key counted" },
    );

    write({ cache: entry("next"), other: entry("other") });
    await until(
      async () => {
        assert.ok(await works(withNext), "the new key counts throughout");
        assert.ok(await works(withOther), "and so does the neighbour's");
        return !(await works(withOld));
      },
      { what: "the old key had gone" },
    );
    await early.echoes("still here");
  });

  it("takes no newcomers for an entry that is removed, lets its connections go on, and opens it again when it is back", async () => {
    const [one, two] = [home.key("one"), home.key("two")];
    await serve({ one: entry("one"), two: entry("two") });
    const [withOne, withTwo] = [await clientWith(one), await clientWith(two)];
    const early = await connectTo(stage, withOne);
    await early.echoes("early");
    write({ two: entry("two") });
    await until(async () => !(await works(withOne)), { what: "its key was refused" });
    assert.ok(await works(withTwo));
    await early.echoes("still here");
    write({ one: entry("one"), two: entry("two") });
    await until(() => works(withOne), { what: "it was open again" });
    await early.echoes("and still");
  });

  it("keeps what runs when the file is edited into a mistake, and says where it is", async () => {
    const key = home.key("one");
    const program = await serve({ one: entry("one") });
    const client = await clientWith(key);
    const text = write({ one: entry("one", { maxConnections: -1 }) });
    await program.logs(/maxConnections/);
    assert.ok(program.stderr.includes(placeOf(text, "-1")), program.stderr);
    assert.ok(await works(client));
  });

  it("keeps what runs when an edit gives an entry the bytes of another's key", async () => {
    const bytes = randomBytes(32);
    const [one, two] = [home.key("one", bytes), home.key("two")];
    home.key("twin", bytes);
    const program = await serve({ one: entry("one"), two: entry("two") });
    const [withOne, withTwo] = [await clientWith(one), await clientWith(two)];
    write({ one: entry("one"), two: entry("twin", { maxConnections: 7 }) });
    await program.logs(/have the same key on one port/);
    assert.deepEqual([await works(withOne), await works(withTwo), program.isRunning], [true, true, true], program.stderr);
  });

  it("can be started again while it drains, at the same ports, the metrics port included", async () => {
    const key = home.key("one");
    const at = `127.0.0.1:${await freePort()}`;
    const program = await serve({ one: entry("one") }, "--metrics", at);
    const client = await clientWith(key);
    const old = await connectTo(stage, client);
    await old.echoes("before");
    program.child.kill("SIGTERM");
    await program.logs(/1 connection is open and may go on/);
    await serve({ one: entry("one") }, "--metrics", at);
    assert.equal((await fetch(`http://${at}/healthz`)).status, 200);
    assert.equal(await works(client), true);
    await old.echoes("after");
    await old.closedByUs();
    assert.deepEqual(await program.exit(), { code: 0, signal: null });
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`lets open connections go on after ${signal}, takes no new ones, and exits with 0 when the last has ended`, async () => {
      const key = home.key("one");
      const program = await serve({ one: entry("one") });
      const client = await clientWith(key);
      const open = await connectTo(stage, client);
      await open.echoes("before");
      program.child.kill(signal);
      await until(
        () =>
          connectTo(stage, `[127.0.0.1]:${port}`).then(
            (peer) => !peer.socket.destroy().destroyed,
            () => true,
          ),
        { what: "the port was closed" },
      );
      await open.echoes("after");
      assert.ok(program.isRunning);
      await open.closedByUs();
      assert.deepEqual(await program.exit(), { code: 0, signal: null });
    });
  }

  it("says after Ctrl-C what it waits for and how long, and cuts the connections at the second Ctrl-C", async () => {
    const key = home.key("one");
    const program = await serve({ one: entry("one") }, "--drain", "90");
    const open = await connectTo(stage, await clientWith(key));
    await open.echoes("before");
    program.child.kill("SIGINT");
    await program.logs(/^tunneld: 1 connection is open and may go on for 90 s; Ctrl-C again cuts it$/m);
    await open.echoes("still there");
    program.child.kill("SIGINT");
    assert.deepEqual(await program.exit(), { code: 0, signal: null });
    await open.ended();
  });

  it("cuts its connections at a second SIGTERM", async () => {
    const key = home.key("one");
    const program = await serve({ one: entry("one") });
    const open = await connectTo(stage, await clientWith(key));
    await open.echoes("before");
    program.child.kill("SIGTERM");
    await until(
      () =>
        connectTo(stage, `[127.0.0.1]:${port}`).then(
          (peer) => !peer.socket.destroy().destroyed,
          () => true,
        ),
      { what: "the port was closed" },
    );
    assert.ok(program.isRunning);
    program.child.kill("SIGTERM");
    assert.deepEqual(await program.exit(), { code: 0, signal: null });
    await open.ended();
  });

  it("cuts its connections when --drain is over", async () => {
    const key = home.key("one");
    const program = await serve({ one: entry("one") }, "--drain", "0.1");
    const open = await connectTo(stage, await clientWith(key));
    await open.echoes("before");
    program.child.kill("SIGTERM");
    assert.deepEqual(await program.exit(), { code: 0, signal: null });
    await open.ended();
  });

  it("opens no connection to a backend for a stranger", async () => {
    home.key("one");
    const backend = await startBackend(stage, () => {});
    await serve({ one: entry("one", { target: backend.address }) });
    const stranger = await connectTo(stage, `[127.0.0.1]:${port}`);
    stranger.end(randomBytes(1_000));
    assert.ok((await stranger.closed()).length <= 32);
    assert.equal(backend.peers.length, 0);
  });
});
