/**
 * npm run check: types (tsc), lint, layers, circles and format (biome), unused code (knip), and whether the linter's
 * rules for imports match the table of layers. It runs all checks even if one fails, shows the output of the failed
 * ones, and fails if any check failed.
 */
import { join } from "node:path";
import { main } from "./lib/failure.mjs";
import { install } from "./lib/install.mjs";
import { bold, duration, green, red, say, step } from "./lib/output.mjs";
import { run } from "./lib/own.mjs";
import { root } from "./lib/project.mjs";

const CHECKS = [
  { name: "tsc", args: ["-p", "."] },
  { name: "biome", args: ["check", "."] },
  { name: "knip", args: [] },
  { name: "layers", script: join(root, "scripts", "layers.mjs"), args: ["--check"] },
];

await main(async () => {
  await step("packages", install);
  const verdicts = await Promise.all(CHECKS.map(check));
  for (const { name, result } of verdicts) {
    if (result.code !== 0) say(`\n${bold(name)}\n${result.stdout}${result.stderr}`);
  }
  say();
  for (const { name, result, ms } of verdicts) {
    say(`  ${result.code === 0 ? green("✔") : red("✖")} ${name.padEnd(6)} ${duration(ms)}`);
  }
  const failed = verdicts.filter(({ result }) => result.code !== 0).map(({ name }) => name);
  say(failed.length === 0 ? "\ncheck: all passed" : `\ncheck: ${failed.join(", ")} failed`);
  return failed.length === 0 ? 0 : 1;
});

async function check({ name, script, args }) {
  const start = performance.now();
  const command = script === undefined ? [join(root, "node_modules", ".bin", name), args] : [process.execPath, [script, ...args]];
  const result = await run(...command, { cwd: root });
  return { name, result, ms: performance.now() - start };
}
