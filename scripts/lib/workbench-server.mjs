/**
 * A throw-away VS Code in the browser: one code-server process on a free port of 127.0.0.1, with a home, settings and
 * extensions of its own. It does not read or change the user's VS Code and makes no requests to the network. The
 * extension's daemon outlives the server by design: it is found by its state folder, and ended too.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { endProcessesOf, killProcessesOf, killProcessesWith } from "./daemon-processes.mjs";
import { Failure } from "./failure.mjs";
import { endChild, killAtOnce, lastLine, makeFolder, removeFolder, run, spawnOwned, undoLater } from "./own.mjs";
import { locateWorkbench } from "./workbench.mjs";

const STARTS_WITHIN_MS = 120_000;
const FLAGS = [
  ...["--bind-addr", "127.0.0.1:0", "--auth", "none", "--disable-telemetry", "--disable-update-check"],
  ...["--disable-getting-started-override", "--ignore-last-opened"],
];
/** Settings that switch off telemetry, network and everything on the screen that isn't the extension's. */
const SETTINGS = {
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "workbench.startupEditor": "none",
  // Without this setting, a click on the icon of a visible view hides the view.
  "workbench.activityBar.iconClickBehavior": "focus",
  "workbench.reduceMotion": "on",
  "workbench.tips.enabled": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "git.enabled": false,
  "remote.autoForwardPorts": false,
  "json.schemaDownload.enable": false,
  "npm.fetchOnlinePackageInfo": false,
  "typescript.disableAutomaticTypeAcquisition": true,
};

/** Unpacks a .vsix into a new folder of extensions, which any number of servers may use. */
export async function installExtension(vsix) {
  const { node, server } = locateWorkbench({ browser: false });
  const folder = makeFolder("tun-ext");
  const extensionsDir = join(folder, "x");
  const home = homeIn(folder);
  undoLater(() => killProcessesWith(home.mark));
  const args = [server, ...home.args, "--extensions-dir", extensionsDir, "--install-extension", vsix, "--force"];
  const result = await run(node, args, { env: home.env });
  if (result.code !== 0 || !/successfully installed/.test(result.stdout)) {
    throw new Failure(`VS Code does not install ${vsix}: ${lastLine(result.stderr || result.stdout)}.`);
  }
  return extensionsDir;
}

/**
 * Starts a server; resolves when it listens, to { port, folder, userDir, stateDir, child, log, urlOf, stop }.
 * Others may use a given state folder too, so the caller must end its daemon (endProcessesOf).
 */
export async function startWorkbenchServer({ extensionsDir, stateDir, settings = {}, locale, env = {} }) {
  const { node, server } = locateWorkbench({ browser: false });
  const folder = makeFolder("tun-vs");
  const home = homeIn(folder);
  const state = stateDir ?? join(folder, "state");
  // VS Code reads settings of the scope "machine" only from the second folder.
  for (const scope of ["User", "Machine"]) {
    mkdirSync(join(home.userDir, scope), { recursive: true });
    writeFileSync(join(home.userDir, scope, "settings.json"), JSON.stringify({ ...SETTINGS, ...settings }, undefined, 2));
  }
  if (locale !== undefined) pretendLanguagePack(home.userDir, locale);
  const args = [server, ...FLAGS, ...home.args, "--extensions-dir", extensionsDir, ...(locale === undefined ? [] : ["--locale", locale])];
  const child = spawnOwned(node, args, { env: { ...home.env, TUNNELD_STATE_DIR: state, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const forget = undoLater(() => {
    if (child.pid !== undefined) killAtOnce(-child.pid);
    killProcessesWith(home.mark);
    if (stateDir === undefined) killProcessesOf(state);
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      log = (log + text).slice(-65_536);
    });
  }
  child.once("error", (error) => {
    log += error.message;
  });
  const port = await listeningPort(child, () => log);
  return {
    ...{ port, folder, userDir: home.userDir, stateDir: state, child, log: () => log },
    // The workspace is a folder, or a file that names several folders.
    urlOf: (workspace) => `http://127.0.0.1:${port}/?${workspace.endsWith(".code-workspace") ? "workspace" : "folder"}=${encodeURI(workspace)}`,
    stop: async () => {
      await endChild(child);
      // The extension host and the file watcher are in the server's process group; the daemon and terminals aren't.
      forget();
      if (stateDir === undefined) await endProcessesOf(state);
      removeFolder(folder);
    },
  };
}

/** Replaces everything that the server looks for in the user's home and environment with a folder of ours. */
function homeIn(folder) {
  const path = (name) => join(folder, name);
  for (const name of ["h", "t", "r"]) mkdirSync(path(name), { recursive: true, mode: 0o700 });
  const foreign = /^(VSCODE_|ELECTRON_|CODE_SERVER_|CS_|XDG_|npm_|NODE_|TUNNELD_|PASSWORD$|HASHED_PASSWORD$|GITHUB_TOKEN$|PORT$|INIT_CWD$)/i;
  const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
  const folders = { HOME: path("h"), XDG_CONFIG_HOME: path("h/c"), XDG_DATA_HOME: path("h/d"), XDG_CACHE_HOME: path("h/k") };
  const mark = `TUNNELS_WORKBENCH=${folder}`;
  return {
    userDir: path("u"),
    // By this in their environment all processes of this server are found.
    mark,
    args: ["--config", path("config.yaml"), "--user-data-dir", path("u")],
    // Sockets come to lie in these two: their paths must be short.
    env: { ...kept, ...folders, XDG_RUNTIME_DIR: path("r"), TMPDIR: path("t"), EXTENSIONS_GALLERY: "{}", TUNNELS_WORKBENCH: folder },
  };
}

/** A language pack without texts: VS Code itself stays English, but extensions get the language and use their own texts. */
function pretendLanguagePack(userDir, locale) {
  const texts = join(userDir, "no-texts.json");
  writeFileSync(texts, JSON.stringify({ contents: {} }));
  const extensions = [{ extensionIdentifier: { id: "none.language-pack" }, version: "1.0.0" }];
  const pack = { hash: "none", extensions, translations: { vscode: texts }, label: locale };
  writeFileSync(join(userDir, "languagepacks.json"), JSON.stringify({ [locale]: pack }));
}

/** The port that the server has chosen, from its log: so another server can't be mistaken for it. */
async function listeningPort(child, log) {
  const deadline = performance.now() + STARTS_WITHIN_MS;
  while (child.pid !== undefined && child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
    const found = /HTTP server listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(log());
    if (found !== null) return Number(found[1]);
    await delay(20);
  }
  throw new Failure(`code-server does not start (${lastLine(log())}).`);
}
