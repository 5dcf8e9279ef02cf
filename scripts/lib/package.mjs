/**
 * Makes dist/encrypted-tunnels-VERSION.vsix with vsce, from the files that .vscodeignore lets in. There is no public
 * repository whose address could be in package.json, so vsce must neither rewrite the README's relative links nor warn
 * about the missing address. Any warning from vsce is a failure, and so is a package that is far too large. The same
 * sources give the same bytes, whenever and wherever they are packaged.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.mjs";
import { lastLine, run } from "./own.mjs";
import { readJson, root } from "./project.mjs";
import { evenModes } from "./zip-modes.mjs";

const MAX_BYTES = 1_000_000;
const FLAGS = ["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "--no-yarn"];

/** For sources without git: the start of 2026, as zip has nothing before 1980. */
const NO_COMMIT = "1767225600";

/** Where the package is once it has been made. */
export function packagePath() {
  const { name, version } = readJson("package.json");
  return join(root, "dist", `${name}-${version}.vsix`);
}

/** Packages the result of `build` to `path`; returns a detail for the step's line. */
export async function packageExtension(path = packagePath()) {
  // Another run may be installing the existing package, so it is replaced as a whole.
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const vsce = join(root, "node_modules", "@vscode", "vsce", "vsce");
    // On GitHub's machines vsce would print its warnings in another form.
    const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", GITHUB_ACTIONS: "", ...(await sameEverywhere()) };
    const result = await run(process.execPath, [vsce, "package", ...FLAGS, "--out", temporary], { cwd: root, env });
    const output = result.stdout + result.stderr;
    if (result.code !== 0) throw new Failure(`vsce can't package the extension: ${firstWith("ERROR", output) ?? lastLine(output)}`);
    const warning = firstWith("WARNING", output);
    if (warning !== undefined) throw new Failure(`vsce warns about the extension: ${warning}`);
    const archive = readFileSync(temporary);
    evenModes(archive);
    writeFileSync(temporary, archive);
    const size = archive.length;
    if (size > MAX_BYTES) throw new Failure(`The extension's package has ${size} bytes, more than ${MAX_BYTES}: see .vscodeignore.`);
    renameSync(temporary, path);
    return `${path.slice(root.length + 1)}, ${Math.round(size / 1024)} KiB`;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * The variables that fix the files' times and order in vsce (https://reproducible-builds.org/specs/source-date-epoch/):
 * the time of the last commit unless another is given, in UTC, because a zip archive has local times.
 */
async function sameEverywhere() {
  const given = process.env.SOURCE_DATE_EPOCH;
  const commit = given ? undefined : await run("git", ["log", "-1", "--format=%ct"], { cwd: root });
  const seconds = given || (commit?.code === 0 && /^\d+$/m.exec(commit.stdout)?.[0]) || NO_COMMIT;
  return { SOURCE_DATE_EPOCH: seconds, TZ: "UTC", LC_ALL: "C" };
}

function firstWith(mark, output) {
  return output
    .split("\n")
    .find((line) => line.includes(mark))
    ?.replace(mark, "")
    .trim();
}
