/**
 * Runs one test suite in a mocha process of its own and returns its reporter's counts. A process that dies without a
 * summary, or that stays alive long after its last test (a socket or timer was left open), has failed.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { say, yellow } from "./output.mjs";
import { makeFolder, removeFolder, spawnOwned } from "./own.mjs";
import { root } from "./project.mjs";

/** How long a process may run after its last test: it has exit handlers to run, perhaps on a busy machine. */
const LINGER_MS = 60_000;

/** The `*.test.ts` (or, once compiled, `*.test.js`) files of a folder, or of a single file's path. */
export function testFiles(path, ending = ".test.ts") {
  const whole = join(root, path);
  if (!existsSync(whole)) return [];
  if (path.endsWith(ending)) return [path];
  const entries = readdirSync(whole, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(ending));
  return files.map((entry) => relative(root, join(entry.parentPath, entry.name))).sort();
}

/**
 * Resolves to { passed, failed: [{ title, message, file }], skipped: [title], secondTry: [as failed] }.
 * `tries: 2` is for suites that drive programs that are not ours, on machines that others use too: a file with a failure
 * runs once more as a whole, because its tests build on one another. `secondTry` has the failures of the first run.
 */
export async function runMocha({ tries = 1, ...options }) {
  const first = await runOnce(options);
  const files = [...new Set(first.failed.map(({ file }) => file))];
  // A failure without a file is a fault of the whole process.
  if (tries === 1 || files.length === 0 || files.includes(undefined)) return { ...first, secondTry: [] };
  const again = files.map((file) => relative(root, file));
  say(yellow(`\n  Once more: ${again.join(", ")}`));
  const second = await runOnce({ ...options, files: again });
  const counted = files.reduce((sum, file) => sum + (first.passedIn[file] ?? 0), 0);
  return {
    passed: first.passed - counted + second.passed,
    failed: second.failed,
    skipped: [...new Set([...first.skipped, ...second.skipped])],
    secondTry: first.failed,
  };
}

async function runOnce({ name, files, timeoutMs, args = [] }) {
  const folder = makeFolder("tun-test");
  const summaryPath = join(folder, "summary.json");
  const command = [
    ...["--import", "tsx", join("node_modules", "mocha", "bin", "mocha.js"), "--no-config", "--no-package"],
    ...["--reporter", join(root, "scripts", "lib", "mocha-reporter.cjs"), "--reporter-option", `summary=${summaryPath}`],
    ...["--timeout", String(timeoutMs), "--slow", String(Math.min(timeoutMs / 4, 10_000)), ...(process.env.CI ? ["--forbid-only"] : [])],
    ...args,
    ...files,
  ];
  try {
    const child = spawnOwned(process.execPath, command, {
      cwd: root,
      detached: false,
      stdio: "inherit",
      lastSignal: "SIGTERM",
    });
    const { code, lingered } = await ending(child, summaryPath);
    return verdict({ name, code, lingered, summaryPath });
  } finally {
    removeFolder(folder);
  }
}

function ending(child, summaryPath) {
  return new Promise((resolve) => {
    let finishedAt;
    let lingered = false;
    const timer = setInterval(() => {
      if (finishedAt === undefined && existsSync(summaryPath)) finishedAt = Date.now();
      if (finishedAt !== undefined && Date.now() - finishedAt > LINGER_MS && !lingered) {
        lingered = true;
        child.kill("SIGTERM");
        setTimeout(() => child.kill("SIGKILL"), LINGER_MS).unref();
      }
    }, 250);
    const end = (code) => {
      clearInterval(timer);
      resolve({ code, lingered });
    };
    child.once("exit", (code, signal) => end(code ?? signal));
    child.once("error", () => end(127));
  });
}

function verdict({ name, code, lingered, summaryPath }) {
  const summary = existsSync(summaryPath) ? JSON.parse(readFileSync(summaryPath, "utf8")) : null;
  if (summary === null) {
    const title = `${name}: the test process ended early (${code})`;
    return { passed: 0, failed: [{ title, message: "its output above says why" }], skipped: [] };
  }
  if (lingered) {
    const message = "a socket, timer or child process was left open";
    summary.failed.push({ title: `${name}: the test process did not end after its last test`, message });
  } else if (code !== 0 && summary.failed.length === 0) {
    summary.failed.push({ title: `${name}: the test process failed (${code})`, message: "no test did" });
  }
  return summary;
}
