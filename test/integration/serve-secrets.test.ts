/**
 * `tunneld serve` as an unprivileged user, with key files as orchestrators mount them: owned by root, readable by a
 * group or by everybody, behind links that a rotation replaces. Needs root, to make files that only root can make; without
 * root, the unit tests of key-file-link cover what one user can do.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { nodeSuite } from "../../daemon/crypto/node-suite.ts";
import { fingerprint, sharedKey } from "../../daemon/protocol/keys.ts";
import { endProcessesOf } from "../../scripts/lib/daemon-processes.mjs";
import { freePort } from "../../scripts/lib/ports.mjs";
import { startEcho } from "../support/process/backend.ts";
import { makeKey, startEnd, TUNNELD } from "../support/process/ends.ts";
import { exchange } from "../support/process/peer.ts";
import type { Program } from "../support/process/program.ts";
import { SecretVolume } from "../support/process/secret-volume.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

/** A user and groups that no system has. */
const UID = 54_321;
const FS_GROUP = 54_322;
const OWN_GROUP = 54_323;

if (process.getuid?.() === 0) {
  describe("tunneld serve with an orchestrator's secrets", () => {
    const stage = stageForEach();
    let port: number;
    let target: string;

    beforeEach(async () => {
      port = await freePort();
      target = (await startEcho(stage)).address;
      chmodSync(stage.folder, 0o711);
    });

    /** Starts `tunneld` as the unprivileged user, with supplementary groups as given. */
    function launch(args: readonly string[], groups: readonly number[] = []): Program {
      const who = [`--reuid=${UID}`, `--regid=${OWN_GROUP}`, groups.length > 0 ? `--groups=${groups.join(",")}` : "--clear-groups"];
      const where = ["--config", stage.path("tunnels.json"), "--state-dir", stage.path("state")];
      return stage.spawn("setpriv", [...who, process.execPath, stage.path("tunneld.cjs"), ...args, ...where]);
    }

    function launchServer(key: unknown, groups?: readonly number[]): Program {
      copyFileSync(TUNNELD, stage.path("tunneld.cjs"));
      const entry = { role: "server", listen: `127.0.0.1:${port}`, target, key };
      writeFileSync(stage.path("tunnels.json"), JSON.stringify({ version: 1, tunnels: { one: entry } }), { mode: 0o644 });
      const state = stage.path("state");
      mkdirSync(state, { mode: 0o700 });
      chownSync(state, UID, OWN_GROUP);
      stage.own(() => endProcessesOf(state));
      return launch(["serve"], groups);
    }

    async function serve(key: unknown, groups?: readonly number[]): Promise<Program> {
      const program = launchServer(key, groups);
      await until(() => !program.isRunning || program.stderr.includes("one listens at"), { what: "the server listened" });
      assert.ok(program.isRunning, program.stderr);
      return program;
    }

    async function refusal(key: unknown, groups?: readonly number[]): Promise<string> {
      const program = launchServer(key, groups);
      assert.equal((await program.exit()).code, 1);
      return program.stderr;
    }

    /** Whether a client with this key gets through to the service. */
    async function serves(bytes: Uint8Array): Promise<void> {
      const file = makeKey(stage, "client.key");
      writeFileSync(file, bytes);
      const { address } = await startEnd(stage, { maker: "Debian's", role: "-e", target: `[127.0.0.1]:${port}`, key: file });
      assert.equal((await exchange(stage, address, "hello")).toString(), "hello");
    }

    const fileOfRoot = (name: string, mode: number, gid = 0): { readonly path: string; readonly bytes: Uint8Array } => {
      const path = stage.path(name);
      const bytes = randomBytes(32);
      writeFileSync(path, bytes);
      chownSync(path, 0, gid);
      chmodSync(path, mode);
      return { path, bytes };
    };

    it("takes a Kubernetes Secret with fsGroup, and loads it again at each rotation", async () => {
      const volume = new SecretVolume(stage.path("secret"), { file: 0o440, gid: FS_GROUP });
      volume.write({ "redis.key": randomBytes(32) });
      const program = await serve({ file: volume.file("redis.key") }, [FS_GROUP]);
      for (let rotation = 0; rotation < 2; rotation++) {
        const bytes = randomBytes(32);
        volume.write({ "redis.key": bytes });
        const shown = fingerprint(nodeSuite, sharedKey(nodeSuite, bytes));
        await until(() => program.stderr.includes(shown), { what: "the new key was taken up" });
        assert.match(program.stderr, new RegExp(`one took up the key ${volume.file("redis.key")} anew: .*${shown}`));
        await serves(bytes);
      }
    });

    it("takes a Kubernetes Secret in a folder of its volume, and loads it again", async () => {
      const volume = new SecretVolume(stage.path("secret"), { file: 0o440, gid: FS_GROUP });
      volume.write({ "keys/redis.key": randomBytes(32) });
      const program = await serve({ file: volume.file("keys/redis.key") }, [FS_GROUP]);
      const bytes = randomBytes(32);
      volume.write({ "keys/redis.key": bytes });
      const shown = fingerprint(nodeSuite, sharedKey(nodeSuite, bytes));
      await until(() => program.stderr.includes(shown), { what: "the new key was taken up" });
      assert.match(program.stderr, new RegExp(`one took up the key ${volume.path}/.*keys/redis.key anew: .*${shown}`));
      await serves(bytes);
    });

    it("refuses a Kubernetes Secret that everybody may read, and says how to allow it", async () => {
      const volume = new SecretVolume(stage.path("secret"), { file: 0o644 });
      volume.write({ "redis.key": randomBytes(32) });
      assert.match(await refusal({ file: volume.file("redis.key") }), /can be read by other users: write "shared": true .*\(KEY_PERMISSIONS\)/);
    });

    it("takes a Kubernetes Secret that everybody may read when the entry says so", async () => {
      const volume = new SecretVolume(stage.path("secret"), { file: 0o644 });
      const bytes = randomBytes(32);
      volume.write({ "redis.key": bytes });
      await serve({ file: volume.file("redis.key"), shared: true });
      await serves(bytes);
    });

    it("takes Swarm's secret, 0444 of root, when the entry says so", async () => {
      const { path, bytes } = fileOfRoot("redis", 0o444);
      await serve({ file: path, shared: true });
      await serves(bytes);
    });

    it("takes Compose's secret, a file of its own user", async () => {
      const { path, bytes } = fileOfRoot("redis", 0o400);
      chownSync(path, UID, OWN_GROUP);
      await serve({ file: path });
      await serves(bytes);
    });

    it("takes systemd's credential, 0440 of root and root's group", async () => {
      const { path, bytes } = fileOfRoot("redis", 0o440);
      await serve({ file: path }, [0]);
      await serves(bytes);
    });

    it("has its key files judged in the same way by a diagnosis of the named file", async () => {
      const volume = new SecretVolume(stage.path("secret"), { file: 0o440, gid: FS_GROUP });
      volume.write({ "redis.key": randomBytes(32) });
      await serve({ file: volume.file("redis.key") }, [FS_GROUP]);
      const program = launch(["diagnose", "one", "--json"], [FS_GROUP]);
      await program.exit();
      assert.match(program.stdout, new RegExp(`"key".*${volume.file("redis.key")}, fingerprint`, "s"), program.stderr);
    });

    it("refuses a file of a group that it is not in", async () => {
      const { path } = fileOfRoot("redis", 0o640, FS_GROUP);
      assert.match(await refusal({ file: path }), /may not read the key file/);
    });

    for (const [what, mode, gid, warning] of [
      ["no warning about a file of root's that a group of its own may read", 0o440, FS_GROUP, /^((?!warning).)*$/s],
      ["a warning about one that everybody may read, which it can't change", 0o444, 0, /warning: .*belongs to another: mount it with mode 0440/],
      ["a warning about one of its own that others may read", 0o644, OWN_GROUP, /warning: .*can be read by other users: chmod 600/],
    ] as const) {
      it(`gives the drop-in ${what}`, async () => {
        const { path } = fileOfRoot("drop-in.key", mode, gid);
        if (gid === OWN_GROUP) chownSync(path, UID, OWN_GROUP);
        copyFileSync(TUNNELD, stage.path("tunneld.cjs"));
        const who = [`--reuid=${UID}`, `--regid=${OWN_GROUP}`, `--groups=${FS_GROUP}`];
        const program = stage.spawn("setpriv", [...who, process.execPath, stage.path("tunneld.cjs"), "spipe", "-t", "[127.0.0.1]:1", "-k", path]);
        assert.equal((await program.exit()).code, 1);
        assert.match(program.stderr, /refused/);
        assert.match(program.stderr, warning);
      });
    }

    it("refuses a Secret's link when a stranger owns the folder", async () => {
      const volume = new SecretVolume(stage.path("secret"), { file: 0o444 });
      volume.write({ "redis.key": randomBytes(32) });
      chownSync(volume.path, 1, -1);
      assert.match(await refusal({ file: volume.file("redis.key"), shared: true }), /others could change, as the folder .* belongs to another user/);
    });
  });
}
