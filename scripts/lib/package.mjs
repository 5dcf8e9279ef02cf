/**
 * Makes dist/encrypted-tunnels-VERSION.vsix with vsce, from what .vscodeignore lets in. There is no public repository
 * whose address could stand in package.json: hence no rewriting of the README's relative links, and no warning about
 * it. Any warning that vsce does print is a failure, and so is a package that is far larger than it should be.
 */
import { renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.mjs";
import { lastLine, run } from "./own.mjs";
import { readJson, root } from "./project.mjs";

const MAX_BYTES = 1_000_000;
const FLAGS = ["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "--no-yarn"];

/** Where the package is once it has been made. */
export function packagePath() {
  const { name, version } = readJson("package.json");
  return join(root, "dist", `${name}-${version}.vsix`);
}

/** Packages what `build` made; returns a detail for the step's line. */
export async function packageExtension() {
  const path = packagePath();
  // Another run may be installing the one that is there: it is replaced whole.
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const vsce = join(root, "node_modules", "@vscode", "vsce", "vsce");
    // On GitHub's machines vsce prints its warnings in another form.
    const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", GITHUB_ACTIONS: "" };
    const result = await run(process.execPath, [vsce, "package", ...FLAGS, "--out", temporary], { cwd: root, env });
    const output = result.stdout + result.stderr;
    if (result.code !== 0) throw new Failure(`vsce can't package the extension: ${firstWith("ERROR", output) ?? lastLine(output)}`);
    const warning = firstWith("WARNING", output);
    if (warning !== undefined) throw new Failure(`vsce warns about the extension: ${warning}`);
    const { size } = statSync(temporary);
    if (size > MAX_BYTES) throw new Failure(`The extension's package has ${size} bytes, more than ${MAX_BYTES}: see .vscodeignore.`);
    renameSync(temporary, path);
    return `${path.slice(root.length + 1)}, ${Math.round(size / 1024)} KiB`;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function firstWith(mark, output) {
  return output
    .split("\n")
    .find((line) => line.includes(mark))
    ?.replace(mark, "")
    .trim();
}
