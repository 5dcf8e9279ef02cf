/** npm run package: builds what is stale and makes the extension's package, dist/encrypted-tunnels-VERSION.vsix. */
import { build } from "./lib/build.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { install } from "./lib/install.mjs";
import { say, step } from "./lib/output.mjs";
import { packageExtension } from "./lib/package.mjs";

await main(async () => {
  const args = process.argv.slice(2);
  if (args.includes("--help")) return say("npm run package");
  if (args.length > 0) throw new Failure(`Unknown option ${args[0]}: there is none but --help.`);
  await step("packages", install);
  await step("build", build);
  await step("extension package", packageExtension);
});
