/**
 * Many processes that want to be the daemon at the same moment: one becomes the
 * daemon, and all reach it. They wait for a common signal, so that the race is as
 * close as it can be; then the daemon is killed and a new process takes its place.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import * as path from "node:path";
import { claimSocket } from "../../daemon/lifecycle/door/singleton.ts";
import { greet, greetingServer } from "../support/lifecycle/greeting.ts";
import { bundleProgram, LineProgram } from "../support/lifecycle/programs.ts";
import { stageForEach } from "../support/stage.ts";

const ROUNDS = 50;
const STARTERS = 10;

describe("ten processes that start a daemon at once", () => {
  const stage = stageForEach();

  it(`end with one daemon and ten connected, ${ROUNDS} times, every second time upon the socket of a killed one`, async () => {
    const program = bundleProgram("starter", stage.folder);
    const folder = stage.path("run");
    mkdirSync(folder, { mode: 0o700 });
    const socketPath = path.join(folder, "t.sock");
    let starters: readonly LineProgram[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const missing = Array.from({ length: STARTERS - starters.length }, () => new LineProgram(stage, { program, args: [socketPath] }));
      await Promise.all(missing.map((starter) => starter.line()));
      assert.equal(existsSync(socketPath), round % 2 === 1, "a stale socket in every second round");
      starters = await playRound([...starters, ...missing], { socketPath, lastSignal: round % 2 === 0 ? "SIGKILL" : "SIGTERM" });
    }
    assert.deepEqual(readdirSync(folder), []);
  });
});

describe("a daemon that another process finds", () => {
  const stage = stageForEach();

  async function startDaemon(): Promise<LineProgram> {
    const daemon = new LineProgram(stage, { program: bundleProgram("starter", stage.folder), args: [stage.path("t.sock")] });
    await daemon.line();
    assert.match(await daemon.ask("go"), /"role":"ours"/);
    return daemon;
  }

  async function claim(): Promise<string> {
    const server = greetingServer("late");
    stage.own(() => server.close());
    return (await claimSocket({ server, socketPath: stage.path("t.sock"), alsoCheck: [], instanceId: "late", verify: (where) => greet(where) })).kind;
  }

  it("is not taken for dead when it is stopped and can't answer", async () => {
    const daemon = await startDaemon();
    daemon.child.kill("SIGSTOP");
    assert.equal(await claim(), "other");
  });

  it("is taken for dead at once when it was killed", async () => {
    await (await startDaemon()).end("SIGKILL");
    assert.equal(await claim(), "ours");
  });
});

interface Round {
  readonly socketPath: string;
  /** How the daemon of this round ends. */
  readonly lastSignal: NodeJS.Signals;
}

/** Resolves to the processes that were not the daemon. */
async function playRound(starters: readonly LineProgram[], { socketPath, lastSignal }: Round): Promise<readonly LineProgram[]> {
  const said = await Promise.all(starters.map(async (starter) => JSON.parse(await starter.ask("go")) as { role: string; instanceId: string }));

  const [daemon, ...more] = starters.filter((_, index) => said[index]?.role === "ours");
  assert.ok(daemon, "there is a daemon");
  assert.equal(more.length, 0, "there is only one daemon");
  assert.deepEqual([...new Set(said.map(({ instanceId }) => instanceId))], [await greet(socketPath)], "all are connected to the same one");
  assert.equal(await greet(socketPath, "count"), String(STARTERS));
  assert.deepEqual(readdirSync(path.dirname(socketPath)), [path.basename(socketPath)]);

  const others = starters.filter((starter) => starter !== daemon);
  await Promise.all(others.map((starter) => starter.ask("leave")));
  await daemon.end(lastSignal);
  return others;
}
