/**
 * npm run coverage: how much of shared/ and daemon/ the unit and property tests run; fails where a folder has less of
 * its branches run than it must. Measured over the JavaScript that tsc emits to build/ (over tsx, c8 counts functions
 * wrongly) and shown by source file, through the source maps.
 */
import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Failure, main } from "./lib/failure.mjs";
import { install } from "./lib/install.mjs";
import { testFiles } from "./lib/mocha.mjs";
import { bold, red, say, step } from "./lib/output.mjs";
import { lastLine, run } from "./lib/own.mjs";
import { root } from "./lib/project.mjs";

/** Not copied to build/: what is made, and what is only looked at by people. */
const LEFT_OUT = new Set(["node_modules", "build", "coverage", "dist", ".cache", ".git"]);

/** The share of branches that must be run, in percent: where a branch that nobody runs could cost a user data or a key. */
const BRANCHES = { "daemon/protocol": 90, "daemon/crypto": 90, "daemon/proxy": 90, "daemon/rpc": 90, "daemon/keys": 90 };

await main(async () => {
  await step("packages", install);
  await step("compile", emit);
  const files = ["unit", "property"].flatMap((suite) => testFiles(join("build", "test", suite), ".test.js"));
  if (files.length === 0) throw new Failure("There is no test in test/unit or test/property: nothing to measure.");
  const c8 = [
    ...[join("node_modules", "c8", "bin", "c8.js"), "--clean", "--include", "build/{shared,daemon}/**", "--extension", ".js", "--exclude-after-remap=false"],
    ...["--all", "--src", "build/shared", "--src", "build/daemon", "--reporter", "text", "--reporter", "html", "--reporter", "json-summary"],
  ];
  const mocha = [join("node_modules", "mocha", "bin", "mocha.js"), "--no-config", "--no-package", "--timeout", "600000"];
  const result = await run(process.execPath, [...c8, process.execPath, ...mocha, "--reporter", "dot", ...files], {
    cwd: root,
    echo: true,
  });
  const lacking = judge();
  for (const line of lacking) say(red(`  ${line}`));
  return result.code === 0 && lacking.length > 0 ? 1 : result.code;
});

/** Says how much of each folder's branches was run; returns what is too little. */
function judge() {
  const files = Object.entries(JSON.parse(readFileSync(join(root, "coverage", "coverage-summary.json"), "utf8")));
  say(bold("\nBranches by folder"));
  return Object.entries(BRANCHES).flatMap(([folder, least]) => {
    const counts = files.filter(([path]) => path.includes(`/${folder}/`)).map(([, { branches }]) => branches);
    if (counts.length === 0) return [`${folder}: not measured`];
    const [covered, total] = ["covered", "total"].map((name) => counts.reduce((sum, count) => sum + count[name], 0));
    const percent = (100 * covered) / total;
    say(`  ${folder.padEnd(16)} ${percent.toFixed(1)} % (${covered} of ${total}; at least ${least} %)`);
    return percent < least ? [`${folder}: ${percent.toFixed(1)} % of its branches, at least ${least} % must be run`] : [];
  });
}

async function emit() {
  rmSync(join(root, "build"), { recursive: true, force: true });
  const tsc = join(root, "node_modules", ".bin", "tsc");
  const result = await run(tsc, ["-p", ".", "--noEmit", "false", "--outDir", "build", "--rootDir", ".", "--sourceMap"], { cwd: root });
  if (result.code !== 0) throw new Failure(`tsc failed (${lastLine(result.stdout)}): npm run check shows all of it.`);
  // Tests read documents and sources by their paths, and start some of these: build/ is the whole tree, and JavaScript beside it.
  for (const name of readdirSync(root).filter((name) => !LEFT_OUT.has(name))) {
    cpSync(join(root, name), join(root, "build", name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(root, "build", "node_modules"), "junction");
}
