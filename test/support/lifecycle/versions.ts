/**
 * Bundles one program with other version numbers, each in its own file.
 */
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Bundles `entry` (relative to the project's root) as `version` into the folder; returns the bundle's path. */
export function bundleVersion(entry: string, { version, folder }: { readonly version: string; readonly folder: string }): string {
  const outfile = path.join(folder, `${path.basename(entry, ".ts")}-${version}.cjs`);
  buildSync({
    ...{ absWorkingDir: ROOT, entryPoints: [entry], outfile, bundle: true, platform: "node", format: "cjs", target: "node20", logLevel: "error" },
    mainFields: ["module", "main"],
    define: { "process.env.TUNNELD_BUILD_VERSION": JSON.stringify(version) },
  });
  return outfile;
}
