/** The rules of the layers and the ban on circles work: each rule is broken on purpose in a copy of the tree, and the linter must report it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { ENTRIES, LAYERS, RESERVED, rowOf } from "../../../scripts/lib/layers.mjs";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const ROWS = Object.keys(LAYERS);

/** A file for a row: the row's own file, or a file in its folder. */
function fileIn(row: string, name: string): string {
  return row.endsWith(".ts") ? row : `${row}/${name}.ts`;
}

function specifier(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to);
  return path.startsWith(".") ? path : `./${path}`;
}

/** Lints these files with the project's own rules; `path:line` of each error of `rule`. */
function offenders(files: ReadonlyMap<string, string>, rule: string): string[] {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "tun-layers-")));
  try {
    const { vcs: _, $schema: __, ...config } = JSON.parse(readFileSync(join(root, "biome.json"), "utf8"));
    writeFileSync(join(folder, "biome.json"), JSON.stringify(config));
    for (const [path, text] of files) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
    const args = [biome, "lint", `--only=${rule}`, "--reporter=github", "--max-diagnostics=none", "."];
    let output: string;
    try {
      output = execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8", stdio: "pipe", maxBuffer: 64 * 1024 * 1024 });
    } catch (error) {
      output = (error as { readonly stdout: string }).stdout;
    }
    return [
      ...new Set(
        [...output.matchAll(/^::error title=lint\/[^,]*,file=([^,]+),line=(\d+)/gm)].map(([, path = "", line]) => `${relative(folder, path)}:${line}`),
      ),
    ].sort();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("the layers", () => {
  it("let each row import the places in its line, and none of our other files", () => {
    const files = new Map<string, string>();
    const wrong: string[] = [];
    for (const row of ROWS) {
      const path = fileIn(row, "deliberate");
      const others = [...ROWS, ...ENTRIES].filter((other) => other !== row);
      files.set(path, others.map((other, index) => `import { it${index} } from "${specifier(path, fileIn(other, "thing"))}";\n`).join(""));
      for (const [index, other] of others.entries()) if (!LAYERS[row]?.includes(other)) wrong.push(`${path}:${index + 1}`);
    }
    assert.deepEqual(offenders(files, "style/noRestrictedImports"), wrong.sort());
  });

  it("keep reserved modules where they belong", () => {
    for (const { modules, within, except } of RESERVED) {
      const files = new Map<string, string>();
      const wrong: string[] = [];
      modules.forEach((module, index) => {
        const name = module.replace("**", "deep/er").replace("*", "thing");
        for (const place of [within, `${within}/deeper`, ...ROWS.filter((row) => row.startsWith(`${within}/`) && !row.endsWith(".ts"))]) {
          const path = `${place}/deliberate-${index}.ts`;
          files.set(path, `import { it } from "${name}";\n`);
          if (!except.some((other) => path.startsWith(`${other}/`))) wrong.push(`${path}:1`);
        }
        for (const other of except) if (other.endsWith(".ts")) files.set(other, `import { it } from "${name}";\n`);
      });
      assert.deepEqual(offenders(files, "style/noRestrictedImports"), wrong.sort(), within);
    }
  });

  it("allow no circle, not even one of types", () => {
    const circle = new Map([
      ["daemon/proxy/one.ts", 'import type { Two } from "./two.ts";\nexport type One = Two[];\n'],
      ["daemon/proxy/two.ts", 'import type { One } from "./one.ts";\nexport type Two = One[];\n'],
      ["daemon/proxy/three.ts", 'import type { One } from "./one.ts";\nexport type Three = One[];\n'],
    ]);
    assert.deepEqual(offenders(circle, "suspicious/noImportCycles"), ["daemon/proxy/one.ts:1", "daemon/proxy/two.ts:1"]);
  });

  it("have a row for every file of the daemon and the extension", () => {
    const homeless = ["shared", "daemon", "extension"]
      .flatMap((top) =>
        readdirSync(join(root, top), { recursive: true, encoding: "utf8" }).map((name) =>
          relative(root, join(root, top, name))
            .split(sep)
            .join("/"),
        ),
      )
      .filter((path) => path.endsWith(".ts") && rowOf(path) === undefined && !ENTRIES.includes(path));
    assert.deepEqual(homeless, []);
  });
});
