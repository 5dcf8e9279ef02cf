/** A port that another program has: the message, and how another port is chosen from there. */
import assert from "node:assert/strict";
import * as net from "node:net";
import { join } from "node:path";
import { freePort } from "../../scripts/lib/ports.mjs";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, pingOnce, rowSays, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("a port that is taken in VS Code", () => {
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let taken: number;

  before(async () => {
    project = new Project(stage, "shop");
    const { redisTarget: target } = await startRedisFarAway(stage, project.key("team"));
    taken = await takenPort();
    const entry = { service: "redis", listen: taken, target, key: "team" };
    project.write({ cache: entry });
    project.file(
      "../s/ad-hoc/tunnels.json",
      JSON.stringify({ version: 1, tunnels: { mine: { ...entry, listen: `127.0.0.1:${await takenPort()}`, keepOpen: true } } }),
    );
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
    await workbench.tree.open(VIEW);
  });

  it("is replaced from the notification: the new port is proposed, checked as it is typed, written to the file and opened", async () => {
    await openByPalette(workbench, "cache", { approve: true });
    // The owner is this test, which is a node.
    await workbench.notices.message(new RegExp(`cache: 127\\.0\\.0\\.1:${taken} is used by \\S+ \\(pid ${process.pid}\\)`));
    await workbench.notices.click(/cache.*LISTEN_IN_USE/, "Choose Another Port…");
    await workbench.palette.titled("Choose Another Port for cache");
    await workbench.until(async () => (await workbench.palette.message()).includes(`(pid ${process.pid})`), "the question named the owner");
    assert.notEqual(Number(await workbench.palette.value()), taken);
    await workbench.screenshot("another port");
    await workbench.palette.fill(String(taken));
    await workbench.until(async () => /Another program uses port/.test(await workbench.palette.message()), "the taken port was refused");
    const port = await freePort();
    await workbench.palette.input(String(port));
    await workbench.palette.row(/Only on this machine/);
    assert.match((await workbench.palette.rows())[0] ?? "", /Only on this machine/);
    await workbench.screenshot("for whom the port is");
    await workbench.press("Enter");
    await rowSays(workbench, "cache", new RegExp(`verified.*127\\.0\\.0\\.1:${port}`));
    assert.ok(project.read(".vscode/tunnels.json")?.includes(`"listen": ${taken}`), "the shared file is as it was");
    assert.deepEqual(JSON.parse(project.read(".vscode/tunnels.local.json") ?? ""), { version: 1, tunnels: { cache: { listen: port } } });
    assert.equal(await pingOnce(stage, port), "PONG");
    assert.equal(await workbench.notices.hasDialog(), false, "what was approved and typed is not asked about again");
    await workbench.notices.clear();
  });

  it("is replaced in the same way for an ad-hoc tunnel", async () => {
    await openByPalette(workbench, "mine", { approve: true });
    await workbench.notices.click(/mine.*LISTEN_IN_USE/, "Choose Another Port…");
    await workbench.palette.titled("Choose Another Port for mine");
    const proposed = await workbench.palette.value();
    assert.match(proposed, /^127\.0\.0\.1:\d+$/);
    await workbench.press("Enter");
    await rowSays(workbench, "mine", new RegExp(`verified.*${proposed}`));
    assert.ok(project.read("../s/ad-hoc/tunnels.json")?.includes(`"${proposed}"`));
  });

  it("the file of ad-hoc tunnels has the features of a tunnels.json", async () => {
    await workbench.editor.open(join(project.stateDir, "ad-hoc", "tunnels.json"));
    await workbench.until(async () => (await workbench.editor.codeLenses()).includes("Close"), "a lens stood above the entry");
    await workbench.statusItem("JSON with Comments");
  });

  /** A port of 127.0.0.1 at which another program listens. */
  async function takenPort(): Promise<number> {
    const server = net.createServer();
    stage.own(() => server.close());
    const port = await freePort();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
    return port;
  }
});
