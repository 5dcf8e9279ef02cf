/**
 * What a start costs, measured and told, never asserted; and what happens when the daemon can't be started: a message
 * with the cure, and a window that goes on.
 */
import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packagePath } from "../../scripts/lib/package.mjs";
import { freePort } from "../../scripts/lib/ports.mjs";
import { installExtension } from "../../scripts/lib/workbench-server.mjs";
import { stageForEach } from "../support/stage.ts";
import { openByPalette, rowSays, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { startWorkbench } from "../support/workbench/workbench.ts";

describe("the extension's start in VS Code", () => {
  const stage = stageForEach();

  for (const [title, autoOpen] of [
    ["while the window starts", true],
    ["in a window at rest", false],
  ] as const) {
    it(`starts a daemon and opens an approved tunnel ${title}; reports how long that takes`, async () => {
      const project = new Project(stage, "timed");
      const { redisTarget } = await startRedisFarAway(stage, project.key("team"));
      project.write({ cache: { service: "redis", listen: await freePort(), target: redisTarget, key: "team", autoOpen } });
      assert.equal((await project.run(["approve", "cache", "--yes"])).code, 0);
      await project.run(["stop", "--now"]);
      const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
      await workbench.tree.open(VIEW);
      if (!autoOpen) await openByPalette(workbench, "cache", { approve: false });
      await rowSays(workbench, "cache", /open|verified/);
      await workbench.until(() => /first tunnel listens/.test(workbench.logs()), "the log told how long it took");
      const [, activeMs] = /active after ([\d.]+) ms/.exec(workbench.logs()) ?? [];
      const [, listensMs] = /first tunnel listens (\d+) ms after the daemon was asked for/.exec(workbench.logs()) ?? [];
      assert.ok(activeMs && listensMs);
      console.log(`      activation ${activeMs} ms (aim: 50), from the daemon's start to the first listening port ${listensMs} ms (aim: 500)`);
      await workbench.dispose();
    });
  }

  it("a daemon that can't be started is reported with the cure before any question, and the window keeps working", async () => {
    const project = new Project(stage, "broken");
    project.key("team");
    project.write({ cache: { service: "redis", listen: await freePort(), target: "127.0.0.1:1", key: "team" } });
    const workbench = await startWorkbench(stage, {
      workspace: project.folder,
      stateDir: project.stateDir,
      // The file exists, but is not a program.
      settings: { "encryptedTunnels.nodePath": project.folder },
    });
    await workbench.tree.open(VIEW);
    await openByPalette(workbench, "cache", { approve: false });
    assert.match(await workbench.notices.message("DAEMON_UNREACHABLE"), /nodePath/);
    await workbench.screenshot("daemon can't start");
    await workbench.notices.clear();
    await workbench.command("Open Ad-hoc Tunnel…");
    assert.match(await workbench.notices.message("DAEMON_UNREACHABLE"), /nodePath/);
    assert.equal(await workbench.palette.isOpen(), false, "nothing that is typed is lost");
    await workbench.tree.row("cache").locator();
    await workbench.dispose();
  });

  it("a program that is missing from the extension is reported with the cure", async () => {
    const project = new Project(stage, "missing");
    project.key("team");
    project.write({ cache: { service: "redis", listen: await freePort(), target: "127.0.0.1:1", key: "team" } });
    const extensionsDir = await installExtension(packagePath());
    const programs = readdirSync(extensionsDir, { recursive: true, withFileTypes: true }).filter(({ name }) => name === "tunneld.cjs");
    assert.equal(programs.length, 1);
    for (const { parentPath, name } of programs) rmSync(join(parentPath, name));
    const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, extensionsDir });
    await workbench.tree.open(VIEW);
    await openByPalette(workbench, "cache", { approve: false });
    assert.match(await workbench.notices.message("DAEMON_UNREACHABLE"), /reinstall the extension/);
    await workbench.tree.row("cache").locator();
    await workbench.dispose();
  });

  it("a state folder that others can write is refused with the reason", async () => {
    const project = new Project(stage, "open");
    project.key("team");
    project.write({ cache: { service: "redis", listen: await freePort(), target: "127.0.0.1:1", key: "team" } });
    chmodSync(project.stateDir, 0o777);
    const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
    await workbench.tree.open(VIEW);
    await openByPalette(workbench, "cache", { approve: false });
    assert.match(await workbench.notices.message("DAEMON_UNREACHABLE"), /The folder \S+ can be written by other users/);
    chmodSync(project.stateDir, 0o700);
    await workbench.dispose();
  });

  it("a copy of the program that somebody has changed is not run", async () => {
    const project = new Project(stage, "tampered");
    const { redisTarget } = await startRedisFarAway(stage, project.key("team"));
    project.write({ cache: { service: "redis", listen: await freePort(), target: redisTarget, key: "team" } });
    const first = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
    await openByPalette(first, "cache", { approve: true });
    await first.tree.open(VIEW);
    await rowSays(first, "cache", /verified/);
    await first.dispose();
    await project.run(["stop", "--now"]);
    const folder = join(project.stateDir, "program");
    const [version = ""] = readdirSync(folder);
    const copy = join(folder, version, "tunneld.cjs");
    writeFileSync(copy, "process.exit(1)");
    const again = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
    await openByPalette(again, "cache", { approve: false });
    await again.tree.open(VIEW);
    await rowSays(again, "cache", /verified/);
    assert.notEqual(readFileSync(copy, "utf8"), "process.exit(1)");
    await again.dispose();
  });
});
