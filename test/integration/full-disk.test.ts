/**
 * Real daemons and commands on a full disk, and a kill right after each answer: anything that was reported as done is
 * there afterwards, and nothing is half there.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TUNNELD } from "../support/process/ends.ts";
import { approveAll, Home, reaches, type TestClient } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { Workspace } from "../support/process/workspace.ts";
import { stageForEach } from "../support/stage.ts";
import { rejectionOf } from "../support/wire/codes.ts";

const TARGET = "127.0.0.1:1";

/** Makes every write of the state fail: a folder takes the place of the daemon's temporary file. Returns how to end that. */
function fill(stateDir: string, pid: number | undefined): () => void {
  const folder = join(stateDir, `state.json.${pid}.tmp`);
  mkdirSync(folder);
  writeFileSync(join(folder, "full"), "");
  return () => rmSync(folder, { recursive: true });
}

async function killed(home: Home): Promise<void> {
  const pid = home.kill();
  assert.ok(pid);
  await home.ended(pid);
}

describe("a file that a killed process left half written", () => {
  const stage = stageForEach();

  it("is gone as soon as the next daemon runs, a forgotten key too", async () => {
    const workspace = new Workspace(stage);
    const keys = join(workspace.key(), "..");
    workspace.write({ cache: { listen: 0, target: TARGET, key: "team" } });
    const { pid } = spawnSync(process.execPath, ["--version"]);
    const left = [join(workspace.stateDir, `state.json.${pid}.tmp`), ...[`.new-${pid}-1-1.tmp`, `.forgotten-${pid}-old`].map((name) => join(keys, name))];
    for (const file of left) writeFileSync(file, "half");
    assert.equal((await workspace.run(["up", "-y"])).code, 0);
    assert.deepEqual(left.filter(existsSync), []);
    assert.deepEqual(readdirSync(keys), ["team"]);
  });
});

describe("a command's answer", () => {
  const stage = stageForEach();

  it("holds after a kill: what it reports as done is there, and what it reports as failed is not", async () => {
    const [one, other] = [new Workspace(stage, "one"), new Workspace(stage, "other", stage.path("one-state"))];
    one.key();
    one.write({ kept: { listen: 0, target: TARGET, key: "team" } });
    other.write({ lost: { listen: 0, target: TARGET, key: "team" } });
    assert.equal((await one.run(["up", "-y"])).code, 0);
    fill(one.stateDir, one.daemonPid);
    const up = await other.run(["up", "-y"]);
    assert.deepEqual([up.code, up.stdout.toString()], [1, ""]);
    assert.match(up.stderr.toString(), /"lost" was not approved: can't write .*\(STATE_NOT_SAVED\)$/m);
    await one.killDaemon();
    const { tunnels } = await one.status();
    assert.deepEqual(
      tunnels.map(({ name, state, pinned }) => [name, state, pinned]),
      [["kept", "listening", true]],
    );
  });

  it("to closing is a failure while the closing is not saved, and each further time too", async () => {
    const workspace = new Workspace(stage);
    workspace.key();
    workspace.write({ cache: { listen: 0, target: TARGET, key: "team" } });
    assert.equal((await workspace.run(["up", "-y"])).code, 0);
    const makeRoom = fill(workspace.stateDir, workspace.daemonPid);
    for (const args of [
      ["down", "cache"],
      ["down", "cache"],
      ["down", "--all"],
    ]) {
      const { code, stderr } = await workspace.run(args);
      assert.equal(code, 1, args.join(" "));
      assert.match(stderr.toString(), /until the daemon ends: .*\(STATE_NOT_SAVED\)$/m);
    }
    const { daemon, tunnels } = await workspace.status();
    assert.match(daemon?.unsaved ?? "", /^can't write /);
    assert.deepEqual(tunnels, []);
    makeRoom();
    assert.equal((await workspace.run(["up", "-y"])).code, 0);
    assert.equal((await workspace.run(["down", "cache"])).code, 0);
    await workspace.killDaemon();
    assert.deepEqual(await workspace.status(), { daemon: null, tunnels: [] });
  });

  it("to a new key is a failure on a full disk, and leaves nothing of the key", async () => {
    const workspace = new Workspace(stage);
    const keys = join(workspace.key(), "..");
    const full = (...args: readonly string[]) =>
      stage.spawn("bash", ["-c", 'ulimit -f 0; exec "$@"', "bash", process.execPath, TUNNELD, ...args], { cwd: workspace.folder, env: workspace.env });
    for (const args of [
      ["keys", "generate", "second"],
      ["keys", "import", "second", join(keys, "team")],
      ["keygen", "second.key"],
      ["keys", "export", "team", "copy.key"],
    ]) {
      const program = full(...args);
      assert.deepEqual(await program.ended, { code: 1, signal: null }, args.join(" "));
      await until(() => /\(STATE_NOT_SAVED\)/.test(program.stderr), { what: `${args.join(" ")} said why; it said ${program.stderr}` });
    }
    assert.deepEqual([readdirSync(keys), readdirSync(workspace.folder)], [["team"], []]);
  });
});

describe("an approval", () => {
  const stage = stageForEach();

  async function approved(home: Home): Promise<{ readonly client: TestClient; readonly ref: { readonly configPath: string; readonly name: string } }> {
    home.key("team");
    const configPath = home.workspace("app", { cache: { target: TARGET } });
    const client = home.client({ kind: "cli" });
    await approveAll(client, configPath);
    return { client, ref: { configPath, name: "cache" } };
  }

  it("that was revoked stays so after a kill", async () => {
    const home = new Home(stage);
    const { client, ref } = await approved(home);
    assert.deepEqual(await client.daemon.request("approvals/revoke", ref), { revoked: true });
    await killed(home);
    const { pending, approved: still } = await home.client({ kind: "cli" }).daemon.request("approvals/list", { configPath: ref.configPath });
    assert.deepEqual([pending.map(({ name }) => name), still], [["cache"], []]);
  });

  it("that was revoked does not come back from the backup of a damaged state file", async () => {
    const home = new Home(stage);
    const { client, ref } = await approved(home);
    await client.daemon.request("approvals/revoke", ref);
    await killed(home);
    writeFileSync(join(home.paths.stateDir, "state.json"), "spoiled", { mode: 0o600 });
    const { pending, approved: still } = await home.client({ kind: "cli" }).daemon.request("approvals/list", { configPath: ref.configPath });
    assert.deepEqual([pending.map(({ name }) => name), still], [["cache"], []]);
  });

  it("that can't be revoked on the disk closes its tunnel, and the daemon that knows this hands over to no successor", async () => {
    const home = new Home(stage);
    const { client, ref } = await approved(home);
    await client.daemon.request("pin/add", ref);
    const makeRoom = fill(home.paths.stateDir, home.pid);
    assert.match(
      (await rejectionOf(client.daemon.request("approvals/revoke", ref))).message,
      /^the approval of "cache" is revoked, but only until the daemon ends/,
    );
    await reaches(client, ref, { state: "not-approved" });
    assert.equal((await rejectionOf(client.daemon.request("daemon/replace", { program: TUNNELD }))).code, "STATE_NOT_SAVED");
    makeRoom();
    assert.deepEqual(await client.daemon.request("approvals/revoke", ref), { revoked: false });
    await killed(home);
    await reaches(home.client({ kind: "cli" }), ref, { state: "not-approved" });
  });
});
