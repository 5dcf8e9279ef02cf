/**
 * npm run layers: writes the linter's rules for imports (biome.json) from the table in lib/layers.mjs.
 * With --check it writes nothing, and fails when the rules in biome.json differ from the table.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { main } from "./lib/failure.mjs";
import { lintOverrides } from "./lib/layers.mjs";
import { say } from "./lib/output.mjs";
import { lastLine, run } from "./lib/own.mjs";
import { root } from "./lib/project.mjs";

await main(async () => {
  const path = join(root, "biome.json");
  const config = JSON.parse(readFileSync(path, "utf8"));
  const others = config.overrides.filter(({ linter }) => !linter?.rules?.style?.noRestrictedImports);
  const overrides = [...lintOverrides(), ...others];
  if (process.argv.includes("--check")) {
    if (isDeepStrictEqual(overrides, config.overrides)) return 0;
    say("biome.json has other rules for imports than scripts/lib/layers.mjs: npm run layers writes them.");
    return 1;
  }
  writeFileSync(path, `${JSON.stringify({ ...config, overrides }, null, 2)}\n`);
  const { code, stdout, stderr } = await run(join(root, "node_modules", ".bin", "biome"), ["format", "--write", path], { cwd: root });
  if (code !== 0) say(lastLine(stderr || stdout));
  return code;
});
