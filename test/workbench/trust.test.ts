/**
 * A workspace file is input from a stranger: what an untrusted workspace, an unapproved or a changed entry can't do.
 */
import assert from "node:assert/strict";
import * as net from "node:net";
import { freePort } from "../../scripts/lib/ports.mjs";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, rowSays, STATUS, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { TERMINAL_SETTINGS } from "../support/workbench/terminals.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("trust and approval in VS Code", () => {
  const stage = stageForAll();

  it("an untrusted workspace opens nothing, whatever its file says, and no daemon is started", async () => {
    const project = new Project(stage, "stranger");
    const port = await freePort();
    project.key("team");
    project.write({ cache: { service: "redis", listen: port, target: "127.0.0.1:1", key: "team", autoOpen: true } });
    const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, trust: "restricted" });
    await workbench.tree.open(VIEW);
    await rowSays(workbench, "cache", /unknown \(Restricted Mode\)/);
    assert.doesNotMatch((await workbench.tree.rows()).join("\n"), /closed/);
    assert.deepEqual(await workbench.statusItem(STATUS).then(({ text, label }) => [text, label]), ["?", "Encrypted tunnels: unknown (Restricted Mode)"]);
    await workbench.screenshot("untrusted workspace");
    await workbench.command("Open Encrypted Tunnel…");
    await workbench.palette.pick("cache");
    assert.deepEqual(await workbench.notices.buttons(/trust/i), ["Manage Workspace Trust"]);
    assert.equal(await isOpen(port), false);
    assert.match((await project.run(["status"])).stdout.toString(), /no daemon/);
    await workbench.dispose();
  });

  describe("in a trusted workspace", () => {
    let project: Project;
    let workbench: Workbench;
    let port: number;
    let target: string;

    before(async () => {
      project = new Project(stage, "team");
      target = (await startRedisFarAway(stage, project.key("team"))).redisTarget;
      port = await freePort();
      project.write({ cache: { service: "redis", listen: port, target, key: "team", autoOpen: true } });
      const task = { label: "environment", type: "shell", command: "env > task.tmp && mv task.tmp task.txt", problemMatcher: [] };
      project.file(".vscode/tasks.json", JSON.stringify({ version: "2.0.0", tasks: [task] }));
      workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, settings: TERMINAL_SETTINGS });
      await workbench.tree.open(VIEW);
    });

    it("an entry with autoOpen is asked about before it opens", async () => {
      assert.deepEqual(await workbench.notices.buttons("cache wants to open"), ["Review"]);
      assert.equal(await isOpen(port), false);
      await workbench.notices.click("cache wants to open", "Review");
      assert.match(await workbench.notices.dialogText(), /Approve the tunnel cache/);
      await workbench.notices.dialog("Cancel");
      assert.equal(await isOpen(port), false, "no is no");
      await openByPalette(workbench, "cache", { approve: true });
      await rowSays(workbench, "cache", /verified/);
      assert.equal(await isOpen(port), true);
    });

    it("a pulled change of the target keeps the approved tunnel, and asks about the new target", async () => {
      project.write({ cache: { service: "redis", listen: port, target: "127.0.0.1:9", key: "team", autoOpen: true } });
      await workbench.notices.message(/cache: Not approved in its present form/);
      await rowSays(workbench, "cache", new RegExp(`verified.*to ${target}`));
      await workbench.tree.row("cache").choose(/Review and Approve/);
      const text = await workbench.notices.dialogText();
      assert.match(text, /has changed since you approved it/);
      assert.ok(text.includes("127.0.0.1:9"));
      await workbench.screenshot("changed entry");
      await workbench.notices.dialog("Cancel");
      await rowSays(workbench, "cache", new RegExp(`verified.*to ${target}`));
    });

    it("a file's text is shown whole in the question, and its links are plain text there", async () => {
      const note = "[click](command:workbench.action.closeWindow) $(trash)";
      project.write({
        cache: { service: "redis", listen: port, target, key: "team" },
        other: { service: "redis", listen: 0, target, key: "team", env: { NOTE: note } },
      });
      await workbench.tree.row("other").locator();
      await openByPalette(workbench, "other", { approve: false });
      const text = await workbench.notices.dialogText();
      assert.ok(text.includes(`NOTE=${note}`), text);
      assert.equal(await workbench.page.locator(".monaco-dialog-box a[href], .monaco-dialog-box .codicon-trash").count(), 0);
      await workbench.notices.dialog("Cancel");
    });

    it("a variable that could make programs run something is refused at its place, and no part of its entry is used", async () => {
      await workbench.tree.row("other").locator();
      project.write({ cache: { service: "redis", listen: port, target: "127.0.0.1:9", key: "team", env: { LD_PRELOAD: "/tmp/x.so", SHOP_NOTE: "x" } } });
      await workbench.editor.problem(/LD_PRELOAD/);
      await rowSays(workbench, "cache", new RegExp(`verified.*to ${target}`));
      assert.equal((await project.status()).tunnels.find(({ name }) => name === "cache")?.target, target);
      await workbench.terminals.create();
      await workbench.terminals.type("env > terminal.tmp && mv terminal.tmp terminal.txt");
      await runTask("environment");
      for (const file of ["terminal.txt", "task.txt"]) {
        await workbench.until(() => project.read(file)?.includes("PATH=") === true, `${file} was written`);
        assert.doesNotMatch(project.read(file) ?? "", /^(?:LD_PRELOAD|SHOP_NOTE)=/m, file);
      }
    });

    async function runTask(label: string): Promise<void> {
      await workbench.command("Tasks: Run Task");
      await workbench.palette.pick(label);
    }
  });
});

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
