/**
 * The main job in a real VS Code: a tunnels.json that points at a real Redis and a real MariaDB behind Debian's spiped,
 * opened by command palette, used by real clients, lost and recovered.
 */
import assert from "node:assert/strict";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import { type End, startEnd } from "../support/process/ends.ts";
import { freePort } from "../support/servers.ts";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, redisClient, rowSays, STATUS, VIEW } from "../support/workbench/flows.ts";
import { type FarSide, Project, startFarSide } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("tunnels to a real Redis and a real MariaDB in VS Code", function () {
  this.timeout(300_000);
  const stage = stageForAll();
  let project: Project;
  let far: FarSide;
  let workbench: Workbench;
  let redisEnd: End;
  let redisTarget: string;
  let key: string;
  let redisPort: number;
  let mysqlPort: number;

  before(async () => {
    project = new Project(stage, "shop");
    key = project.key("team");
    far = await startFarSide(stage, key);
    // One that can be ended and started again at the same port.
    redisEnd = await startEnd(stage, { maker: "Debian's", role: "-d", target: `[127.0.0.1]:${far.redis.port}`, key });
    redisTarget = redisEnd.address.replace(/[[\]]/g, "");
    redisPort = await freePort();
    mysqlPort = await freePort();
    project.write({
      cache: { service: "redis", listen: redisPort, target: redisTarget, key: "team" },
      orders: { service: "mysql", listen: mysqlPort, target: far.mariadbTarget, key: "team", user: "app", env: { ORDERS_URL: `\${url}` } },
    });
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
    await workbench.tree.open(VIEW);
  });

  it("shows both tunnels closed, and starts no daemon for that", async () => {
    assert.match(await workbench.tree.row("cache").text(), new RegExp(`cache.*127\\.0\\.0\\.1:${redisPort} → ${redisTarget}`));
    assert.match(await workbench.tree.row("orders").label(), /orders, MySQL tunnel, closed/);
    const { code, stdout } = await project.run(["status"]);
    assert.equal(code, 0);
    assert.match(stdout.toString(), /no daemon/i);
  });

  it("asks before the first opening, naming what it does", async () => {
    await openByPalette(workbench, "cache", { approve: false });
    const text = await workbench.notices.dialogText();
    for (const part of ["cache", project.configPath, `127.0.0.1:${redisPort}`, redisTarget, "team, fingerprint"])
      assert.ok(text.includes(part), `${part} in ${text}`);
    await workbench.screenshot("approval");
    await workbench.notices.dialog("Approve");
    await rowSays(workbench, "cache", /verified/);
  });

  it("Redis answers through the local port", async () => {
    const client = redisClient(stage, redisPort);
    assert.equal(await client.set("greeting", "hello"), "OK");
    assert.equal(await client.get("greeting"), "hello");
  });

  it("shows the open tunnel in the status bar and above its entry", async () => {
    await workbench.until(async () => (await workbench.statusItem(STATUS)).text.includes("1"), "one tunnel was open");
    const { label, background } = await workbench.statusItem(STATUS);
    assert.match(label, /1 of 2 open/);
    assert.equal(background, "none");
    await workbench.openFile(".vscode/tunnels.json");
    await workbench.until(async () => (await workbench.editor.codeLenses()).some((text) => text.includes("verified")), "a lens had the state");
    const lenses = await workbench.editor.codeLenses();
    assert.ok(lenses.includes("Close") && lenses.includes("Diagnose"), JSON.stringify(lenses));
  });

  it("opens the other one by its CodeLens, and MariaDB answers", async () => {
    await workbench.editor.clickCodeLens(/^Open$|Review/);
    await workbench.notices.dialog("Approve");
    // Reviewing approves; opening is a step of its own then.
    await workbench.until(async () => {
      const label = await workbench.tree.row("orders").label();
      if (/verified/.test(label)) return true;
      if (/closed,/.test(label)) await workbench.editor.clickCodeLens(/^Open$/).catch(() => {});
      return false;
    }, "orders was verified");
    const { user, password } = far.mariadb;
    const connection = await createConnection({ host: "127.0.0.1", port: mysqlPort, user, password });
    const [rows] = await connection.query<RowDataPacket[]>("SELECT 6 * 7 AS answer");
    assert.equal(rows[0]?.["answer"], 42);
    await connection.end();
    await workbench.until(async () => (await workbench.editor.codeLenses()).filter((text) => text === "Close").length === 2, "both entries could be closed");
    await workbench.screenshot("two tunnels open");
  });

  it("shows facts below a tunnel: last verified, connections, bytes, key fingerprint", async () => {
    const row = workbench.tree.row("cache");
    await row.expand();
    await workbench.until(async () => (await workbench.tree.rows()).some((text) => /[0-9a-f]{4}-[0-9a-f]{4}-/.test(text)), "the fingerprint was shown");
    const rows = (await workbench.tree.rows()).join("\n");
    for (const fact of [/verified/i, /connection/i, /received .* sent .* B/i, /round/i]) assert.match(rows, fact);
    await workbench.screenshot("facts of a tunnel");
    await row.collapse();
  });

  it("turns to not working when the far end dies, says so once, and keeps its port", async () => {
    const client = redisClient(stage, redisPort);
    await client.ping();
    await redisEnd.program.kill("SIGKILL");
    // ioredis tries again by itself: that is the traffic which shows it.
    await rowSays(workbench, "cache", /not working/);
    await workbench.until(async () => (await workbench.statusItem(STATUS)).background === "warning", "the status bar warned");
    assert.match(await workbench.notices.message(/cache.*CONNECT_REFUSED/), /Start what should listen there/);
    await workbench.screenshot("far end down");
    assert.equal((await workbench.notices.all()).filter((text) => text.includes("CONNECT_REFUSED")).length, 1);

    redisEnd = await startEnd(stage, { maker: "Debian's", role: "-d", source: redisEnd.address, target: `[127.0.0.1]:${far.redis.port}`, key });
    assert.equal(await client.ping(), "PONG");
    await rowSays(workbench, "cache", /verified/);
    await workbench.until(async () => (await workbench.statusItem(STATUS)).background === "none", "the warning was gone");
  });

  it("closes a tunnel by its row's button", async () => {
    await workbench.tree.row("orders").action("Close Tunnel");
    await rowSays(workbench, "orders", /closed/);
  });
});
