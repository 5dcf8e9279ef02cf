/** From nothing: no tunnels.json, no key. The welcome, the ad-hoc tunnel, and saving it; by keyboard alone. */
import assert from "node:assert/strict";
import { stageForAll } from "../support/process/stage.ts";
import { freePort } from "../support/servers.ts";
import { redisClient, rowSays, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/stage.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("a tunnel without a file in VS Code", function () {
  this.timeout(300_000);
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let target: string;

  before(async () => {
    project = new Project(stage, "empty");
    target = (await startRedisFarAway(stage, project.key("team"))).redisTarget;
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
  });

  it("nothing of the extension runs in a workspace without a tunnels.json", () => {
    assert.doesNotMatch(workbench.logs(), /ExtensionService#_doActivateExtension encrypted-tunnels/);
  });

  it("an empty view has one primary button", async () => {
    await workbench.tree.open(VIEW);
    await workbench.until(async () => /Create tunnels\.json/.test(await workbench.tree.welcome()), "the view had its button");
    await workbench.screenshot("welcome");
  });

  it("asks step by step, each answer judged as it is typed, by keyboard alone", async () => {
    const { palette } = workbench;
    await palette.open(">Open Ad-hoc Tunnel");
    await palette.row(/Open Ad-hoc Tunnel/);
    await workbench.press("Enter");
    await palette.titled(/1\/\d/);
    await palette.row(/Redis/);
    await workbench.press("Enter");
    await palette.titled(/2\/\d/);
    await palette.fill("cache.example.com");
    await workbench.until(async () => /port/.test(await palette.message()), "a target without a port was refused");
    await palette.input(target);
    await palette.titled(/3\/\d/);
    await palette.fill("team");
    await workbench.press("Enter");
    await palette.titled(/4\/\d/);
    await palette.fill("99999");
    await workbench.until(async () => /65535/.test(await palette.message()), "an impossible port was refused");
    const port = await freePort();
    await palette.input(String(port));
    await palette.titled(/5\/\d/);
    await palette.input("mine");
    await palette.row(/./);
    await workbench.screenshot("ad-hoc, last step");
    await workbench.press("Enter");
    await rowSays(workbench, "mine", /verified/);
    assert.equal(await workbench.notices.hasDialog(), false, "what was typed in full is not asked about again");
    assert.equal(await redisClient(stage, port).ping(), "PONG");
  });

  it("can be saved to the workspace's tunnels.json, and stays open", async () => {
    await workbench.tree.row("mine").choose(/Save Ad-hoc Tunnel/);
    await workbench.palette.pick(/tunnels\.json/);
    await workbench.until(() => project.read(".vscode/tunnels.json")?.includes('"mine"') === true, "it was written");
    assert.ok(!project.read(".vscode/tunnels.json")?.includes("{ }"));
    await rowSays(workbench, "mine", /verified/);
  });

  it("every row and button of the view has an accessible name", async () => {
    for (const selector of [".pane-body .monaco-list-row[role=treeitem]", ".sidebar .action-item .action-label", ".statusbar-item a"]) {
      const names = await workbench.accessibleNames(selector);
      assert.ok(names.length > 0, selector);
      assert.deepEqual(
        names.filter((name) => name === ""),
        [],
        selector,
      );
    }
  });
});
