/** Keys through the extension: a wrong one and its cure, import with every wrong form, and the server's command. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/lib/ports.mjs";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, rowSays, VIEW } from "../support/workbench/flows.ts";
import { textOf } from "../support/workbench/locators.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { pageThatSays } from "../support/workbench/webview.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("keys in VS Code", () => {
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let right: Buffer;

  before(async () => {
    project = new Project(stage, "shop");
    right = randomBytes(32);
    const foreign = project.foreignKey("right.key", right);
    const { redisTarget } = await startRedisFarAway(stage, foreign);
    project.key("wrong");
    project.write({
      cache: { service: "redis", listen: await freePort(), target: redisTarget, key: "wrong" },
      late: { service: "redis", listen: await freePort(), target: redisTarget, key: "team-redis" },
    });
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
    await workbench.tree.open(VIEW);
  });

  it("a wrong key is named as the cause, with the actions that fix it", async () => {
    await openByPalette(workbench, "cache", { approve: true });
    const message = await workbench.notices.message(/cache.*KEY_MISMATCH/);
    assert.match(message, /^cache: Wrong key: \S+ probably holds another\. Compare the fingerprints\. \(KEY_MISMATCH\)$/);
    assert.deepEqual(await workbench.notices.buttons("KEY_MISMATCH"), ["Compare Fingerprint…", "Choose Key…", "Diagnose"]);
    await workbench.notices.gone("Opening the tunnel");
    await workbench.screenshot("wrong key");
    await rowSays(workbench, "cache", /not working/);
    await workbench.notices.clear();
  });

  it("a diagnosis says the same, stage by stage", async () => {
    await workbench.tree.row("cache").choose(/Diagnose/);
    const page = await pageThatSays(workbench, /KEY_MISMATCH/);
    const text = await textOf(page.locator("main"));
    assert.match(text, /^Diagnosis of the tunnel cache .*Same key at both ends.*Compare the key's fingerprint at both ends/);
    assert.doesNotMatch(text, /\*\*|\||tunneld keys/);
    assert.deepEqual(await workbench.notices.all(), []);
    await workbench.screenshot("diagnosis");
    await workbench.command("View: Close All Editors");
    await workbench.notices.clear();
  });

  it("a missing key is asked for, and every wrong form of a key is refused with its reason", async () => {
    await openByPalette(workbench, "late", { approve: false });
    await workbench.notices.click("KEY_NOT_FOUND", "Import Key…");
    await workbench.until(() => workbench.palette.isOpen(), "a quick input was open");
    if (/name/i.test(await workbench.palette.title().catch(() => ""))) await workbench.palette.input("team-redis");
    await workbench.palette.pick(/hex/i);
    for (const [wrong, said] of [
      ["zz", /hex|digit/i],
      ["abc", /odd|digit|even|short/i],
      ["00".repeat(16), /32|short/i],
    ] as const) {
      await workbench.palette.fill(wrong);
      await workbench.until(async () => said.test(await workbench.palette.message()), `${wrong} was refused`);
    }
    await workbench.palette.input(right.toString("hex"));
    await workbench.until(() => existsSync(join(project.stateDir, "keys", "team-redis")), "the key was there");
    assert.deepEqual(readFileSync(join(project.stateDir, "keys", "team-redis")), right);
    assert.equal(statSync(join(project.stateDir, "keys", "team-redis")).mode & 0o777, 0o600);
    // With the key there, the requested opening continues.
    await workbench.notices.dialog("Approve");
    await rowSays(workbench, "late", /verified/);
    await workbench.notices.clear();
  });

  it("the key is in no log", () => {
    const logs = workbench.logs();
    for (const form of [right.toString("hex"), right.toString("base64")]) assert.ok(!logs.includes(form));
  });

  it("copies the server's command, which has the key's path but not the key", async () => {
    await workbench.tree.row("late").choose(/Copy Server Command/);
    await workbench.palette.pick(/spiped -d|spiped$|command/i);
    await workbench.until(async () => (await workbench.clipboard()).includes("spiped -d"), "the command was copied");
    assert.match(await workbench.clipboard(), /-k \S+team-redis/);
  });
});
