/**
 * A throw-away MariaDB on 127.0.0.1 with one test user. Root can connect only through its socket, in a folder of ours.
 * Making a data folder takes seconds, so an empty one is kept in the cache folder and copied. Passwords go through
 * standard input and files with mode 0600, never through arguments or the environment.
 */
import { randomBytes } from "node:crypto";
import { constants, cpSync, existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { announce } from "./output.mjs";
import { endChild, lastLine, makeFolder, removeFolder, run, undoLater } from "./own.mjs";
import { startOnFreePort } from "./ports.mjs";
import { cacheFolder, sha256 } from "./project.mjs";
import { locate } from "./provision.mjs";

const DATABASE = "tunnel";
const USER = "tunnel";
/** The log must be far larger than the largest value in the tests; nothing here has to survive a crash. */
const INNODB = [
  ...["--innodb-log-file-size=96M", "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0"],
  ...["--innodb-doublewrite=0", "--innodb-use-native-aio=0"],
];

export async function startMariaDb(options = {}) {
  const tools = locate(["mariadb"]);
  const folder = makeFolder("tun-sql");
  const data = join(folder, "data");
  // Cloned where the file system can (btrfs, xfs), copied elsewhere.
  cpSync(await template(tools), data, { recursive: true, mode: constants.COPYFILE_FICLONE });
  const socket = join(folder, "s");
  const ask = (sql) => run(tools.mariadb, ["--no-defaults", `--socket=${socket}`, "--user=root", "--batch"], { input: sql });
  const { child, port } = await startOnFreePort("mariadbd", {
    command: tools.mariadbd,
    argsFor: (chosen) => serverArgs({ data, folder, socket, port: chosen, more: options.args ?? [] }),
    // The socket is in our folder, so the server that answers there is the one we started.
    ready: async () => existsSync(socket) && (await ask("SELECT 1;")).code === 0,
  });
  const password = randomBytes(16).toString("hex");
  const setUp = await ask(accounts(password));
  if (setUp.code !== 0) throw new Failure(`mariadbd does not take the test user: ${lastLine(setUp.stderr)}.`);
  const defaultsFile = join(folder, "client.cnf");
  const client = ["[client]", `user=${USER}`, `password=${password}`, "host=127.0.0.1", `port=${port}`, "protocol=tcp", ""];
  writeFileSync(defaultsFile, client.join("\n"), { mode: 0o600 });
  return {
    ...{ port, socket, user: USER, password, database: DATABASE, defaultsFile, pid: child.pid, child },
    stop: async () => {
      await endChild(child);
      removeFolder(folder);
    },
  };
}

function serverArgs({ data, folder, socket, port, more }) {
  return [
    ...["--no-defaults", `--datadir=${data}`, `--tmpdir=${folder}`, `--socket=${socket}`, `--port=${port}`],
    ...["--bind-address=127.0.0.1", "--skip-networking=0", "--skip-name-resolve", "--local-infile=1"],
    ...["--skip-log-bin", "--max-allowed-packet=256M", "--max-connections=500", `--pid-file=${join(folder, "pid")}`],
    ...["--character-set-server=utf8mb4", "--key-buffer-size=1M", "--performance-schema=0", ...INNODB],
    ...asRoot(),
    ...more,
  ];
}

/** mariadbd refuses to run as root unless --user names root. Other users are not named: in a container a user id may have no account. */
function asRoot() {
  return process.getuid?.() === 0 ? ["--user=root"] : [];
}

function accounts(password) {
  return `
    DELETE FROM mysql.global_priv WHERE NOT (User IN ('root', 'mariadb.sys') AND Host = 'localhost');
    FLUSH PRIVILEGES;
    CREATE DATABASE IF NOT EXISTS ${DATABASE};
    CREATE USER '${USER}'@'127.0.0.1' IDENTIFIED BY '${password}';
    GRANT ALL PRIVILEGES ON ${DATABASE}.* TO '${USER}'@'127.0.0.1';
    GRANT RELOAD, PROCESS, FILE ON *.* TO '${USER}'@'127.0.0.1';
  `;
}

/** An empty data folder for exactly this server version, made once. */
async function template(tools) {
  const version = await run(tools.mariadbd, ["--no-defaults", "--version"]);
  const name = `mariadb-${sha256(tools.mariadbd, version.stdout, ...INNODB).slice(0, 16)}`;
  const path = join(cacheFolder(), "data", name);
  if (existsSync(path)) return path;
  return withLock(join(cacheFolder(), "data", `${name}.lock`), {
    onWait: (pid) => announce(`another run (process ${pid}) is preparing MariaDB's data folder; waiting for it`),
    body: async () => {
      if (!existsSync(path)) await makeTemplate(tools, path);
      return path;
    },
  });
}

async function makeTemplate(tools, path) {
  announce("preparing MariaDB's data folder (once)");
  const unfinished = `${path}.${process.pid}`;
  const forget = undoLater(() => removeFolder(unfinished));
  const result = await run(tools.mariadbInstallDb, [
    ...["--no-defaults", `--datadir=${unfinished}`, "--auth-root-authentication-method=normal", "--skip-test-db"],
    ...["--skip-name-resolve", ...asRoot(), ...INNODB],
  ]);
  if (result.code !== 0) {
    forget();
    throw new Failure(`mariadb-install-db failed: ${lastLine(result.stderr || result.stdout)}.`);
  }
  renameSync(unfinished, path);
  forget();
}
