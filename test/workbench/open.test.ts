/**
 * The main job in a real VS Code: a tunnels.json that points at a real Redis and a real MariaDB behind Debian's spiped,
 * opened by command palette, used by real clients, lost and recovered.
 */
import assert from "node:assert/strict";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import { freePort } from "../../scripts/lib/ports.mjs";
import { type End, startEnd } from "../support/process/ends.ts";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, redisClient, rowSays, STATUS, VIEW } from "../support/workbench/flows.ts";
import { type FarSide, Project, startFarSide } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("tunnels to a real Redis and a real MariaDB in VS Code", () => {
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
    // A far end that can be ended and started again at the same port.
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
    assert.match(await workbench.tree.row("cache").text(), new RegExp(`cache closed · :${redisPort} → ${redisTarget}`));
    assert.match(await workbench.tree.row("orders").label(), /orders, MySQL tunnel, closed/);
    const { code, stdout } = await project.run(["status"]);
    assert.equal(code, 0);
    assert.match(stdout.toString(), /no daemon/i);
  });

  it("asks before the first opening, and names what the tunnel does", async () => {
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
    await workbench.editor.clickCodeLens(/^Open$/);
    await workbench.notices.dialog("Approve and Open");
    await rowSays(workbench, "orders", /verified/);
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

  it("shows a tunnel as not working when the far end dies, says so once, and keeps its port", async () => {
    const client = redisClient(stage, redisPort);
    await client.ping();
    await redisEnd.program.kill("SIGKILL");
    // ioredis retries by itself: this traffic reveals the failure.
    await rowSays(workbench, "cache", /not working/);
    await workbench.until(async () => (await workbench.statusItem(STATUS)).background === "warning", "the status bar warned");
    assert.match(await workbench.notices.message(/cache.*CONNECT_REFUSED/), /Is the far end running/);
    await workbench.screenshot("far end down");
    assert.equal((await workbench.notices.all()).filter((text) => text.includes("CONNECT_REFUSED")).length, 1);

    redisEnd = await startEnd(stage, { maker: "Debian's", role: "-d", source: redisEnd.address, target: `[127.0.0.1]:${far.redis.port}`, key });
    assert.equal(await client.ping(), "PONG");
    await rowSays(workbench, "cache", /verified/);
    await workbench.until(async () => (await workbench.statusItem(STATUS)).background === "none", "the warning was gone");
  });

  it("kept what happened in the history of the tunnel", async () => {
    const row = workbench.tree.row("cache");
    await row.expand();
    await workbench.tree.row(/^History recovered/).expand();
    await workbench.until(async () => /lost: refused/.test((await workbench.tree.rows()).join("\n")), "the loss was listed");
    await workbench.screenshot("history of a tunnel");
    await row.collapse();
  });

  it("says how many connections live on when a tunnel is closed, and cuts them when told to", async () => {
    await workbench.notices.clear();
    const client = redisClient(stage, redisPort);
    await client.ping();
    await workbench.tree.row("cache").action("Close Tunnel");
    await rowSays(workbench, "cache", /closed, \d+ connected/);
    assert.equal(await client.ping(), "PONG", "it was not cut");
    await workbench.screenshot("closed and still connected");
    const ended = new Promise((resolve) => client.once("close", resolve));
    await workbench.notices.click(/cache is closed\. Still connected: \d+/, "Cut Connections");
    await ended;
    await rowSays(workbench, "cache", /tunnel, closed, from/);
  });

  it("closes a tunnel by its row's button", async () => {
    await workbench.tree.row("orders").action("Close Tunnel");
    await rowSays(workbench, "orders", /closed/);
  });
});
