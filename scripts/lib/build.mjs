/**
 * Makes the bundles in dist/ with esbuild, when their sources changed. Both the sources and the result are hashed, so
 * an edited or half-written bundle is made again. A bundle is written under another name and renamed: two builds at
 * once don't break each other, and a running program keeps its file. The licences of the packages in the bundles are
 * written beside them (notices.mjs).
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "./failure.mjs";
import { bundledPackages, NOTICES, noticesOf } from "./notices.mjs";
import { readJson, root, scratch, sha256 } from "./project.mjs";

/** `optional`: left out as long as its entry does not exist. */
const BUNDLES = [
  {
    entry: "daemon/main.ts",
    out: "dist/tunneld.cjs",
    sources: ["shared", "daemon"],
    options: { banner: { js: "#!/usr/bin/env node" } },
    mode: 0o755,
  },
  {
    entry: "extension/extension.ts",
    out: "dist/extension.cjs",
    sources: ["shared", "daemon", "extension"],
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
    // Writes not the bundle itself but the schema that it makes: completion and hover for tunnels.json.
    render: ({ tunnelsJsonSchema }) => `${JSON.stringify(tunnelsJsonSchema(), null, 2)}\n`,
  },
];

/** The folders whose files bundles are made from. */
export const SOURCES = ["shared", "daemon", "extension"];

/** Builds what is stale (all of it with `force`); `forDebugging` adds source maps. Returns a detail for the step's line. */
export async function build({ force = false, forDebugging = false } = {}) {
  const present = BUNDLES.filter((bundle) => !bundle.optional || existsSync(join(root, bundle.entry)));
  const wanted = present.map((bundle) => (forDebugging && !bundle.render ? withSourceMap(bundle) : bundle));
  const stale = wanted.filter((bundle) => force || !isCurrent(bundle));
  for (const bundle of stale) await make(bundle);
  const made = stale.map(({ out }) => out);
  if (writeNotices(wanted)) made.push(NOTICES);
  return made.length === 0 ? "up to date" : made.join(", ");
}

async function make(bundle) {
  if (!existsSync(join(root, bundle.entry))) throw new Failure(`${bundle.entry} is missing: is this a whole clone?`);
  // Hashed before the sources are read: after an edit during the build the result counts as stale.
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
  // A rendered file contains none of the bundle's code.
  const packages = bundle.render ? [] : bundledPackages(result.metafile);
  writeWhole(stampOf(bundle), JSON.stringify({ inputs, output: sha256(contents), packages }), 0o644);
}

/** Writes the licences of the packages in these bundles, which must all be current; returns whether the file changed. */
function writeNotices(bundles) {
  const text = noticesOf(root, [...new Set(bundles.flatMap((bundle) => readStamp(bundle).packages))]);
  const path = join(root, NOTICES);
  if (existsSync(path) && readFileSync(path, "utf8") === text) return false;
  writeWhole(path, text, 0o644);
  return true;
}

function withSourceMap(bundle) {
  return { ...bundle, options: { ...bundle.options, sourcemap: "inline", sourcesContent: false } };
}

function optionsFor(bundle) {
  return {
    absWorkingDir: root,
    entryPoints: [bundle.entry],
    bundle: true,
    write: false,
    metafile: true,
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

/** The exports of an ESM bundle. */
function evaluate(contents) {
  return import(`data:text/javascript;base64,${Buffer.from(contents).toString("base64")}`);
}

function isCurrent(bundle) {
  try {
    const stamp = readStamp(bundle);
    return stamp.inputs === hashInputs(bundle) && stamp.output === sha256(readFileSync(join(root, bundle.out)));
  } catch {
    return false;
  }
}

function hashInputs(bundle) {
  const files = bundle.sources.flatMap(listFiles).sort();
  files.push("package.json", "package-lock.json", "scripts/lib/build.mjs");
  // Bundles with and without source maps differ.
  return sha256(String(bundle.options.sourcemap), "\0", ...files.flatMap((file) => [file, "\0", readFileSync(join(root, file)), "\0"]));
}

function listFiles(folder) {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

function readStamp(bundle) {
  return JSON.parse(readFileSync(stampOf(bundle), "utf8"));
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
