/**
 * tunnels.json as a language: each mistake underlined once at its place, completion, hover, quick fixes; and files
 * that are no tunnels.json at all.
 */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stageForAll } from "../support/stage.ts";
import { VIEW } from "../support/workbench/flows.ts";
import { Project } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

const GOOD = `{
  "version": 1,
  "tunnels": {
    "cache": { "service": "redis", "listen": 6579, "target": "cache.example.com:6479", "key": "team" }
  }
}
`;

describe("editing tunnels.json in VS Code", function () {
  this.timeout(300_000);
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;

  before(async () => {
    project = new Project(stage, "shop");
    project.key("team");
    project.writeText(GOOD);
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
    await workbench.tree.open(VIEW);
    await workbench.openFile(".vscode/tunnels.json");
  });

  it("takes comments and trailing commas for what they are", async () => {
    await workbench.editor.replaceAll(GOOD.replace('"version": 1,', '"version": 1, // the format').replace('"team" }', '"team", },'));
    await workbench.until(async () => (await workbench.editor.codeLenses()).length > 0, "there were lenses");
    assert.equal(await workbench.editor.squiggles("error"), 0);
    assert.equal(await workbench.editor.squiggles("warning"), 0);
  });

  it("underlines a misspelt property once, while it is typed, and a quick fix mends it", async () => {
    await workbench.editor.replaceAll(GOOD.replace('"listen"', '"lisen"'));
    await workbench.until(async () => (await workbench.editor.squiggles("error")) === 1, "one place was underlined");
    const problem = await workbench.editor.problem(/did you mean "listen"/);
    assert.match(problem, /Ln 4, Col 36/);
    await workbench.screenshot("a mistake underlined");
    await workbench.editor.goTo(4, 38);
    await workbench.editor.quickFix(/listen/);
    await workbench.until(async () => (await workbench.editor.squiggles("error")) === 0, "nothing was underlined");
    assert.ok((await workbench.editor.lines())[3]?.includes('"listen": 6579'));
  });

  it("completes properties and their values", async () => {
    await workbench.editor.replaceAll(GOOD.replace('"key": "team" }', '"key": "team",  }'));
    await workbench.editor.goTo(4, GOOD.split("\n")[3]?.length ?? 1);
    const offered = await workbench.editor.completions();
    for (const property of ["autoOpen", "group", "maxConnections"])
      assert.ok(
        offered.some((label) => label.includes(property)),
        `${property} in ${offered}`,
      );
    await workbench.press("Escape");
  });

  it("says at a tunnel's name what state it is in", async () => {
    await workbench.editor.replaceAll(GOOD);
    await workbench.editor.save();
    assert.match(await workbench.editor.hover('"cache"'), /closed/i);
  });

  for (const [title, write, said] of [
    ["empty", (path: string) => writeFileSync(path, ""), /the file is empty/],
    ["of another version", (path: string) => writeFileSync(path, '{ "version": 9, "tunnels": {} }'), /"version" must be 1/],
    ["huge", (path: string) => writeFileSync(path, `{ "version": 1, "tunnels": {} ${" ".repeat(2 * 1024 * 1024)} }`), /larger than 1 MiB/],
    ["binary", (path: string) => writeFileSync(path, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 0xff])), /UTF-8|not text/],
    ["a link out of the workspace", (path: string) => symlinkSync("/etc/hostname", path), /leads out of the workspace/],
  ] as const) {
    it(`a file that is ${title} is reported, and the window goes on`, async () => {
      const path = join(project.folder, ".vscode", "tunnels.json");
      rmSync(path, { recursive: true, force: true });
      write(path);
      await workbench.editor.problem(said);
      rmSync(path, { recursive: true, force: true });
      writeFileSync(path, GOOD);
      await workbench.until(async () => !(await workbench.editor.problems()).some((text) => said.test(text)), "the problem was gone");
      await workbench.tree.row("cache").locator();
    });
  }

  it("a folder in the file's place is told in the view, and the window goes on", async () => {
    rmSync(project.configPath);
    mkdirSync(project.configPath);
    await workbench.page
      .getByText(/not a regular file/)
      .first()
      .waitFor();
    rmSync(project.configPath, { recursive: true });
    project.writeText(GOOD);
    await workbench.tree.row("cache").locator();
  });

  it("a file that is empty takes the template", async () => {
    project.writeText("");
    await workbench.until(async () => /Create tunnels\.json/.test(await workbench.tree.welcome()), "the view offered a tunnels.json");
    await workbench.command("Create tunnels.json");
    await workbench.until(() => project.read(".vscode/tunnels.json")?.includes("cache.example.com:6479") === true, "the template was written");
    await workbench.tree.row("cache").locator();
  });

  it("a file without tunnels is offered to be edited", async () => {
    project.writeText('{ "version": 1, "tunnels": {} }\n');
    await workbench.until(async () => /Edit tunnels\.json/.test(await workbench.tree.welcome()), "the view offered to edit it");
    project.writeText(GOOD);
    await workbench.tree.row("cache").locator();
  });

  it("a file that is deleted while it is open leaves no tunnel, no problem and no error", async () => {
    rmSync(project.configPath);
    await workbench.until(async () => !(await workbench.tree.rows()).some((text) => text.includes("cache")), "the row was gone");
    project.writeText(GOOD);
    await workbench.tree.row("cache").locator();
  });
});
