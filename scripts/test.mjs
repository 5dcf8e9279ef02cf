/**
 * npm test: every suite, on a fresh clone with nothing but Node and npm. Installs the packages, builds, obtains Redis,
 * MariaDB, spiped and VS Code's workbench with a browser, runs each suite in a mocha process of its own and ends with
 * the line `N passed, N failed`. The exit code is 0 only if every suite ran that can run on this machine, at least one
 * test ran and none failed.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "./lib/build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { install } from "./lib/install.mjs";
import { runMocha, testFiles } from "./lib/mocha.mjs";
import { bold, duration, green, red, say, step, yellow } from "./lib/output.mjs";
import { packageExtension } from "./lib/package.mjs";
import { root } from "./lib/project.mjs";
import { provision } from "./lib/provision.mjs";
import { NotHere, provisionWorkbench } from "./lib/workbench.mjs";

const HELP = `npm test [-- SUITE|FILE ... [MOCHA OPTIONS]]

  npm test                            every suite
  npm test -- unit property           these suites: unit, property, integration, interop, workbench
  npm test -- test/unit/record.test.ts
  npm test -- unit --grep "half-close"  anything from the first option on goes to mocha

TUNNELS_CODE_SERVER=…/out/node/entry.js runs the workbench's tests in another code-server, on this Node.js; 4.100.3 is VS
Code 1.100, the oldest that is supported. TUNNELS_TOOLS=unpack uses Redis, MariaDB and spiped unpacked into the cache folder even if they are installed.`;

/**
 * The timeout is for each test and ends tests that hang: a test that waits in vain fails by itself after two minutes, and
 * a busy machine may need many times longer than an idle one. `tries`: see runMocha; a failed file of a suite that works
 * with servers, processes or a browser runs once more, and the summary names the failures of the first run.
 */
const SUITES = [
  { name: "unit", timeoutMs: 180_000, needs: [] },
  { name: "property", timeoutMs: 300_000, needs: [] },
  { name: "integration", timeoutMs: 300_000, needs: ["servers"], tries: 2 },
  { name: "interop", timeoutMs: 300_000, needs: ["servers"], tries: 2 },
  { name: "workbench", timeoutMs: 600_000, needs: ["servers", "workbench", "package"], tries: 2 },
];

/** What a suite may need, and how to obtain it. If one need is missing, the suites that don't need it still run. */
const NEEDS = {
  servers: { label: "Redis, MariaDB, spiped", obtain: provision },
  workbench: { label: "VS Code's workbench, Chromium", obtain: provisionWorkbench },
  package: { label: "extension package", obtain: packageExtension },
};

/** Our choice: how many lines of a failure's message the summary repeats. */
const MESSAGE_LINES = 20;

await main(async () => {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) return say(HELP);
  const firstOption = args.findIndex((arg) => arg.startsWith("-"));
  const names = firstOption === -1 ? args : args.slice(0, firstOption);
  const mochaArgs = firstOption === -1 ? [] : args.slice(firstOption);
  const runs = names.length === 0 ? SUITES.map(wholeSuite) : names.map(chosen);
  const start = performance.now();

  say(bold("Setting up"));
  const unready = await setUp(runs);
  const results = [];
  for (const { suite, files } of runs) {
    say(`\n${bold(suite.name)}  ${files.length} ${files.length === 1 ? "file" : "files"}`);
    results.push({ suite, files, ...(await runSuite({ suite, files, obstacle: obstacleOf(suite, unready), mochaArgs })) });
  }
  return summarize(results, start);
});

function wholeSuite(suite) {
  return { suite, files: testFiles(join("test", suite.name)) };
}

function chosen(name) {
  // The suite's old name.
  const wanted = name === "extension" ? "workbench" : name;
  const suite = SUITES.find((candidate) => candidate.name === wanted);
  if (suite !== undefined) return wholeSuite(suite);
  const path = name.replace(/^\.\//, "").replace(/\/$/, "");
  const owner = SUITES.find((candidate) => path.startsWith(`test/${candidate.name}/`));
  if (owner === undefined || !existsSync(join(root, path))) {
    const known = SUITES.map((candidate) => candidate.name).join(", ");
    throw new Failure(`There is no suite or test file "${name}": the suites are ${known}, and a file is test/SUITE/….test.ts.`);
  }
  return { suite: owner, files: testFiles(path) };
}

/** Returns the errors of the needs that could not be obtained, by the name of the need. */
async function setUp(runs) {
  await step("packages", install);
  await step("build", build);
  const unready = new Map();
  const needed = new Set(runs.flatMap(({ suite, files }) => (files.length === 0 ? [] : suite.needs)));
  for (const [need, { label, obtain }] of Object.entries(NEEDS).filter(([name]) => needed.has(name))) {
    try {
      await step(label, () => obtain());
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      say((error instanceof NotHere ? yellow : red)(`  ${error.message}`));
      unready.set(need, error);
    }
  }
  return unready;
}

/** Why the suite can't run, or undefined. A failed set-up counts before a need that this machine can't have. */
function obstacleOf(suite, unready) {
  const errors = suite.needs.map((need) => unready.get(need)).filter((error) => error !== undefined);
  return errors.find((error) => !(error instanceof NotHere)) ?? errors[0];
}

async function runSuite({ suite, files, obstacle, mochaArgs }) {
  if (files.length === 0) return { passed: 0, failed: [], skipped: [] };
  if (obstacle instanceof NotHere) return { passed: 0, failed: [], skipped: [`${suite.name}: ${obstacle.message}`] };
  if (obstacle !== undefined) return { passed: 0, failed: [{ title: `${suite.name}: not run`, message: obstacle.message }], skipped: [] };
  const { name, timeoutMs, tries } = suite;
  return runMocha({ name, files, timeoutMs, args: mochaArgs, ...(tries !== undefined && { tries }) });
}

function summarize(results, start) {
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.flatMap((result) => result.failed);
  const skipped = results.flatMap((result) => result.skipped);
  const secondTry = results.flatMap((result) => result.secondTry ?? []);
  say(`\n${bold("Summary")}  ${duration(performance.now() - start)}`);
  for (const result of results) {
    const mark = result.failed.length > 0 ? red("✖") : result.passed > 0 ? green("✔") : yellow("–");
    const none = result.files.length === 0 ? "  skipped: it has no test files" : "";
    say(`  ${mark} ${result.suite.name.padEnd(12)} ${counts(result.passed, result.failed, result.skipped)}${none}`);
  }
  for (const title of skipped) say(`  ${yellow("skipped")} ${title}`);
  for (const { title, message } of secondTry) say(`  ${yellow("failed at first")} ${title}\n${indented(message)}`);
  for (const { title, message } of failed) say(`  ${red("failed")} ${title}\n${indented(message)}`);
  if (passed + failed.length === 0) say(red("  No test ran."));
  say(`\n${counts(passed, failed, skipped)}`);
  return failed.length > 0 || passed === 0 ? 1 : 0;
}

function counts(passed, failed, skipped) {
  const tail = skipped.length > 0 ? `, ${skipped.length} skipped` : "";
  return `${passed} passed, ${failed.length} failed${tail}`;
}

/** The first lines of a message: a difference between two values has several lines, and the first line names neither value. */
function indented(message) {
  return message
    .split("\n", MESSAGE_LINES)
    .map((line) => `         ${line}`)
    .join("\n");
}
