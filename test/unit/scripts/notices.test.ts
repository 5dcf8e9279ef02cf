/** Which packages' licences are included, and that none can be forgotten. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundledPackages, noticesOf } from "../../../scripts/lib/notices.mjs";

describe("the notices of third parties", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "tun-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function install(name: string, files: Readonly<Record<string, string>>): string {
    const folder = join("node_modules", name);
    mkdirSync(join(root, folder), { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(root, folder, file), text);
    return folder;
  }

  it("are those of packages that left code in a bundle, nested ones too, each once", () => {
    const inputs = {
      "daemon/main.ts": { bytesInOutput: 5 },
      "node_modules/a/x.js": { bytesInOutput: 5 },
      "node_modules/a/y.js": { bytesInOutput: 5 },
      "node_modules/a/node_modules/@s/b/z.js": { bytesInOutput: 5 },
      "../elsewhere/node_modules/@s/c/lib/z.js": { bytesInOutput: 5 },
      "node_modules/unused/z.js": { bytesInOutput: 0 },
    };
    assert.deepEqual(bundledPackages({ outputs: { "dist/x.cjs": { inputs } } }), [
      "../elsewhere/node_modules/@s/c",
      "node_modules/a",
      "node_modules/a/node_modules/@s/b",
    ]);
  });

  it("have the full licence and notice of each, always in the same order", () => {
    const folders = [
      install("b", { "package.json": `{"name":"b","version":"2.0.0","license":"Apache-2.0"}`, LICENSE: "Apache text\r\n", NOTICE: "b has code of c" }),
      install("a", { "package.json": `{"name":"a","version":"1.0.0","license":"MIT"}`, "License.md": "\uFEFFMIT text\n" }),
    ];
    const text = noticesOf(root, folders);
    assert.match(text, /^a 1\.0\.0 \(MIT\)\n=+\n\nMIT text\n(?:.*\n)*b 2\.0\.0 \(Apache-2\.0\)\n=+\n\nApache text\n\nb has code of c\n$/m);
    assert.equal(noticesOf(root, folders.reverse()), text);
  });

  for (const [what, files] of [
    ["has no licence file", { "package.json": `{"name":"a","version":"1.0.0","license":"MIT"}`, "README.md": "MIT" }],
    ["has an empty licence file", { "package.json": `{"name":"a","version":"1.0.0","license":"MIT"}`, LICENSE: "\n" }],
    ["names no licence", { "package.json": `{"name":"a","version":"1.0.0"}`, LICENSE: "text" }],
  ] as const) {
    it(`fail the build for a package that ${what}`, () => {
      assert.throws(() => noticesOf(root, [install("a", files)]), { name: "Failure", message: /^a 1\.0\.0 would be bundled/ });
    });
  }
});
