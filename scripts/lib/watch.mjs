/**
 * npm run build -- --watch: makes the bundles, with source maps, and again after each change of a source, until Ctrl-C. A
 * fault in a source is printed as `file:line: text`, and the watch goes on. .vscode/tasks.json waits for the lines
 * "building" and "built".
 */
import { watch } from "node:fs";
import { join } from "node:path";
import { build, SOURCES } from "./build.mjs";
import { Failure } from "./failure.mjs";
import { say } from "./output.mjs";
import { root } from "./project.mjs";

/** When an editor saves a file, several changes are reported in a row. */
const SETTLE_MS = 100;

/** Resolves at SIGINT or SIGTERM. */
export async function buildAndWatch() {
  let timer;
  let running = Promise.resolve();
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = running.then(buildOnce);
    }, SETTLE_MS);
  };
  const watchers = SOURCES.map((folder) => watch(join(root, folder), { recursive: true }, again));
  await buildOnce();
  await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, resolve);
  });
  clearTimeout(timer);
  for (const watcher of watchers) watcher.close();
  await running;
}

async function buildOnce() {
  say("building");
  try {
    say(`built ${await build({ forDebugging: true })}`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(error.message);
    say("built nothing");
  }
}
