/**
 * npm run build: makes the bundles in dist/ and installs the packages first if needed. By default it makes all bundles;
 * --if-stale makes only those whose sources changed; --watch makes them again after each change, with source maps.
 * `npm run check` finds type errors.
 */
import { build } from "./lib/build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { install } from "./lib/install.mjs";
import { say, step } from "./lib/output.mjs";
import { buildAndWatch } from "./lib/watch.mjs";

const OPTIONS = ["--if-stale", "--watch"];

await main(async () => {
  const args = process.argv.slice(2);
  if (args.includes("--help")) return say("npm run build [-- --if-stale | --watch]");
  const unknown = args.find((arg) => !OPTIONS.includes(arg));
  if (unknown !== undefined) throw new Failure(`Unknown option ${unknown}: there are --if-stale and --watch.`);
  await step("packages", install);
  if (args.includes("--watch")) return buildAndWatch();
  await step("build", () => build({ force: !args.includes("--if-stale") }));
});
