/**
 * npm start -- --vscode: the extension in a VS Code in your own browser, with a Redis and a MariaDB behind Debian's
 * spiped, a demo project and its key. Nothing is approved beforehand, so opening the first tunnel asks you.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { endProcessesOf, killProcessesOf } from "./daemon-processes.mjs";
import { NONCE_BYTES, plainClient } from "./ends.mjs";
import { Failure } from "./failure.mjs";
import { startMariaDb } from "./mariadb.mjs";
import { bold, cyan, say, step } from "./output.mjs";
import { endChild, lastLine, makeFolder, removeFolder, run, undoLater } from "./own.mjs";
import { packageExtension, packagePath } from "./package.mjs";
import { freePort, startOnFreePort } from "./ports.mjs";
import { tunneld } from "./project.mjs";
import { locate, provision } from "./provision.mjs";
import { startRedis } from "./redis.mjs";
import { untilStopped } from "./until-stopped.mjs";
import { provisionWorkbench } from "./workbench.mjs";
import { installExtension, startWorkbenchServer } from "./workbench-server.mjs";

const KEY = "demo";

/** Sets everything up, shows where, stays until a signal, removes everything. */
export async function demonstrateVsCode() {
  await step("extension package", packageExtension);
  await step("Redis, MariaDB, spiped", async () => {
    await provision();
  });
  await step("VS Code's workbench", async () => {
    await provisionWorkbench({ browser: false });
  });
  const demo = { folder: makeFolder("tun-demo") };
  demo.stateDir = join(demo.folder, "s");
  // Kill the daemon however this script ends: it outlives VS Code by design.
  demo.forgetDaemon = undoLater(() => killProcessesOf(demo.stateDir));
  demo.workspace = join(demo.folder, "demo");
  await step("fresh key", () => makeDemoKey(demo));
  await step("Redis behind spiped", async () => {
    demo.redis = await startRedis();
    demo.redisEnd = await startSpiped(demo, demo.redis.port);
  });
  await step("MariaDB behind spiped", async () => {
    demo.mariadb = await startMariaDb();
    demo.mariadbEnd = await startSpiped(demo, demo.mariadb.port);
  });
  await step("demo project", () => writeProject(demo));
  await step("VS Code", async () => {
    demo.extensionsDir = await installExtension(packagePath());
    demo.server = await startWorkbenchServer({ extensionsDir: demo.extensionsDir, stateDir: demo.stateDir });
  });
  await stay(demo);
  await step("everything stopped and removed", () => stop(demo));
}

async function makeDemoKey({ stateDir }) {
  mkdirSync(stateDir, { mode: 0o700 });
  const result = await run(process.execPath, [tunneld, "keys", "generate", KEY, "--state-dir", stateDir]);
  if (result.code !== 0) throw new Failure(`tunneld keys generate failed: ${lastLine(result.stderr)}.`);
}

function startSpiped({ stateDir }, targetPort) {
  const key = join(stateDir, "keys", KEY);
  return startOnFreePort("spiped", {
    command: locate(["spiped"]).spiped,
    argsFor: (port) => ["-F", "-d", "-s", `[127.0.0.1]:${port}`, "-t", `[127.0.0.1]:${targetPort}`, "-k", key],
    ready: async ({ port }) => (await plainClient(port, { words: "", enough: NONCE_BYTES })).bytes.length === NONCE_BYTES,
  });
}

async function writeProject({ workspace, redisEnd, mariadbEnd, mariadb }) {
  mkdirSync(join(workspace, ".vscode"), { recursive: true });
  const tunnels = {
    cache: { service: "redis", listen: await freePort(), target: `127.0.0.1:${redisEnd.port}`, key: KEY },
    orders: {
      ...{ service: "mysql", listen: await freePort(), target: `127.0.0.1:${mariadbEnd.port}`, key: KEY },
      ...{ user: mariadb.user, database: mariadb.database },
    },
  };
  writeFileSync(join(workspace, ".vscode", "tunnels.json"), `${JSON.stringify({ version: 1, tunnels }, undefined, 2)}\n`);
  const lines = [
    ...["# Demo", "", "`.vscode/tunnels.json` names two tunnels: `cache` leads to a Redis, `orders` to a MariaDB, each behind spiped."],
    ...[`MariaDB's user is \`${mariadb.user}\`, the password \`${mariadb.password}\`. All of it is thrown away with Ctrl-C.`, ""],
  ];
  writeFileSync(join(workspace, "README.md"), lines.join("\n"));
}

async function stay({ server, workspace, redis, mariadb, redisEnd, mariadbEnd }) {
  say(`\n${bold("VS Code with the extension:")} open this in a browser on this machine\n\n    ${cyan(server.urlOf(workspace))}\n`);
  say("Ctrl-C ends it and removes everything.");
  const ends = { "VS Code": server, Redis: redis, MariaDB: mariadb, "The spiped before Redis": redisEnd, "The spiped before MariaDB": mariadbEnd };
  await untilStopped(ends);
}

/** Each part is stopped even if another can't be; the folders go last, when nobody writes into them any more. */
async function stop({ folder, server, extensionsDir, stateDir, forgetDaemon, redis, mariadb, redisEnd, mariadbEnd }) {
  const parts = await Promise.allSettled([server.stop(), redis.stop(), mariadb.stop(), endChild(redisEnd.child, 2000), endChild(mariadbEnd.child, 2000)]);
  await endProcessesOf(stateDir);
  forgetDaemon();
  removeFolder(folder);
  removeFolder(dirname(extensionsDir));
  const failed = parts.find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
}
