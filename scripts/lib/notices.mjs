/**
 * dist/THIRD-PARTY-NOTICES.txt: the full licences of the packages inside the bundles, as MIT and Apache-2.0 require
 * (Apache-2.0 requires a NOTICE file as well). The list of packages comes from esbuild's output, not from package.json.
 * A package without a licence's text fails the build.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.mjs";

/** Where the notices are, beside the bundles. */
export const NOTICES = "dist/THIRD-PARTY-NOTICES.txt";

const LICENCE = /^(?:licen[cs]e|copying)(?:[-.].*)?$/i;
/** A package's own notices of third parties, and the file that Apache-2.0 (4d) requires to be kept. */
const NOTICE = /^(?:notice|third-?party-?notices?)(?:[-.].*)?$/i;
const RULE = "=".repeat(80);

/** The folders of packages whose code is in an output of esbuild, relative to its working folder, sorted. */
export function bundledPackages({ outputs }) {
  const files = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
  );
  const folders = files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

/**
 * The text for packages in these folders of `root`: each package once, by name and version.
 * Throws a Failure for one without a licence's text.
 */
export function noticesOf(root, folders) {
  const packages = folders.map((folder) => describe(join(root, folder)));
  const byTitle = new Map(packages.map((one) => [one.title, one]));
  const sorted = [...byTitle.values()].sort((one, other) => (one.title < other.title ? -1 : 1));
  const head = "This product contains the following packages, each under its own licence.\n";
  return [head, ...sorted.map(({ title, licence, texts }) => `${RULE}\n${title} (${licence})\n${RULE}\n\n${texts.join("\n\n")}\n`)].join("\n");
}

function describe(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const title = `${name} ${version}`;
  const names = readdirSync(folder).sort();
  const [licences, notices] = [LICENCE, NOTICE].map((pattern) => names.filter((file) => pattern.test(file)).map((file) => textOf(join(folder, file))));
  if (!licences.some((text) => text !== "")) throw new Failure(`${title} would be bundled, but its package has no text of a licence: it can't be handed out.`);
  if (typeof license !== "string") throw new Failure(`${title} would be bundled, but its package.json names no licence.`);
  return { title, licence: license, texts: [...licences, ...notices].filter((text) => text !== "") };
}

/** A file's text in one form: some files have a byte order mark, CR LF or no final line end. */
function textOf(file) {
  return readFileSync(file, "utf8")
    .replace(/^\uFEFF/, "")
    .replaceAll("\r\n", "\n")
    .replace(/^\s*\n/, "")
    .trimEnd();
}
