/**
 * Finds or installs the programs that the tests and the demonstration need: Redis, MariaDB and spiped.
 *   1. Programs on PATH (and in the sbin folders) are used.
 *   2. Debian, Ubuntu: as root by apt-get; as another user, or if that fails, unpacked into the user's cache folder.
 *   3. Elsewhere: one sentence that says what is missing.
 * TUNNELS_TOOLS=unpack forces unpacking, to test it. Either way a tool is the absolute path of a program that can be
 * run directly: an unpacked tool is a small wrapper that sets the library path for its process.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { arch } from "node:os";
import { delimiter, join } from "node:path";
import { hasApt, installPackages, unpackPackages } from "./apt.mjs";
import { Failure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { announce } from "./output.mjs";
import { cacheFolder } from "./project.mjs";

/** Tools come in groups that are used from one place only: a server and its clients of the same version. */
const GROUPS = {
  redis: {
    packages: ["redis-server", "redis-tools"],
    tools: { redisServer: ["redis-server"], redisCli: ["redis-cli"] },
  },
  mariadb: {
    packages: ["mariadb-server-core", "mariadb-client-core", "mariadb-client"],
    tools: {
      mariadbd: ["mariadbd", "mysqld"],
      mariadbInstallDb: ["mariadb-install-db", "mysql_install_db"],
      mariadb: ["mariadb", "mysql"],
      mariadbDump: ["mariadb-dump", "mysqldump"],
    },
  },
  spiped: { packages: ["spiped"], tools: { spiped: ["spiped"], spipe: ["spipe"] } },
  // Debian puts the server's programs into a folder of the version's.
  postgres: {
    packages: ["postgresql", "postgresql-client"],
    folders: () => versionFolders("/usr/lib/postgresql"),
    tools: { postgres: ["postgres"], initdb: ["initdb"], psql: ["psql"] },
  },
  // Only a test of what clients say uses it; it is left out where it can't be had.
  python: { packages: ["python3", "python3-redis", "python3-pymysql"], tools: { python: ["python3"] } },
  // Only the bench compares with these two.
  stunnel: { packages: ["stunnel4"], tools: { stunnel: ["stunnel4", "stunnel"] } },
  ssh: { packages: ["openssh-server", "openssh-client"], tools: { sshd: ["sshd"], ssh: ["ssh"], sshKeygen: ["ssh-keygen"] } },
};
/** What the tests and the demonstration need. */
const USUAL = ["redis", "mariadb", "spiped"];
const SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/** Increased when wrappers or layout change, so that an older unpacked tree is made again. */
const LAYOUT = 1;

/** The tools of the named groups, installed if needed. */
export async function provision(groups = USUAL) {
  const missing = groups.filter((group) => locateGroup(group) === null);
  if (missing.length > 0) await obtain(missing);
  return locate(groups);
}

/** The installed tools of the named groups; throws if one is missing. */
export function locate(groups = USUAL) {
  const found = groups.map((group) => [group, locateGroup(group)]);
  const missing = found.filter(([, tools]) => tools === null).map(([group]) => group);
  if (missing.length > 0) throw new Failure(howToGet(missing));
  return Object.assign({}, ...found.map(([, tools]) => tools));
}

async function obtain(groups) {
  if (!hasApt()) throw new Failure(howToGet(groups));
  if (process.getuid?.() === 0 && !unpackForced()) {
    try {
      return await installPackages(groups.flatMap((group) => GROUPS[group].packages));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      announce(`${error.message} Unpacking them for this user instead.`);
    }
  }
  const lock = join(cacheFolder(), "tools.lock");
  await withLock(lock, {
    onWait: (pid) => announce(`another run (process ${pid}) is unpacking tools; waiting for it`),
    body: async () => {
      for (const group of groups) if (locateUnpacked(group) === null) await unpack(group);
    },
  });
}

function howToGet(groups) {
  const names = groups.flatMap((group) => Object.values(GROUPS[group].tools).map((alternatives) => alternatives[0]));
  const brew = groups.join(" ");
  return `Not found on PATH: ${names.join(", ")}. Install them (macOS: brew install ${brew}; Fedora: dnf install ${brew.replace("mariadb", "mariadb-server")}) and run this again.`;
}

