/** The client that windows and commands use: it finds the daemon, reconnects and states its wants again, except when it should not. */
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
      // Two starts within a second would count as one.
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
    const { door, stateDir } = paths();
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    mkdirSync(door.folder, { recursive: true, mode: 0o700 });
    return await openDoor(stage, { ...options, path: door.socketPath });
  }

  /** A second client, which does reconnect: once it has, the tested client would have reconnected too. */
  async function otherClient(): Promise<{ isBack(): Promise<void> }> {
    const seen: ClientState[] = [];
    const other = client({ name: "other", onState: (state) => seen.push(state) });
    await other.connect();
    return { isBack: () => until(() => seen.length > 1 && seen.at(-1)?.at === "connected", { what: "the other client was back" }) };
  }

  /** Names of the requests of the client with this name, known from its hello. */
  function callsOf({ calls }: Door, name: string): string[] {
    const isHello = ({ name: method }: Call): boolean => method === "hello";
    const isTheirs = (call: Call): boolean => (call.params as { client: { name: string } }).client.name !== name;
    return calls.filter((call) => !(isHello(call) && isTheirs(call))).map(({ name: method }) => method);
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

  it("says that no daemon is running when it may not start one", async () => {
    const error = await rejectionOf(client().connect());
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /no daemon is running: "tunneld up" starts one/);
  });

  it("connects once for all requests made at the same time", async () => {
    const { calls } = await door();
    const one = client();
    await Promise.all([one.connect(), one.request("keys/list", {}), one.want("w", { configPath: CONFIG, names: [] }), one.connect()]);
    assert.equal(calls.filter(({ name }) => name === "hello").length, 1);
  });

  it("gives every listener its notifications, including its own listener for the daemon's end", async () => {
    const daemon = await door();
    const one = client();
    const heard: string[] = [];
    one.on("daemon/closing", ({ reason }) => heard.push(`first ${reason}`));
    await one.connect();
    const end = one.on("daemon/closing", ({ reason }) => heard.push(`second ${reason}`));
    daemon.clients.broadcast("daemon/closing", { reason: "replaced" });
    await until(() => heard.length === 2, { what: "both heard it" });
    end();
    daemon.clients.broadcast("daemon/closing", { reason: "replaced" });
    await until(() => heard.length === 3, { what: "the first heard it again" });
    assert.deepEqual(heard, ["first replaced", "second replaced", "first replaced"]);
  });

  it("reconnects after the daemon has died, states the wants of every scope again, and reports it", async () => {
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

  it("keeps its listeners when it reconnects", async () => {
    const first = await door();
    const one = client();
    const heard: string[] = [];
    one.on("tunnel/removed", ({ id }) => heard.push(id));
    await one.connect();
    await first.die();
    const second = await door();
    await until(() => at("connected") === 2, { what: "it was back" });
    second.clients.broadcast("tunnel/removed", { id: "x" });
    await until(() => heard.length === 1, { what: "it heard" });
  });

  it("waits longer after each failed attempt, and reports why it failed", async () => {
    const first = await door();
    const waits = new Waits();
    const one = client({ wait: waits.wait });
    await one.connect();
    await first.die();
    for (let count = 1; count <= 5; count++) await waits.next(count);
    const error = states.findLast((state) => state.at === "lost")?.error;
    assert.equal(error?.code, "DAEMON_UNREACHABLE");
    assert.ok(
      waits.asked.every((wait, index) => wait >= 50 * 2 ** index),
      `${waits.asked}`,
    );
  });

  for (const reason of ["shutdown", "drain", "idle"] as const) {
    it(`does not reconnect when the daemon has ended on purpose (${reason}), until a request needs it`, async () => {
      const first = await door();
      const waits = new Waits();
      const one = client({ wait: waits.wait });
      await one.want("a", { configPath: CONFIG, names: ["cache"] });
      first.clients.broadcast("daemon/closing", { reason });
      const other = await otherClient();
      await first.die();
      await until(() => at("lost") === 1, { what: "it noticed" });
      const second = await door();
      await other.isBack();
      assert.deepEqual(callsOf(second, "shop"), []);
      // After a shutdown it looks now and then for a new daemon; otherwise it does not look.
      assert.deepEqual(waits.asked, reason === "shutdown" ? [1_000] : []);
      await one.request("keys/list", {});
      assert.deepEqual(
        callsOf(second, "shop"),
        // A drained daemon was told to end all tunnels.
        reason === "drain" ? ["hello", "keys/list"] : ["hello", "tunnels/set", "keys/list"],
      );
      assert.equal(
        states.some((state) => state.at === "lost" && state.ended),
        reason === "drain",
      );
    });
  }

  it("reconnects at once when the daemon was replaced", async () => {
    const first = await door();
    const one = client();
    await one.connect();
    first.clients.broadcast("daemon/closing", { reason: "replaced" });
    await first.die();
    await door();
    await until(() => at("connected") === 2, { what: "it was back" });
  });

  it("sends a change to the successor when the daemon refused it because of a hand-over, and gives up after that", async () => {
    let second: Door | undefined;
    const first = await door({
      handlers: {
        "pin/add": async () => {
          // As in a hand-over, the successor listens at the door before the old daemon says that it is replaced.
          const { socketPath } = paths().door;
          second = await openDoor(stage, { path: `${socketPath}.2` });
          renameSync(`${socketPath}.2`, socketPath);
          first.clients.broadcast("daemon/closing", { reason: "replaced" });
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

  describe("work that is done again when the daemon was killed", () => {
    /** A daemon that never answers keys/list, and a client's work that waits for it. */
    async function waiting(reason?: "drain" | "shutdown" | "idle") {
      const first = await door({ handlers: { "keys/list": () => new Promise(() => {}) } });
      let times = 0;
      const one = client();
      const work = one.repeated(() => {
        times += 1;
        return one.request("keys/list", {});
      });
      await until(() => first.calls.at(-1)?.name === "keys/list", { what: "the daemon was asked" });
      if (reason) first.clients.broadcast("daemon/closing", { reason });
      return { work, first, times: () => times };
    }

    it("has the next daemon's result", async () => {
      const { work, first, times } = await waiting();
      await first.die();
      const second = await door();
      assert.deepEqual(await work, PAYLOADS.requests["keys/list"].result);
      assert.deepEqual([times(), second.calls.at(-1)?.name], [2, "keys/list"]);
    });

    for (const reason of ["drain", "shutdown", "idle"] as const) {
      it(`ends when the daemon ended on purpose: ${reason}`, async () => {
        const { work, first, times } = await waiting(reason);
        const rejection = rejectionOf(work);
        await first.die();
        assert.equal((await rejection).code, "DAEMON_UNREACHABLE");
        assert.equal(times(), 1);
      });
    }

    it("ends with a failure that a living daemon answers, whatever its code", async () => {
      await door();
      const one = client();
      let times = 0;
      const failing = one.repeated(async () => {
        times += 1;
        throw new TunnelError("DAEMON_UNREACHABLE", "not now");
      });
      assert.match((await rejectionOf(failing)).message, /not now/);
      assert.equal(times, 1);
    });

    it("ends after three daemons", async () => {
      let current = await door();
      const one = client();
      let times = 0;
      const failing = one.repeated(async () => {
        times += 1;
        const asking = one.request("keys/list", {});
        const dead = current.die();
        await asking.catch(() => {});
        await dead;
        current = await door();
        return await asking;
      });
      assert.match((await rejectionOf(failing)).message, /^the daemon went away during keys\/list: try again$/);
      assert.equal(times, 3);
    });
  });

  it("does not reconnect without `stay`", async () => {
    const first = await door();
    const one = client({ stay: false });
    await one.connect();
    const other = await otherClient();
    await first.die();
    await until(() => at("lost") === 1, { what: "it noticed" });
    const second = await door();
    await other.isBack();
    assert.deepEqual(callsOf(second, "shop"), []);
  });

  it("goes on with the other scopes when one can't be stated again", async () => {
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

  it("begins again when the daemon dies while the wants are being stated", async () => {
    const first = await door();
    const one = client();
    await one.want("a", { configPath: CONFIG, names: [] });
    await first.die();
    const second = await door({ handlers: { "tunnels/set": () => second.die() } });
    await until(() => second.clients.count === 0 && sets(second).length === 1, { what: "the second one had died" });
    const third = await door();
    await until(() => at("connected") === 2, { what: "it was back" });
    assert.equal(sets(third).length, 1);
    assert.equal(third.clients.count, 1);
  });

  it("connects to the next daemon when one dies before it knows the wants", async () => {
    const doors = [await door()];
    const onHello = async (): Promise<void> => {
      if (doors.length > 1) return;
      await doors[0]?.die();
      doors.push(await door());
    };
    const wants = { configPath: CONFIG, names: ["cache"] };
    await client({ stay: false, wanted: new Map([["a", wants]]), onHello }).connect();
    assert.deepEqual(doors.map(sets), [[], [{ scope: "a", ...wants }]]);
  });

  it("does so also when the daemon before had ended on purpose", async () => {
    const doors = [await door()];
    const onHello = async (): Promise<void> => {
      if (doors.length !== 2) return;
      await doors[1]?.die();
      doors.push(await door());
    };
    const one = client({ stay: false, onHello });
    await one.connect();
    doors[0]?.clients.broadcast("daemon/closing", { reason: "idle" });
    await doors[0]?.die();
    await until(() => at("lost") === 1, { what: "it noticed" });
    doors.push(await door());
    await one.want("a", { configPath: CONFIG, names: ["cache"] });
    assert.deepEqual(
      doors.map((each) => sets(each).length),
      [0, 0, 1],
    );
  });

  it("tries again when the daemon ends after it was found and before hello", async () => {
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

  it("gives up at once on a daemon that refuses hello", async () => {
    const refuse = (): never => {
      throw new TunnelError("DAEMON_VERSION", "not you");
    };
    const { calls } = await door({ handlers: { hello: refuse } });
    assert.equal((await rejectionOf(client().connect())).code, "DAEMON_VERSION");
    assert.equal(calls.length, 1);
  });

  it("close ends the connection and all open requests, once", async () => {
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

  it("says which process does not answer, and does not ask that process again", async () => {
    const daemon = await door({ handlers: { hello: () => new Promise(() => {}) } });
    const error = await rejectionOf(client({ helloTimeoutMs: 50 }).connect());
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /does not answer: end that process/);
    await until(() => daemon.calls.length > 0 && daemon.clients.count === 0, { what: "it had hung up" });
    assert.equal(daemon.calls.length, 1);
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

  it("close while it waits to reconnect ends the wait", async () => {
    const first = await door();
    const waits = new Waits();
    const one = client({ wait: waits.wait });
    await one.connect();
    const other = await otherClient();
    await first.die();
    await waits.next(1);
    await until(() => waits.asked.length === 2, { what: "it waited again" });
    one.close();
    waits.end();
    const second = await door();
    await other.isBack();
    assert.deepEqual(callsOf(second, "shop"), []);
  });

  it("passes on the message of a daemon that can't start", async () => {
    const one = client({ start: true, program: program('process.stderr.write("tunneld: the disk is full\\n", () => process.exit(1))') });
    const error = await rejectionOf(one.connect());
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /does not start: tunneld: the disk is full \(see .*tunneld\.log\)/);
  });

  it("starts the program with its state folder and the given options, outside the current folder, without NODE_OPTIONS", async () => {
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

  it("still connects to a daemon that somebody else has started", async () => {
    const one = client({ start: true, stay: false, program: program() });
    for (let crash = 1; crash <= 6; crash++) await rejectionOf(one.connect());
    await door();
    assert.ok(await one.connect());
  });
});

/** Waits that end when the test says so. */
class Waits {
  /** The length of each wait that was asked for. */
  readonly asked: number[] = [];
  readonly #ends: (() => void)[] = [];

  readonly wait = (ms: number): Promise<void> => {
    this.asked.push(ms);
    return new Promise((resolve) => this.#ends.push(resolve));
  };

  /** Waits until `count` waits were asked for, and ends the last one. */
  async next(count: number): Promise<void> {
    await until(() => this.asked.length >= count, { what: `wait ${count} was asked for` });
    this.end();
  }

  end(): void {
    for (const end of this.#ends.splice(0)) end();
  }
}
