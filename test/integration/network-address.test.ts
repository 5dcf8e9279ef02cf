/**
 * The far end's machine gets another address, as after a failover or a new lease: a transaction that was begun before is
 * committed after. The far end runs in a network of its own (a namespace with a pair of virtual devices), and the near
 * end finds it by name in a hosts file of its own. Needs Linux, root and iproute2; says so where it is left out.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import mysql from "mysql2/promise";
import { TUNNELD } from "../support/process/ends.ts";
import { until } from "../support/process/until.ts";
import { Workspace } from "../support/process/workspace.ts";
import { startMariaDb, tools } from "../support/servers.ts";
import { stageForEach } from "../support/stage.ts";

const NAME = "far.tunnel.test";
const PORT = 6479;

function run(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** Whether networks of our own can be made here; tried out, as containers differ. */
function canMakeNetworks(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const tried = "mount --bind /dev/null /etc/hosts && ip link add tnl0 type veth peer name tnl1 && command -v nsenter";
  return run("unshare", "-n", "-m", "sh", "-c", tried);
}

describe("a far end whose machine gets another address", () => {
  const stage = stageForEach();

  it("goes on with the connections that were open", async function () {
    this.timeout(0);
    if (!canMakeNetworks()) {
      console.log("      left out: it needs Linux, root, iproute2 and leave to make networks");
      this.skip();
    }
    const database = await startMariaDb();
    stage.own(() => database.stop());

    const { user, password, database: name } = database;
    // The far end, which has no other way out of its network, comes through the socket.
    const grant = `CREATE USER '${user}'@'localhost' IDENTIFIED BY '${password}'; GRANT ALL PRIVILEGES ON ${name}.* TO '${user}'@'localhost';`;
    spawnSync(tools().mariadb, ["--no-defaults", `--socket=${database.socket}`, "--user=root"], { input: grant });

    // 10.x.y.0/24 for the two machines; their devices go with the namespace.
    const subnet = `10.${randomInt(200, 250)}.${randomInt(1, 250)}`;
    const device = `tnl${process.pid % 100_000}`;
    const holder = stage.spawn("unshare", ["-n", "sleep", "600"]);
    const inFar = (...args: readonly string[]): boolean => run("nsenter", "-t", String(holder.pid), "-n", ...args);
    await until(() => run("ip", "link", "add", device, "type", "veth", "peer", "name", "far0", "netns", String(holder.pid)), {
      what: "the devices were there",
    });
    stage.own(() => run("ip", "link", "del", device));
    for (const done of [
      run("ip", "addr", "add", `${subnet}.1/24`, "dev", device),
      run("ip", "link", "set", device, "up"),
      inFar("ip", "addr", "add", `${subnet}.2/24`, "dev", "far0"),
      inFar("ip", "link", "set", "far0", "up"),
      inFar("ip", "link", "set", "lo", "up"),
    ])
      assert.ok(done);

    const far = new Workspace(stage, "far");
    const keyFile = far.key("team");
    far.write({ far: { role: "server", listen: `0.0.0.0:${PORT}`, target: database.socket, key: { file: keyFile } } });
    const serve = [process.execPath, TUNNELD, "serve", "--config", far.configPath, "--state-dir", far.stateDir];
    const server = stage.spawn("nsenter", ["-t", String(holder.pid), "-n", ...serve], { env: far.env });
    await server.logs(/far listens at/);

    const near = new Workspace(stage, "near");
    const hosts = near.file("hosts", `127.0.0.1 localhost\n${subnet}.2 ${NAME}\n`);
    const daemon = `mount --bind "$1" /etc/hosts && shift && exec "$@"`;
    stage.spawn("unshare", ["-m", "sh", "-c", daemon, "sh", hosts, process.execPath, TUNNELD, "daemon", "--state-dir", near.stateDir], { env: near.env });
    await until(() => near.daemonPid !== undefined, { what: "the daemon was there" });
    near.write({ db: { timeoutSeconds: 5, service: "mysql", listen: 0, target: `${NAME}:${PORT}`, key: { file: keyFile } } });
    const { code, stderr } = await near.run(["up", "--yes"]);
    assert.equal(code, 0, stderr);
    const [tunnel] = (await near.status()).tunnels;
    const port = Number(tunnel?.listen.split(":").at(-1));

    const client = await mysql.createConnection({ host: "127.0.0.1", port, user, password, database: name });
    stage.own(() => client.destroy());
    await client.query("CREATE TABLE moved (what VARCHAR(10))");
    await client.query("BEGIN");
    await client.query("INSERT INTO moved VALUES ('before')");

    assert.ok(inFar("ip", "addr", "del", `${subnet}.2/24`, "dev", "far0"));
    assert.ok(inFar("ip", "addr", "add", `${subnet}.3/24`, "dev", "far0"));
    // The same file: it is bound over /etc/hosts.
    writeFileSync(hosts, `127.0.0.1 localhost\n${subnet}.3 ${NAME}\n`);

    await client.query("INSERT INTO moved VALUES ('after')");
    await client.query("COMMIT");
    const [rows] = await client.query("SELECT what FROM moved ORDER BY what");
    assert.deepEqual(rows, [{ what: "after" }, { what: "before" }]);
    const log = (await near.run(["logs"])).stdout.toString();
    assert.match(log, /1 connection goes on: connected to the other end again/);
  });
});
