/** Comments and documents name only files that exist. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Names in texts that mean a file of another project, or a file that a test makes. */
const MADE_UP: readonly string[] = ["test/support/lifecycle/NAME.ts", "stub.mjs", "readme.md", "changelog.md", "License.md"];

/** A path with one of our file endings, outside of an import. */
const PATH = /(?<![\w/.$*{-])((?:[\w.-]+\/)*[\w-]+\.(?:ts|mjs|md))(?![\w(-])/g;

/** A relative link of Markdown, without its heading. */
const LINK = /\]\((?!\w+:|#)([^)#\s]+)/g;

function tracked(): string[] {
  try {
    return execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8", stdio: "pipe" })
      .split("\n")
      .filter((path) => path !== "" && existsSync(join(root, path)));
  } catch {
    return [];
  }
}

describe("the names of files in comments and documents", () => {
  const files = tracked();
  const ends = new Set(files.flatMap((path) => path.split("/").map((_, index, parts) => parts.slice(index).join("/"))));

  it("are of files that exist", function () {
    if (files.length === 0) this.skip(); // Not a clone, so there is no list of files.
    const lost = files
      .filter((path) => /\.(ts|mts|mjs|cjs|md)$/.test(path) && !path.startsWith("test/vectors/") && !path.startsWith("test/unit/scripts/"))
      .flatMap((path) => {
        const text = readFileSync(join(root, path), "utf8")
          .replace(/^import .*$/gm, "")
          .replace(/"\.\.?\/[^"]*"/g, "")
          .replace(LINK, "");
        return [...text.matchAll(PATH)].flatMap(([, name = ""]) => (ends.has(name) || MADE_UP.includes(name) ? [] : [`${path}: ${name}`]));
      });
    assert.deepEqual(lost, []);
  });

  it("are of files that exist in links, too", function () {
    if (files.length === 0) this.skip();
    const broken = files
      .filter((path) => path.endsWith(".md"))
      .flatMap((path) =>
        [...readFileSync(join(root, path), "utf8").matchAll(LINK)]
          .map(([, link = ""]) => posix.normalize(posix.join(posix.dirname(path), decodeURI(link))))
          .filter((target) => !existsSync(join(root, target)))
          .map((target) => `${path}: ${target}`),
      );
    assert.deepEqual(broken, []);
  });
});