function unpackForced() {
  return process.env.TUNNELS_TOOLS === "unpack";
}

function locateGroup(group) {
  return (unpackForced() ? null : locateOnPath(group)) ?? locateUnpacked(group);
}

function locateOnPath(group) {
  const folders = [...(GROUPS[group].folders?.() ?? []), ...(process.env.PATH ?? "").split(delimiter).filter(Boolean), ...SBIN];
  return findAll(group, (name) => {
    return folders.map((folder) => join(folder, name)).find((path) => isProgram(path) && isRight(path, name));
  });
}

function locateUnpacked(group) {
  const bin = join(treeOf(group), "wrappers");
  return findAll(group, (name) => (isProgram(join(bin, name)) ? join(bin, name) : undefined));
}

function findAll(group, find) {
  const tools = {};
  for (const [tool, names] of Object.entries(GROUPS[group].tools)) {
    tools[tool] = names.map(find).find((path) => path !== undefined);
    if (tools[tool] === undefined) return null;
  }
  return tools;
}

/** The programs of the newest version first. */
function versionFolders(root) {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .sort((one, other) => Number(other) - Number(one))
    .map((version) => join(root, version, "bin"));
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** A `mysqld` may be Oracle's, whose data folders and options are not MariaDB's. A `python3` may lack the clients. */
function isRight(path, name) {
  if (name === "python3") return spawnSync(path, ["-c", "import redis, pymysql"], { stdio: "ignore" }).status === 0;
  if (name !== "mysqld") return true;
  try {
    return execFileSync(path, ["--version"], { encoding: "utf8" }).includes("MariaDB");
  } catch {
    return false;
  }
}

function treeOf(group) {
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  const field = (name) => new RegExp(`^${name}="?([^"\\n]*)`, "m").exec(release)?.[1] ?? "unknown";
  return join(cacheFolder(), "tools", `${field("ID")}-${field("VERSION_ID")}-${arch()}-${LAYOUT}`, group);
}

async function unpack(group) {
  const tree = treeOf(group);
  await unpackPackages(GROUPS[group].packages, tree);
  const wrappers = join(tree, "wrappers");
  mkdirSync(wrappers);
  for (const [tool, names] of Object.entries(GROUPS[group].tools)) {
    const program = [...SBIN, "/usr/bin", "/bin"].map((folder) => join(tree, folder, names[0])).find(isProgram);
    if (program === undefined) throw new Failure(`The package for ${names[0]} does not contain it.`);
    writeFileSync(join(wrappers, names[0]), wrapper({ tree, program, tool, group }), { mode: 0o755 });
  }
}

/** The tool's own arguments come first: MariaDB needs --defaults-file before all others. */
function wrapper({ tree, program, tool, group }) {
  const libraries = ["usr/lib", "lib"].flatMap((base) => libraryFolders(join(tree, base)));
  const extra = group === "mariadb" ? mariadbOptions(tree, tool) : [];
  const setPath = libraries.length === 0 ? [] : [`export LD_LIBRARY_PATH=${quote(libraries.join(":"))}`];
  return ["#!/bin/sh", ...setPath, `exec ${quote(program)} "$@" ${extra.map(quote).join(" ")}`, ""].join("\n");
}

function mariadbOptions(tree, tool) {
  const base = join(tree, "usr");
  if (tool === "mariadbInstallDb") return [`--basedir=${base}`];
  const nearLibraries = libraryFolders(join(base, "lib")).map((folder) => join(folder, "libmariadb3", "plugin"));
  if (tool !== "mariadbd") return nearLibraries.filter((folder) => existsSync(folder)).map((folder) => `--plugin-dir=${folder}`);
  return [`--basedir=${base}`, `--lc-messages-dir=${join(base, "share", "mysql")}`];
}

function libraryFolders(base) {
  if (!existsSync(base)) return [];
  const triplets = readdirSync(base).filter((name) => name.includes("-linux-gnu"));
  return [...triplets.map((name) => join(base, name)), base];
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
