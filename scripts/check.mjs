/**
 * npm run check: the types (tsc), lint, layers and format (biome), and what nobody uses (knip). Runs all three even
 * if one fails, shows the output of those that did, and fails if any failed.
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

async function check({ name, args }) {
  const start = performance.now();
  const result = await run(join(root, "node_modules", ".bin", name), args, { cwd: root });
  return { name, result, ms: performance.now() - start };
}
