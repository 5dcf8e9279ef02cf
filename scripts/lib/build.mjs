/**
 * Makes the bundles in dist/ with esbuild, when their sources changed. What a bundle was made from and what came out
 * are both hashed, so an edited or half-written bundle is made again. A bundle is written under another name and
 * renamed: two builds at once don't break one another, and a program that is running keeps its file.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "./failure.mjs";
import { readJson, root, scratch, sha256 } from "./project.mjs";

/** `optional`: left out as long as its entry does not exist. */
const BUNDLES = [
  {
    entry: "daemon/main.ts",
    out: "dist/tunneld.cjs",
    sources: ["daemon", "shared"],
    options: { banner: { js: "#!/usr/bin/env node" } },
    mode: 0o755,
  },
  {
    entry: "extension/extension.ts",
    out: "dist/extension.cjs",
    sources: ["daemon", "shared", "extension"],
    options: { external: ["vscode"] },
    mode: 0o644,
    optional: true,
  },
  {
    entry: "shared/contract/json-schema.ts",
    out: "dist/tunnels.schema.json",
    sources: ["shared"],
    options: { format: "esm" },
    mode: 0o644,
    // Not the bundle itself but what it makes: completion and hover for tunnels.json.
    render: ({ tunnelsJsonSchema }) => `${JSON.stringify(tunnelsJsonSchema(), null, 2)}\n`,
  },
];

/** Builds what is stale (all of it with `force`); returns a detail for the step's line. */
export async function build({ force = false } = {}) {
  const wanted = BUNDLES.filter((bundle) => !bundle.optional || existsSync(join(root, bundle.entry)));
  const stale = wanted.filter((bundle) => force || !isCurrent(bundle));
  for (const bundle of stale) await make(bundle);
  return stale.length === 0 ? "up to date" : stale.map(({ out }) => out).join(", ");
}

async function make(bundle) {
  if (!existsSync(join(root, bundle.entry))) throw new Failure(`${bundle.entry} is missing: is this a whole clone?`);
  // Taken before the sources are read: an edit during the build makes the result stale, not silently current.
  const inputs = hashInputs(bundle);
  const esbuild = await import("esbuild");
  const result = await esbuild.build(optionsFor(bundle)).catch((error) => {
    const first = error.errors?.[0];
    const place = first?.location ? `${first.location.file}:${first.location.line}: ` : "";
    throw new Failure(`${bundle.out} can't be built: ${place}${first?.text ?? error.message}.`);
  });
  for (const warning of await esbuild.formatMessages(result.warnings, { kind: "warning" })) process.stderr.write(warning);
  const [{ contents: bundled }] = result.outputFiles;
  const contents = bundle.render ? bundle.render(await evaluate(bundled)) : bundled;
  writeWhole(join(root, bundle.out), contents, bundle.mode);
  writeWhole(stampOf(bundle), JSON.stringify({ inputs, output: sha256(contents) }), 0o644);
}

function optionsFor(bundle) {
  return {
    absWorkingDir: root,
    entryPoints: [bundle.entry],
    bundle: true,
    write: false,
    outfile: bundle.out,
    platform: "node",
    format: "cjs",
    target: "node20",
    // jsonc-parser's UMD build breaks when bundled: prefer ES modules.
    mainFields: ["module", "main"],
    legalComments: "none",
    logLevel: "silent",
    define: { "process.env.TUNNELD_BUILD_VERSION": JSON.stringify(readJson("package.json").version) },
    ...bundle.options,
  };
}

/** The exports of a bundle in ESM. */
function evaluate(contents) {
  return import(`data:text/javascript;base64,${Buffer.from(contents).toString("base64")}`);
}

function isCurrent(bundle) {
  try {
    const stamp = JSON.parse(readFileSync(stampOf(bundle), "utf8"));
    return stamp.inputs === hashInputs(bundle) && stamp.output === sha256(readFileSync(join(root, bundle.out)));
  } catch {
    return false;
  }
}

function hashInputs(bundle) {
  const files = bundle.sources.flatMap(listFiles).sort();
  files.push("package.json", "package-lock.json", "scripts/lib/build.mjs");
  return sha256(...files.flatMap((file) => [file, "\0", readFileSync(join(root, file)), "\0"]));
}

function listFiles(folder) {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

function stampOf(bundle) {
  return join(scratch, "build", `${bundle.out.replaceAll("/", "-")}.stamp`);
}

function writeWhole(path, contents, mode) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, contents);
    chmodSync(temporary, mode);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}
