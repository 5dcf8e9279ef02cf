/**
 * npm run build: makes the bundles in dist/ (all of them; --if-stale only those whose sources changed), after
 * installing the packages if need be. Type errors are the business of `npm run check`.
 */
import { build } from "./lib/build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { install } from "./lib/install.mjs";
import { say, step } from "./lib/output.mjs";

await main(async () => {
  const args = process.argv.slice(2);
  if (args.includes("--help")) return say("npm run build [-- --if-stale]");
  const unknown = args.find((arg) => arg !== "--if-stale");
  if (unknown !== undefined) throw new Failure(`Unknown option ${unknown}: there is only --if-stale.`);
  await step("packages", install);
  await step("build", () => build({ force: !args.includes("--if-stale") }));
});
