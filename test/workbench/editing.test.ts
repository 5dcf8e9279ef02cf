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

describe("editing tunnels.json in VS Code", () => {
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

  it("accepts comments and trailing commas", async () => {
    await workbench.editor.replaceAll(GOOD.replace('"version": 1,', '"version": 1, // the format').replace('"team" }', '"team", },'));
    await workbench.until(async () => (await workbench.editor.codeLenses()).length > 0, "there were lenses");
    // VS Code's own JSON language warns of commas until it has read the schema, which allows them.
    await workbench.until(async () => (await workbench.editor.squiggles("warning")) === 0, "nothing was warned of");
    assert.equal(await workbench.editor.squiggles("error"), 0);
  });

  it("underlines a misspelt property once, while it is typed, and a quick fix corrects it", async () => {
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
    // The list shows twelve at once.
    for (const property of ["autoOpen", "backend", "group"])
      assert.ok(
        offered.some((label) => label.includes(property)),
        `${property} in ${offered}`,
      );
    await workbench.press("Escape");
  });

  it("completes a key's name with its fingerprint", async () => {
    await workbench.editor.replaceAll(GOOD.replace('"team"', '""'));
    await workbench.editor.goTo(4, (GOOD.split("\n")[3]?.indexOf('"team"') ?? 0) + 2);
    await workbench.editor.completions();
    await workbench.editor.completion(/team.*Fingerprint ([0-9a-f]{4}-){7}/);
    await workbench.screenshot("completion of keys");
    await workbench.press("Enter");
    await workbench.until(async () => (await workbench.editor.lines())[3]?.includes('"key": "team"') === true, "the key's name was written");
  });

  it("completes a whole entry, which has no mistake", async () => {
    await workbench.editor.replaceAll(GOOD.replace('"team" }', '"team" }\n    '));
    await workbench.editor.goTo(5, 5);
    const offered = await workbench.editor.completions();
    for (const entry of ["Redis tunnel", "MySQL tunnel", "TCP tunnel", "Server end"])
      assert.ok(
        offered.some((label) => label.includes(entry)),
        `${entry} in ${offered}`,
      );
    await workbench.screenshot("completion of entries");
    await workbench.press("Enter");
    await workbench.until(async () => (await workbench.editor.lines()).join("\n").includes('"key": "team"\n    }'), "the entry was written");
    await workbench.until(async () => (await workbench.editor.codeLenses()).length > 1, "both entries had a lens");
    assert.equal(await workbench.editor.squiggles("error"), 0);
    await workbench.press("Escape");
  });

  it('changes the service "memcached" to one that carries it, and not something else of the line', async () => {
    await workbench.editor.replaceAll(GOOD.replace('"redis"', '"memcached"').replace('"team"', '"none"'));
    await workbench.until(async () => (await workbench.editor.squiggles("error")) === 1, "one place was underlined");
    await workbench.editor.goTo(4, (GOOD.split("\n")[3]?.indexOf('"redis"') ?? 0) + 3);
    await workbench.editor.quickFix(/tcp.*any service/);
    await workbench.until(async () => (await workbench.editor.lines())[3]?.includes('"service": "tcp"') === true, "the service was tcp");
    await workbench.until(async () => (await workbench.editor.squiggles("error")) === 0, "nothing was underlined");
  });

  it("shows a tunnel's state at its name", async () => {
    await workbench.editor.replaceAll(GOOD);
    await workbench.editor.save();
    assert.match(await workbench.editor.hover('"cache"'), /closed/i);
  });

  for (const [title, write, said] of [
    ["empty", (path: string) => writeFileSync(path, ""), /the file is empty/],
    ["of another version", (path: string) => writeFileSync(path, '{ "version": 9, "tunnels": {} }'), /"version" must be 1/],
    ["huge", (path: string) => writeFileSync(path, `{ "version": 1, "tunnels": {} ${" ".repeat(2 * 1024 * 1024)} }`), /larger than 256 KiB/],
    ["binary", (path: string) => writeFileSync(path, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 0xff])), /UTF-8|not text/],
    ["a link out of the workspace", (path: string) => symlinkSync("/etc/hostname", path), /leads out of the workspace/],
  ] as const) {
    it(`reports a file that is ${title}, and the window keeps working`, async () => {
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

  it("reports a folder in the file's place in the view, and the window keeps working", async () => {
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

  it("writes the template into an empty file", async () => {
    project.writeText("");
    await workbench.until(async () => /Create tunnels\.json/.test(await workbench.tree.welcome()), "the view offered a tunnels.json");
    await workbench.command("Create tunnels.json");
    await workbench.until(() => project.read(".vscode/tunnels.json")?.includes("cache.example.com:6479") === true, "the template was written");
    await workbench.tree.row("cache").locator();
  });

  it("offers to edit a file without tunnels", async () => {
    project.writeText('{ "version": 1, "tunnels": {} }\n');
    await workbench.until(async () => /Edit tunnels\.json/.test(await workbench.tree.welcome()), "the view offered to edit it");
    project.writeText(GOOD);
    await workbench.tree.row("cache").locator();
  });

  it("shows no tunnel, no problem and no error after an open file is deleted", async () => {
    rmSync(project.configPath);
    await workbench.until(async () => !(await workbench.tree.rows()).some((text) => text.includes("cache")), "the row was gone");
    project.writeText(GOOD);
    await workbench.tree.row("cache").locator();
  });
});
