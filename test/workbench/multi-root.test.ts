/** A workspace of several folders: each has its own tunnels, even if they have the same name. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { delimiter, dirname } from "node:path";
import { freePort } from "../../scripts/lib/ports.mjs";
import { tools } from "../support/servers.ts";
import { stageForAll } from "../support/stage.ts";
import { pingOnce, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

const FOLDERS = ["shop", "stock"] as const;

describe("a workspace of two folders in VS Code", () => {
  const stage = stageForAll();
  const ports = new Map<string, number>();
  let projects: readonly Project[];
  let workbench: Workbench;

  before(async () => {
    projects = FOLDERS.map((name) => new Project(stage, name));
    const [shop] = projects as [Project, ...Project[]];
    const { redisTarget } = await startRedisFarAway(stage, shop.key("team"));
    for (const [index, project] of projects.entries()) {
      const port = await freePort();
      ports.set(FOLDERS[index] as string, port);
      project.write({ cache: { service: "redis", listen: port, target: redisTarget, key: "team" } });
    }
    const file = shop.file("../both.code-workspace", JSON.stringify({ folders: FOLDERS.map((path) => ({ path })) }));
    const path = [dirname(tools().redisCli), process.env["PATH"]].join(delimiter);
    workbench = await startWorkbench(stage, { workspace: file, stateDir: shop.stateDir, env: { PATH: path } });
    await workbench.tree.open(VIEW);
  });

  it("shows each tunnel under its folder", async () => {
    await rowOf("stock");
    const rows = await workbench.tree.rows();
    assert.equal(rows.length, 4, JSON.stringify(rows));
    for (const [index, folder] of FOLDERS.entries()) {
      assert.match(rows[2 * index] ?? "", new RegExp(`^${folder}`));
      assert.match(rows[2 * index + 1] ?? "", new RegExp(`^cache .*:${ports.get(folder)} `));
    }
    assert.deepEqual(await Promise.all(FOLDERS.map(async (folder) => (await workbench.tree.row(new RegExp(`^${folder}`))).level())), [1, 1]);
    assert.deepEqual(await Promise.all(FOLDERS.map(async (folder) => (await rowOf(folder)).level())), [2, 2]);
  });

  it("says in the command's list which folder each tunnel belongs to", async () => {
    await workbench.command("Open Encrypted Tunnel…");
    for (const folder of FOLDERS) await workbench.palette.row(new RegExp(`cache.*${folder}`));
    await workbench.screenshot("tunnels of two folders to pick");
    await workbench.palette.close();
  });

  for (const folder of FOLDERS) {
    it(`opens the tunnel of ${folder} at its own port, with a question of its own`, async () => {
      await workbench.command("Open Encrypted Tunnel…");
      await workbench.palette.pick(new RegExp(`cache.*${folder}`));
      const text = await workbench.notices.dialogText();
      assert.ok(text.includes(projectOf(folder).configPath), text);
      assert.ok(text.includes(`127.0.0.1:${ports.get(folder)}`), text);
      await workbench.notices.dialog("Approve");
      await workbench.until(async () => /verified/.test(await (await rowOf(folder)).label()), "it was verified");
      assert.equal(await pingOnce(stage, ports.get(folder) as number), "PONG");
    });
  }

  it("opens a client terminal in the folder of its tunnel, not in the first", async () => {
    await (await rowOf("stock")).choose("Open Client Terminal");
    await workbench.until(
      () => foldersOfClients(ports.get("stock") as number).includes(projectOf("stock").folder),
      "the client ran in the folder of its tunnel",
    );
    await workbench.terminals.killAll();
  });

  it("leaves one tunnel open when the other is closed", async () => {
    await workbench.screenshot("tunnels of two folders");
    await (await rowOf("shop")).action("Close Tunnel");
    await workbench.until(async () => /closed/.test(await (await rowOf("shop")).label()), "it was closed");
    assert.match(await (await rowOf("stock")).label(), /verified/);
    assert.equal(await pingOnce(stage, ports.get("stock") as number), "PONG");
  });

  /** The row of a folder's tunnel: both have the same name. */
  async function rowOf(folder: string): Promise<ReturnType<Workbench["tree"]["row"]>> {
    const row = workbench.tree.row(new RegExp(`cache .*:${ports.get(folder)} `));
    await row.locator();
    return row;
  }

  function projectOf(folder: (typeof FOLDERS)[number]): Project {
    return projects[FOLDERS.indexOf(folder)] as Project;
  }
});

/** The working folders of this machine's clients of a port. */
function foldersOfClients(port: number): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      const isClient = /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(String(port));
      return isClient ? [readlinkSync(`/proc/${pid}/cwd`)] : [];
    } catch {
      // It has ended meanwhile, or is another user's.
      return [];
    }
  });
}
