/** The extension's package in a real VS Code: it installs, and the workbench keeps working. */
import assert from "node:assert/strict";
import { stageForAll } from "../support/stage.ts";
import { Project } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("the extension's package in VS Code", () => {
  const stage = stageForAll();
  let workbench: Workbench;

  before(async () => {
    const project = new Project(stage);
    project.write({});
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
  });

  it("is installed", async () => {
    await workbench.command("Extensions: Show Installed Extensions");
    await workbench.until(
      async () => (await workbench.page.locator(".extension-list-item .name").allInnerTexts()).includes("Encrypted Tunnels"),
      "it was listed",
    );
  });

  it("leaves the workbench's palette commands working", async () => {
    await workbench.command("View: Show Explorer");
    assert.match(await workbench.tree.row(".vscode").text(), /vscode/);
    assert.equal(await workbench.palette.isOpen(), false);
  });

  it("opens a file of the workspace", async () => {
    await workbench.openFile(".vscode/tunnels.json");
    assert.equal((await workbench.editor.lines())[0], "{");
  });
});
