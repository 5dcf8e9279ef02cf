/**
 * Daemon, clients and keys in the usual places, with no state folder named. The places depend on the user, so the tests
 * run as a user of their own: an id without an entry in the user database, whose home is a folder of the test.
 */
import assert from "node:assert/strict";
import type { SpawnOptions } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StatusJson } from "../../daemon/cli/status-json.ts";
import { startEcho } from "../support/process/backend.ts";
import { startEnd, TUNNELD } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { statusField } from "../support/process/proc-info.ts";
import type { Program } from "../support/process/program.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

/** An id that nobody has, and a different one for each run of the tests. */
const UID = 60_000_000 + process.pid;

describe("a user who names no state folder", () => {
  const stage = stageForEach();

  before(function () {
    if (process.getuid?.() !== 0) this.skip(); // Only root can be somebody else.
  });

  beforeEach(() => {
    const { folder } = stage;
    chmodSync(folder, 0o755);
    for (const name of ["home", "project", "project/.vscode"]) {
      mkdirSync(stage.path(name), { mode: 0o700 });
      chownSync(stage.path(name), UID, UID);
    }
    copyFileSync(TUNNELD, stage.path("tunneld.cjs"));
    const runtime = `/tmp/tunneld-${UID}`;
    stage.own(() => rmSync(runtime, { recursive: true, force: true }));
    stage.own(async () => {
      for (const pid of processesOfUser()) process.kill(pid, "SIGKILL");
      await until(() => processesOfUser().length === 0, { what: "the user's processes were gone" });
    });
  });

  const command = (...args: string[]): [string, ...string[]] => [process.execPath, stage.path("tunneld.cjs"), ...args];

  function asUser(more: NodeJS.ProcessEnv = {}): SpawnOptions {
    const env: NodeJS.ProcessEnv = { ...process.env, HOME: stage.path("home"), ...more };
    delete env["TUNNELD_STATE_DIR"];
    return { cwd: stage.path("project"), env, uid: UID, gid: UID };
  }

  function start(args: readonly string[], more: NodeJS.ProcessEnv = {}): Program {
    const [node, ...rest] = command(...args);
    return stage.spawn(node, rest, asUser(more));
  }

  async function says(...args: string[]): Promise<string> {
    const program = start(args);
    const { code } = await program.exit();
    assert.equal(code, 0, `${args.join(" ")}: ${program.stderr}`);
    return program.stdout;
  }

  it("has one daemon for all commands, in the home folder, when another user made the daemon's folder in /tmp first, also once it is gone", async () => {
    const squatted = `/tmp/tunneld-${UID}`;
    mkdirSync(squatted, { mode: 0o755 });
    const config = stage.path("project/.vscode/tunnels.json");
    await says("keys", "generate", "team");
    writeFileSync(config, JSON.stringify({ version: 1, tunnels: { far: { target: "127.0.0.1:1", listen: 0, key: "team" } } }));
    chownSync(config, UID, UID);
    await says("up", "--yes");
    const pids = [];
    for (const isThere of [true, false]) {
      if (!isThere) rmSync(squatted, { recursive: true });
      const { daemon, tunnels } = JSON.parse(await says("status", "--json")) as StatusJson;
      assert.deepEqual(
        tunnels.map(({ name }) => name),
        ["far"],
      );
      await says("up", "--yes");
      pids.push(daemon?.pid);
    }
    assert.equal(pids[0], pids[1]);
    assert.ok(readdirSync(stage.path("home/.local/state/encrypted-tunnels/run")).some((name) => name.endsWith(".sock")));
  });

  it("has keys, approvals, tunnels and one daemon for all commands, each in its place", async () => {
    await says("keys", "generate", "team");
    const key = stage.path("home/.config/encrypted-tunnels/keys/team");
    const far = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key });
    const config = stage.path("project/.vscode/tunnels.json");
    writeFileSync(config, JSON.stringify({ version: 1, tunnels: { echo: { target: far.address, listen: 0, key: "team", timeoutSeconds: 120 } } }));
    chownSync(config, UID, UID);
    await says("up", "--yes", "--wait", "120");
    const { daemon, tunnels } = JSON.parse(await says("status", "--json")) as StatusJson;
    const state = stage.path("home/.local/state/encrypted-tunnels");
    assert.deepEqual([daemon?.stateDir, tunnels[0]?.state], [state, "key-verified"]);
    const port = tunnels[0]?.listen.replace(/^.*:/, "");
    await (await connectTo(stage, `[127.0.0.1]:${port}`)).echoes("in the usual places");
    assert.deepEqual(
      ["log", "state.json", "keys", "run"].map((name) => existsSync(join(state, name))),
      [true, true, false, false],
    );
    assert.ok(readdirSync(`/tmp/tunneld-${UID}`).some((name) => name.endsWith(".sock")));
    assert.match(await says("stop", "--now"), /stopped/);
  });

  it("gets a message, not a stack, when there is no home, no name or no current folder", async () => {
    const told = async (program: Program): Promise<string> => {
      assert.equal((await program.exit()).code, 1);
      return program.stderr;
    };
    assert.match(await told(start(["status"], { HOME: undefined })), /^tunneld: this user has no home folder: set HOME, [^\n]+\n$/);
    assert.match(await told(start(["up", "--yes"], { HOME: "/proc/none" })), /^tunneld: [^\n]+\n$/);
    assert.match(await told(start(["service"])), /^tunneld: say what to do: [^\n]+\n$/);
    const gone = stage.spawn("/bin/sh", ["-c", 'mkdir gone; cd gone; rmdir ../gone; exec "$@"', "sh", ...command("up")], asUser());
    assert.match(await told(gone), /the current folder has been removed/);
  });
});

/** Ids of the processes of this user, whom only this test uses. */
function processesOfUser(): number[] {
  const isOurs = (pid: string): boolean => {
    try {
      return statusField(Number(pid), "Uid").startsWith(`${UID}\t`) && readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
    } catch {
      return false; // The process is gone meanwhile.
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter(isOurs)
    .map(Number);
}
