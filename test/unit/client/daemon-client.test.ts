/** The client that windows and commands use: finds, comes back, re-states; and knows when not to. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { type ClientState, DaemonClient, type DaemonClientOptions } from "../../../daemon/client/daemon-client.ts";
import { daemonPaths, type Place } from "../../../daemon/lifecycle/paths.ts";
import { PROTOCOL_VERSION } from "../../../shared/contract/version.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { until } from "../../support/process/until.ts";
import { type Call, type Door, type DoorOptions, openDoor } from "../../support/rpc/door.ts";
import { PAYLOADS } from "../../support/rpc/payloads.ts";
import { stageForEach } from "../../support/stage.ts";
import { rejectionOf } from "../../support/wire/codes.ts";

const CONFIG = "/home/ada/shop/.vscode/tunnels.json";

describe("the client library", () => {
  const stage = stageForEach();
  let states: ClientState[] = [];
  let nowMs = 0;

  beforeEach(() => {
    states = [];
    nowMs = 1_790_000_000_000;
  });

  function place(): Place {
    const { uid, platform } = { uid: process.geteuid?.(), platform: process.platform };
    return { platform, uid, homeDir: stage.path("home"), runUserDir: stage.path("run-user"), tmpDir: stage.path("tmp") };
  }

  const paths = (): ReturnType<typeof daemonPaths> => daemonPaths({ stateDir: stage.path("state"), protocol: PROTOCOL_VERSION, place: place() });

  /** A program for the client to start: JavaScript. */
  function program(source = "process.exit(1)"): string {
    const file = stage.path("program.cjs");
    writeFileSync(file, source);
    return file;
  }

  function client(options: Partial<DaemonClientOptions> = {}): DaemonClient {
    const made = new DaemonClient({
      paths: paths(),
      place: place(),
      execPath: process.execPath,
      program: stage.path("program.cjs"),
      kind: "vscode",
      name: "shop",
      start: false,
      stay: true,
      // Starts within a second count as one.
      wallMs: () => {
        nowMs += 2_000;
        return nowMs;
      },
      onState: (state) => states.push(state),
      ...options,
    });
    stage.own(() => made.close());
    return made;
  }

  async function door(options: DoorOptions = {}): Promise<Door> {
    const { endpoint, stateDir } = paths();
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    mkdirSync(endpoint.folder, { recursive: true, mode: 0o700 });
    return await openDoor(stage, { ...options, path: endpoint.socketPath });
  }

  const sets = ({ calls }: Door): unknown[] => calls.filter(({ name }) => name === "tunnels/set").map(({ params }) => params);
  const at = (state: ClientState["at"]): number => states.filter((one) => one.at === state).length;

  it("finds the daemon and says who it is", async () => {
    const { calls } = await door();
    const daemon = await client().connect();
    assert.deepEqual(daemon, PAYLOADS.requests.hello.result);
    const { client: who, protocol } = (calls[0] as Call).params as { client: { kind: string; name: string; pid: number }; protocol: number };
    assert.deepEqual([who.kind, who.name, who.pid, protocol], ["vscode", "shop", process.pid, PROTOCOL_VERSION]);
  });

  it("says that none is running when it may not start one", async () => {
    const error = await rejectionOf(client().connect());
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /no daemon is running: "tunneld up" starts one/);
  });

  it("connects once for all that ask at the same time", async () => {
    const { calls } = await door();
    const one = client();
    await Promise.all([one.connect(), one.request("keys/list", {}), one.want("w", { configPath: CONFIG, names: [] }), one.connect()]);
    assert.equal(calls.filter(({ name }) => name === "hello").length, 1);
  });

  it("gives every listener its notifications, its own for the daemon's end among them", async () => {
    const daemon = await door();
    const one = client();
    const heard: string[] = [];
    one.on("daemon/closing", ({ reason }) => heard.push(`first ${reason}`));
    await one.connect();
    const end = one.on("daemon/closing", ({ reason }) => heard.push(`second ${reason}`));
    daemon.endpoint.broadcast("daemon/closing", { reason: "replaced" });
    await until(() => heard.length === 2, { what: "both heard it" });
    end();
    daemon.endpoint.broadcast("daemon/closing", { reason: "replaced" });
    await until(() => heard.length === 3, { what: "the first heard it again" });
    assert.deepEqual(heard, ["first replaced", "second replaced", "first replaced"]);
  });

  it("comes back after the daemon has died, re-states what it wants in every scope, and says so", async () => {
    const first = await door();
    const one = client();
    const wanted = [
      { scope: "a", configPath: CONFIG, names: ["cache"] },
      { scope: "b", configPath: "/other/tunnels.json", names: ["x", "y"] },
    ];
    for (const { scope, ...wants } of wanted) await one.want(scope, wants);
    await one.want("a", { configPath: CONFIG, names: ["cache", "orders"] });
    await first.die();
    await until(() => at("lost") > 0, { what: "it noticed" });
    const second = await door();
    await until(() => at("connected") === 2, { what: "it was back" });
    assert.deepEqual(sets(second), [{ scope: "a", configPath: CONFIG, names: ["cache", "orders"] }, wanted[1]]);
    assert.deepEqual(
      states.map((state) => state.at).filter((name, index, all) => name !== all[index - 1]),
      ["connected", "lost", "connected"],
    );
  });

  it("keeps its listeners when it comes back", async () => {
    const first = await door();
    const one = client();
    const heard: string[] = [];
    one.on("tunnel/removed", ({ id }) => heard.push(id));
    await one.connect();
    await first.die();
    const second = await door();
    await until(() => at("connected") === 2, { what: "it was back" });
    second.endpoint.broadcast("tunnel/removed", { id: "x" });
    await until(() => heard.length === 1, { what: "it heard" });
  });

  it("waits longer after each attempt that fails, and tells why", async () => {
    const first = await door();
    const one = client();
    const times: number[] = [];
    await one.connect();
    await first.die();
    await until(
      () => {
        while (times.length < at("lost")) times.push(performance.now());
        return times.length >= 6;
      },
      { what: "it had tried five times" },
    );
    const error = states.findLast((state) => state.at === "lost")?.error;
    assert.equal(error?.code, "DAEMON_UNREACHABLE");
    const waits = times.slice(2).map((time, index) => time - (times[index + 1] ?? 0));
    assert.ok(
      waits.every((wait, index) => wait > 40 * 2 ** index),
      `${waits}`,
    );
  });

  for (const reason of ["shutdown", "drain", "idle"] as const) {
    it(`does not come back when the daemon has ended on purpose (${reason}), until it is asked for something`, async () => {
      const first = await door();
      const one = client();
      await one.want("a", { configPath: CONFIG, names: ["cache"] });
      first.endpoint.broadcast("daemon/closing", { reason });
      await first.die();
      await until(() => at("lost") === 1, { what: "it noticed" });
      const second = await door();
      // Nothing to wait for: what must not happen. Twice the time it would take.
      await assert.rejects(until(() => second.calls.length > 0, { what: "it came back", timeoutMs: 200 }));
      await one.request("keys/list", {});
      assert.deepEqual(
        second.calls.map(({ name }) => name),
        // One that was drained was to end it all.
        reason === "drain" ? ["hello", "keys/list"] : ["hello", "tunnels/set", "keys/list"],
      );
      assert.equal(
        states.some((state) => state.at === "lost" && state.ended),
        reason === "drain",
      );
    });
  }

  it("comes back at once when the daemon was replaced", async () => {
    const first = await door();
    const one = client();
    await one.connect();
    first.endpoint.broadcast("daemon/closing", { reason: "replaced" });
    await first.die();
    await door();
    await until(() => at("connected") === 2, { what: "it was back" });
  });

  it("asks the successor for a change that the daemon refused because it had handed over, and gives up after that", async () => {
    let second: Door | undefined;
    const first = await door({
      handlers: {
        "pin/add": async () => {
          // As in a hand-over, the successor stands at the door before the old one says that it is replaced.
          const { socketPath } = paths().endpoint;
          second = await openDoor(stage, { path: `${socketPath}.2` });
          renameSync(`${socketPath}.2`, socketPath);
          first.endpoint.broadcast("daemon/closing", { reason: "replaced" });
          throw new TunnelError("DAEMON_UNREACHABLE", "handed over");
        },
        "keys/generate": () => {
          throw new TunnelError("DAEMON_UNREACHABLE", "handed over");
        },
      },
    });
    const one = client({ stay: false });
    await one.connect();
    const pinned = one.request("pin/add", { configPath: CONFIG, name: "cache" });
    const generated = rejectionOf(one.request("keys/generate", { name: "k" }));
    await pinned.catch(() => assert.fail("the successor was not asked"));
    assert.deepEqual(
      second?.calls.map(({ name }) => name),
      ["hello", "pin/add"],
    );
    assert.match((await generated).message, /handed over/);
  });

  it("does not come back when it is not to stay", async () => {
    const first = await door();
    const one = client({ stay: false });
    await one.connect();
    await first.die();
    await until(() => at("lost") === 1, { what: "it noticed" });
    const second = await door();
    await assert.rejects(until(() => second.calls.length > 0, { what: "it came back", timeoutMs: 200 }));
  });

  it("goes on with the other scopes when one can't be re-stated", async () => {
    const first = await door();
    const one = client();
    await one.want("a", { configPath: CONFIG, names: [] });
    await one.want("b", { configPath: CONFIG, names: [] });
    await first.die();
    const refuse = (_: unknown, { scope }: { readonly scope: string }): unknown => {
      if (scope === "a") throw new TunnelError("CONFIG_INVALID", "its file is gone");
      return PAYLOADS.requests["tunnels/set"].result;
    };
    const second = await door({ handlers: { "tunnels/set": refuse } });
    await until(() => at("connected") === 2, { what: "it was back" });
    assert.deepEqual(sets(second).length, 2);
  });

  it("begins again when the daemon dies while it is being told what is wanted", async () => {
    const first = await door();
    const one = client();
    await one.want("a", { configPath: CONFIG, names: [] });
    await first.die();
    const second = await door({ handlers: { "tunnels/set": () => second.die() } });
    await until(() => second.endpoint.clients === 0 && sets(second).length === 1, { what: "the second one had died" });
    const third = await door();
    await until(() => at("connected") === 2, { what: "it was back" });
    assert.equal(sets(third).length, 1);
    assert.equal(third.endpoint.clients, 1);
  });

  it("tries again when the daemon ends between being found and being spoken to", async () => {
    let hellos = 0;
    const flaky = await door({
      handlers: {
        hello: (session) => {
          hellos += 1;
          if (hellos === 1) (session as { close?(): void }).close?.();
          return PAYLOADS.requests.hello.result;
        },
      },
    });
    await client({ stay: false }).connect();
    assert.equal(flaky.calls.length, 2);
  });

  it("gives up on a daemon that never answers hello with yes", async () => {
    const refuse = (): never => {
      throw new TunnelError("DAEMON_VERSION", "not you");
    };
    const { calls } = await door({ handlers: { hello: refuse } });
    assert.equal((await rejectionOf(client().connect())).code, "DAEMON_VERSION");
    assert.equal(calls.length, 1);
  });

  it("close ends the connection and everything under way, once", async () => {
    const daemon = await door({ handlers: { "keys/list": () => new Promise(() => {}) } });
    const one = client();
    await one.connect();
    const asked = rejectionOf(one.request("keys/list", {}));
    await until(() => daemon.calls.length === 2, { what: "it was asked" });
    one.close();
    one.close();
    assert.equal((await asked).code, "DAEMON_UNREACHABLE");
    await until(() => daemon.gone.length === 1, { what: "the daemon noticed" });
    assert.deepEqual(
      states.map((state) => state.at),
      ["connected", "closed"],
    );
    assert.match((await rejectionOf(one.request("keys/list", {}))).message, /has been closed/);
  });

  it("says which process does not answer, without asking it again", async () => {
    const daemon = await door({ handlers: { hello: () => new Promise(() => {}) } });
    const error = await rejectionOf(client({ helloTimeoutMs: 50 }).connect());
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /does not answer: end that process/);
    assert.equal(daemon.calls.length, 1);
    await until(() => daemon.endpoint.clients === 0, { what: "it had hung up" });
  });

  it("close while connecting leaves no connection behind", async () => {
    let answer: (value: unknown) => void = () => {};
    const daemon = await door({ handlers: { hello: () => new Promise((resolve) => (answer = resolve)) } });
    const one = client();
    const connecting = rejectionOf(one.connect());
    await until(() => daemon.calls.length === 1, { what: "hello was said" });
    one.close();
    answer(PAYLOADS.requests.hello.result);
    assert.equal((await connecting).code, "DAEMON_UNREACHABLE");
    await until(() => daemon.gone.length === 1, { what: "the daemon noticed" });
  });

  it("close while it waits to come back ends the wait", async () => {
    const first = await door();
    const one = client();
    await one.connect();
    await first.die();
    await until(() => states.filter((state) => state.at === "lost" && state.error).length > 2, { what: "it had tried" });
    one.close();
    const second = await door();
    await assert.rejects(until(() => second.calls.length > 0, { what: "it came back", timeoutMs: 200 }));
  });

  it("passes on what a daemon said that can't start", async () => {
    const one = client({ start: true, program: program('process.stderr.write("tunneld: the disk is full\\n", () => process.exit(1))') });
    const error = await rejectionOf(one.connect());
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /does not start: tunneld: the disk is full \(see .*tunneld\.log\)/);
  });

  it("starts the program with its state folder and the options given, away from the current folder, without NODE_OPTIONS", async () => {
    const source = `require("fs").writeFileSync(${JSON.stringify(stage.path("called"))}, JSON.stringify([process.argv.slice(2), process.cwd(), process.env.NODE_OPTIONS ?? null])); process.exit(1)`;
    const before = process.env["NODE_OPTIONS"];
    process.env["NODE_OPTIONS"] = "--no-warnings";
    try {
      await rejectionOf(client({ start: true, program: program(source), daemonArgs: ["--idle", "5"] }).connect());
    } finally {
      if (before === undefined) delete process.env["NODE_OPTIONS"];
      else process.env["NODE_OPTIONS"] = before;
    }
    const { stateDir } = paths();
    assert.deepEqual(JSON.parse(readFileSync(stage.path("called"), "utf8")), [
      ["daemon", "--background", "--state-dir", stateDir, "--idle", "5"],
      stateDir,
      null,
    ]);
  });

  it("stops starting a daemon that has crashed five times, and says what to do", async () => {
    const one = client({ start: true, stay: false, program: program() });
    for (let crash = 1; crash <= 5; crash++) assert.match((await rejectionOf(one.connect())).message, /does not start/, `crash ${crash}`);
    const error = await rejectionOf(one.connect());
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /started 5 times in 3 minutes and ended each time: see its log, then "tunneld daemon" shows why/);
  });

  it("does not tire of a daemon that somebody else has running", async () => {
    const one = client({ start: true, stay: false, program: program() });
    for (let crash = 1; crash <= 6; crash++) await rejectionOf(one.connect());
    await door();
    assert.ok(await one.connect());
  });
});
