/**
 * npm run coverage: how much of daemon/ the unit and property tests run. Measured over the JavaScript that tsc emits
 * to build/ (over tsx, c8 counts functions wrongly) and shown by source file, through the source maps.
 */
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Failure, main } from "./lib/failure.mjs";
import { install } from "./lib/install.mjs";
import { testFiles } from "./lib/mocha.mjs";
import { step } from "./lib/output.mjs";
import { lastLine, run } from "./lib/own.mjs";
import { root } from "./lib/project.mjs";

/** Read by tests at run time, next to the compiled test: tsc does not copy them. */
const BESIDE = ["test/vectors", "scripts/lib", "package.json"];

await main(async () => {
  await step("packages", install);
  await step("compile", emit);
  const files = ["unit", "property"].flatMap((suite) => testFiles(join("build", "test", suite), ".test.js"));
  if (files.length === 0) throw new Failure("There is no test in test/unit or test/property: nothing to measure.");
  const c8 = [
    ...[join("node_modules", "c8", "bin", "c8.js"), "--clean", "--include", "build/daemon/**", "--exclude-after-remap=false"],
    ...["--all", "--src", "build/daemon", "--reporter", "text", "--reporter", "html", "--reporter", "json-summary"],
  ];
  const mocha = [join("node_modules", "mocha", "bin", "mocha.js"), "--no-config", "--no-package", "--timeout", "120000"];
  const result = await run(process.execPath, [...c8, process.execPath, ...mocha, "--reporter", "dot", ...files], {
    cwd: root,
    echo: true,
  });
  return result.code;
});

async function emit() {
  rmSync(join(root, "build"), { recursive: true, force: true });
  const tsc = join(root, "node_modules", ".bin", "tsc");
  const result = await run(tsc, ["-p", ".", "--noEmit", "false", "--outDir", "build", "--rootDir", ".", "--sourceMap"], { cwd: root });
  if (result.code !== 0) throw new Failure(`tsc failed (${lastLine(result.stdout)}): npm run check shows all of it.`);
  for (const path of BESIDE.filter((path) => existsSync(join(root, path)))) {
    cpSync(join(root, path), join(root, "build", path), { recursive: true });
  }
}
