/**
 * Keys that are kept off the disk, in VS Code's secret storage: only a window can supply them, so it does, to every
 * daemon it meets.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/lib/ports.mjs";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, pingOnce, rowSays, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("keys in VS Code's secret storage", () => {
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let port: number;
  let key: Buffer;

  before(async () => {
    project = new Project(stage, "shop");
    key = randomBytes(32);
    const { redisTarget } = await startRedisFarAway(stage, project.foreignKey("far.key", key));
    port = await freePort();
    project.write({ cache: { service: "redis", listen: port, target: redisTarget, key: "team" } });
    workbench = await startWorkbench(stage, {
      workspace: project.folder,
      stateDir: project.stateDir,
      settings: { "encryptedTunnels.keyStorage": "secretStorage" },
    });
    await workbench.tree.open(VIEW);
  });

  it("a pasted key is not written to a file, and opens the tunnel", async () => {
    await workbench.command("Import Key…");
    await workbench.palette.pick(/hexadecimal/);
    await workbench.palette.input(key.toString("hex"));
    // The next question has the same title.
    await workbench.until(async () => /Name of the key/.test(await workbench.palette.message()), "the name was asked for");
    await workbench.palette.input("team");
    await workbench.notices.message(/Key team imported/);
    assert.deepEqual(keyFiles(), []);
    await openByPalette(workbench, "cache", { approve: true });
    await rowSays(workbench, "cache", /verified/);
    assert.equal(await pingOnce(stage, port), "PONG");
    await workbench.notices.clear();
  });

  it("are listed as supplied by a window", async () => {
    await workbench.command("Manage Keys…");
    await workbench.palette.row(/team.*In memory only: supplied by a window\. Used by: cache/);
    await workbench.screenshot("key in the secret storage");
    await workbench.palette.close();
  });

  it("keep working after a reload of the window, and are supplied again to a killed daemon", async () => {
    await workbench.reload();
    await workbench.tree.open(VIEW);
    await rowSays(workbench, "cache", /verified/);
    const before = project.daemonPid;
    assert.ok(before !== undefined);
    process.kill(before, "SIGKILL");
    await workbench.until(() => ![before, undefined].includes(project.daemonPid), "a new daemon was there");
    assert.equal(await pingOnce(stage, port), "PONG");
    await rowSays(workbench, "cache", /verified/);
    assert.deepEqual(keyFiles(), []);
  });

  it("keep working after a restart of the daemon by command, too", async () => {
    const before = project.daemonPid;
    await workbench.command("Restart Daemon");
    await workbench.until(() => ![before, undefined].includes(project.daemonPid), "another daemon was there");
    assert.equal(await pingOnce(stage, port), "PONG");
  });

  it("are in no log and in no file of the extension's state", () => {
    const logs = workbench.logs();
    const state = readdirSync(project.stateDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const texts = [logs, ...state.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "latin1"))];
    assert.ok(texts.some((text) => text.includes("cache: listens at")));
    for (const form of [key.toString("hex"), key.toString("base64"), key.toString("latin1")]) {
      assert.equal(texts.filter((text) => text.includes(form)).length, 0);
    }
  });

  it("are forgotten for good when the user says so", async () => {
    await workbench.command("Delete Key…");
    await workbench.palette.pick(/team/);
    assert.match(await workbench.notices.dialogText(), /Used by: cache/);
    await workbench.notices.dialog("Delete Key");
    const rows = async (): Promise<string[]> => {
      await workbench.command("Manage Keys…");
      await workbench.palette.row(/Generate Key/);
      const texts = await workbench.palette.rows();
      await workbench.palette.close();
      return texts;
    };
    await workbench.until(async () => !(await rows()).some((row) => row.includes("team")), "it was no longer listed");
  });

  function keyFiles(): string[] {
    return readdirSync(join(project.stateDir, "keys"));
  }
});
