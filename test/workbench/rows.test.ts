/** The menu of a tunnel's row: what it changes in the files, and what it copies. */
import assert from "node:assert/strict";
import { freePort } from "../../scripts/lib/ports.mjs";
import { stageForAll } from "../support/stage.ts";
import { rowSays, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

interface Written {
  readonly tunnels: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

describe("the menu of a row in VS Code", () => {
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let port: number;
  let target: string;

  /** The entries of a file; none while VS Code is still writing it. */
  const written = (file = ".vscode/tunnels.json"): Written["tunnels"] => {
    try {
      return (JSON.parse(project.read(file) ?? "") as Written).tunnels;
    } catch {
      return {};
    }
  };

  before(async () => {
    project = new Project(stage, "shop");
    target = (await startRedisFarAway(stage, project.key("team"))).redisTarget;
    port = await freePort();
    project.write({ cache: { service: "redis", listen: port, target, key: "team", env: { CACHE_URL: `\${url}` } } });
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, height: 1000 });
    await workbench.tree.open(VIEW);
  });

  it("has what can be done with an entry", async () => {
    const menu = await workbench.tree.row("cache").menu();
    for (const wanted of [
      "Copy As…",
      "Edit in tunnels.json",
      "Duplicate Tunnel…",
      "Rename Tunnel…",
      "Remove Tunnel…",
      "Move to Group…",
      "Open Before Debugging",
    ])
      assert.ok(
        menu.some((text) => text.startsWith(wanted)),
        `${wanted} in ${menu}`,
      );
    assert.ok(!menu.includes("Open in SQLTools"), "a Redis is nothing for SQLTools");
  });

  it("copies lines for a .env file and the client's command, after the approval", async () => {
    for (const [row, text] of [
      [/Lines for a \.env file/, new RegExp(`^TUNNEL_CACHE_URL=redis://127\\.0\\.0\\.1:${port}\\n[\\s\\S]*CACHE_URL=redis://127\\.0\\.0\\.1:${port}$`)],
      [/Client command/, new RegExp(`^redis-cli -h 127\\.0\\.0\\.1 -p ${port}$`)],
    ] as const) {
      await workbench.tree.row("cache").choose("Copy As…");
      if (row.source.startsWith("Lines")) await workbench.notices.dialog("Approve");
      await workbench.palette.row(row);
      await workbench.screenshot("copy as");
      await workbench.palette.pick(row);
      await workbench.until(async () => text.test(await workbench.clipboard()), `the clipboard had ${text}`);
    }
  });

  it("duplicates an entry with a port of its own", async () => {
    await workbench.tree.row("cache").choose("Duplicate Tunnel…");
    await workbench.until(async () => (await workbench.palette.isOpen()) && (await workbench.palette.value()) === "cache-2", "a free name was proposed");
    await workbench.press("Enter");
    await workbench.until(() => written()["cache-2"] !== undefined, "the copy was written");
    const { listen, ...rest } = written()["cache-2"] ?? {};
    assert.notEqual(listen, port);
    const { listen: _, ...original } = written()["cache"] ?? {};
    assert.deepEqual(rest, original);
  });

  it("renames an entry in both files, and asks for approval of what has another name", async () => {
    project.file(".vscode/tunnels.local.json", JSON.stringify({ version: 1, tunnels: { "cache-2": { group: "mine" } } }));
    await workbench.tree.row("mine").locator();
    await workbench.tree.row("mine").expand();
    await workbench.tree.row("cache-2").choose("Rename Tunnel…");
    await workbench.palette.fill("cache");
    await workbench.until(async () => /already/.test(await workbench.palette.message()), "a name that is taken was refused");
    await workbench.palette.input("spare");
    await workbench.until(() => written()["spare"] !== undefined, "the entry had its new name");
    assert.deepEqual(Object.keys(written()), ["cache", "spare"]);
    await workbench.until(() => written(".vscode/tunnels.local.json")["spare"] !== undefined, "its override had the new name, too");
    assert.deepEqual(written(".vscode/tunnels.local.json"), { spare: { group: "mine" } });
    await workbench.tree.row("spare").locator();
  });

  it("has a tunnel opened before debugging", async () => {
    await workbench.tree.row(/^cache(?!-)/).choose(/Open Before Debugging/);
    await workbench.until(() => project.read(".vscode/settings.json")?.includes('"cache"') === true, "the setting had the tunnel");
  });

  it("removes an entry from both files after a question", async () => {
    await workbench.tree.row("spare").choose("Remove Tunnel…");
    await workbench.notices.dialog("Cancel");
    assert.ok(written()["spare"]);
    await workbench.tree.row("spare").choose("Remove Tunnel…");
    await workbench.screenshot("remove a tunnel");
    await workbench.notices.dialog("Remove");
    await workbench.until(() => written()["spare"] === undefined && written(".vscode/tunnels.local.json")["spare"] === undefined, "it was gone from both");
    await rowSays(workbench, "cache", /closed/);
  });
});
