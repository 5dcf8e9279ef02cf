/** From nothing: no tunnels.json, no key. The welcome, the ad-hoc tunnel, and saving it; by keyboard alone. */
import assert from "node:assert/strict";
import { freePort } from "../../scripts/lib/ports.mjs";
import { isAlive } from "../support/process/proc-info.ts";
import { until } from "../support/process/until.ts";
import { stageForAll } from "../support/stage.ts";
import { pingOnce, rowSays, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("a tunnel without a file in VS Code", () => {
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let target: string;
  let port: number;

  before(async () => {
    project = new Project(stage, "empty");
    target = (await startRedisFarAway(stage, project.key("team"))).redisTarget;
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
  });

  it("needs no running extension in a workspace without a tunnels.json", () => {
    assert.doesNotMatch(workbench.logs(), /ExtensionService#_doActivateExtension encrypted-tunnels/);
  });

  it("an empty view has one primary button", async () => {
    await workbench.tree.open(VIEW);
    await workbench.until(async () => /Create tunnels\.json/.test(await workbench.tree.welcome()), "the view had its button");
    await workbench.screenshot("welcome");
  });

  it("is asked for step by step by keyboard alone, and each answer is checked as it is typed", async () => {
    const { palette } = workbench;
    // Unwanted tunnels end at once, and an unneeded daemon soon after: no test has to wait a minute.
    await daemonThat(project, ["--linger", "0", "--idle", "20"]);
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
    port = await freePort();
    await palette.input(String(port));
    await palette.titled(/5\/\d/);
    await palette.input("mine");
    await palette.row(/./);
    await workbench.screenshot("ad-hoc, last step");
    await workbench.press("Enter");
    await rowSays(workbench, "mine", /verified/);
    assert.equal(await workbench.notices.hasDialog(), false, "what was typed in full is not asked about again");
    assert.equal(await pingOnce(stage, port), "PONG");
  });

  it("outlives a reload after which the extension does not run", async () => {
    await reloadWithoutTheView(await hosts());
    await workbench.until(async () => (await tunnel())?.users.length === 0, "no window wanted the tunnel");
    assert.equal(await pingOnce(stage, port), "PONG");
    const { state, users } = (await tunnel()) ?? {};
    assert.deepEqual([state, users], ["verified", []]);
  });

  it("is in the view again, and is closed for good when it is closed: the daemon ends", async () => {
    await workbench.tree.open(VIEW);
    await workbench.until(async () => (await hosts()).length > 0, "the window wanted the tunnel again");
    const before = await hosts();
    await workbench.tree.row("mine").action("Close Tunnel");
    await rowSays(workbench, "mine", /closed/);
    await reloadWithoutTheView(before);
    await workbench.until(() => project.daemonPid === undefined, "the daemon had ended");
    await workbench.tree.open(VIEW);
    await workbench.tree.row("mine").action("Open Encrypted Tunnel");
    await rowSays(workbench, "mine", /verified/);
  });

  it("does not hide that the folder can have a tunnels.json", async () => {
    await workbench.command("Open Encrypted Tunnel…");
    await workbench.palette.row("Create tunnels.json");
    await workbench.palette.close();
  });

  it("can be saved to the workspace's tunnels.json, and stays open", async () => {
    await workbench.tree.row("mine").choose(/Save Ad-hoc Tunnel/);
    await workbench.palette.pick(/tunnels\.json/);
    await workbench.until(() => project.read(".vscode/tunnels.json")?.includes('"mine"') === true, "it was written");
    assert.doesNotMatch(project.read(".vscode/tunnels.json") ?? "", /\{ \}|keepOpen/);
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

  /** Reloads the window with another view in front: then nothing activates the extension. */
  async function reloadWithoutTheView(before: readonly number[]): Promise<void> {
    await workbench.tree.open("Search");
    await workbench.reload({ stored: /^workbench\.view\.search$/ });
    // The old extension host may still be there: a browser may drop its goodbye.
    for (const pid of before) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  }

  /** Process ids of the extension hosts that use the tunnel. */
  async function hosts(): Promise<readonly number[]> {
    return (await tunnel())?.users.map(({ pid }) => pid) ?? [];
  }

  /** The daemon's status of the tunnel. */
  async function tunnel(): Promise<Awaited<ReturnType<Project["status"]>>["tunnels"][number] | undefined> {
    return (await project.status()).tunnels.find(({ name }) => name === "mine");
  }
});

/** Starts a daemon with these options; a window uses a daemon that already runs. */
async function daemonThat(project: Project, options: readonly string[]): Promise<void> {
  project.start(["daemon", ...options]);
  await until(() => project.daemonPid !== undefined, { what: "the daemon was there" });
}
