/**
 * What is handed out: the .vsix file by file. It needs no browser. That vsce has no warning is seen to where it is
 * called, in scripts/lib/package.mjs.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { packageExtension, packagePath } from "../../scripts/lib/package.mjs";
import { readZip } from "../support/zip.ts";

/** Our own limit. */
const MAX_BYTES = 1_000_000;

const WALKTHROUGH = ["config", "key", "open", "use"];

/** All files, as vsce names them. */
const CONTENT = [
  ...["[Content_Types].xml", "extension.vsixmanifest"],
  ...["package.json", "package.nls.json", "package.nls.zh-cn.json", "readme.md", "README.zh-CN.md", "changelog.md", "LICENSE.txt"].map(inside),
  ...["dist/extension.cjs", "dist/tunneld.cjs", "dist/tunnels.schema.json", "dist/THIRD-PARTY-NOTICES.txt", "images/icon.png"].map(inside),
  ...["l10n/bundle.l10n.json", "l10n/bundle.l10n.zh-cn.json"].map(inside),
  ...["approval.png", "diagnosis.png", "failure-with-cure.png", "mistake-underlined.png", "tunnels-open.png"].map((name) => inside(`docs/images/${name}`)),
  ...WALKTHROUGH.map((name) => inside(`walkthrough/${name}.svg`)),
];

/** The parts of package.json that name files. */
interface Manifest {
  readonly main: string;
  readonly icon: string;
  readonly l10n: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly contributes: {
    readonly jsonValidation: readonly { readonly url: string }[];
    readonly walkthroughs: readonly { readonly steps: readonly { readonly media: { readonly svg: string } }[] }[];
  };
}

describe("the extension's package", () => {
  let archive: Buffer;
  let files: ReadonlyMap<string, Buffer>;
  let manifest: Manifest;

  before(() => {
    archive = readFileSync(packagePath());
    files = readZip(archive);
    manifest = JSON.parse(text("package.json")) as Manifest;
  });

  function text(name: string): string {
    const file = files.get(inside(name));
    assert.ok(file, `${name} is in the package`);
    return file.toString("utf8");
  }

  it("has these files and no others", () => {
    assert.deepEqual([...files.keys()].sort(), [...CONTENT].sort());
  });

  it("has the same bytes when it is made again, after its files were touched, in another time zone and under another umask", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tun-"));
    const [zone, readme] = [process.env["TZ"], statSync("README.md")];
    try {
      process.env["TZ"] = zone === "Asia/Tokyo" ? "America/New_York" : "Asia/Tokyo";
      utimesSync("README.md", 1_000_000_000, 1_000_000_000);
      chmodSync("README.md", 0o664);
      const again = join(folder, "again.vsix");
      await packageExtension(again);
      assert.ok(readFileSync(again).equals(archive));
    } finally {
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
      utimesSync("README.md", readme.atime, readme.mtime);
      chmodSync("README.md", readme.mode);
      rmSync(folder, { recursive: true });
    }
  }).timeout(120_000);

  it("has the licence of every package whose code is in its programs", () => {
    const notices = text("dist/THIRD-PARTY-NOTICES.txt");
    const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly dependencies: Readonly<Record<string, string>> };
    // Packages that prom-client itself brings in.
    for (const name of [...Object.keys(dependencies), "tdigest", "bintrees", "@opentelemetry/api"]) {
      assert.match(notices, new RegExp(`^${name} \\d[\\w.-]* \\(\\S+\\)$`, "m"));
    }
    for (const words of [
      "Copyright (c) 2025 Colin McDonnell",
      "Permission is hereby granted, free of charge",
      "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION",
    ]) {
      assert.ok(notices.includes(words), words);
    }
  });

  it("is smaller than 1 MB", () => {
    assert.ok(archive.length < MAX_BYTES, `${archive.length} bytes`);
  });

  it("has every file that its package.json names, and none of them is empty", () => {
    const { contributes, main, icon, l10n, bin } = manifest;
    const media = contributes.walkthroughs.flatMap(({ steps }) => steps.map((step) => step.media.svg));
    assert.equal(media.length, WALKTHROUGH.length);
    const named = [main, icon, `${l10n}/bundle.l10n.json`, ...Object.values(bin), ...contributes.jsonValidation.map(({ url }) => url), ...media];
    const missing = named.filter((name) => (files.get(inside(name))?.length ?? 0) === 0);
    assert.deepEqual(missing, []);
  });

  it("has the text of every placeholder of its package.json, in English and in Chinese", () => {
    const wanted = [...text("package.json").matchAll(/"%([\w.]+)%"/g)].map(([, id]) => id ?? "");
    assert.ok(wanted.length > 0);
    for (const name of ["package.nls.json", "package.nls.zh-cn.json"]) {
      const texts = JSON.parse(text(name)) as Readonly<Record<string, string>>;
      const missing = wanted.filter((id) => !texts[id]);
      assert.deepEqual(missing, [], name);
    }
  });

  it("has an icon of the size that a marketplace wants", () => {
    const icon = files.get(inside(manifest.icon));
    assert.ok(icon);
    assert.equal(icon.toString("latin1", 1, 4), "PNG");
    // Width and height in the chunk IHDR: at least 128 by 128, says VS Code's documentation.
    const [width, height] = [icon.readUInt32BE(16), icon.readUInt32BE(20)];
    assert.ok(width >= 128 && width === height, `${width}x${height}`);
  });

  it("has no path from the machine that made it", () => {
    const folder = process.cwd();
    const telling = [...files].filter(([, bytes]) => bytes.includes(folder)).map(([name]) => name);
    assert.deepEqual(telling, []);
  });
});

function inside(name: string): string {
  return posix.join("extension", name);
}
