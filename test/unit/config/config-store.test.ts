/** Configuration files on a disk: read once, watched with the key files that they name, released. */
import assert from "node:assert/strict";
import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigStore } from "../../../daemon/config/config-store.ts";
import type { ParsedConfig } from "../../../shared/contract/config-text.ts";
import { scratchFolder } from "../../support/folder.ts";
import { SecretVolume } from "../../support/process/secret-volume.ts";
import { until } from "../../support/process/until.ts";
import { stageForEach } from "../../support/stage.ts";
import { entryText, fileText } from "../../support/tunnels-json.ts";
import { pattern } from "../../support/wire/bytes.ts";

describe("the store of configuration files", () => {
  const scratch = scratchFolder();
  const scope = stageForEach();

  function openStore() {
    const told: { readonly configPath: string; readonly config: ParsedConfig }[] = [];
    const store = new ConfigStore((configPath, config) => void told.push({ configPath, config }), { home: scratch.path });
    scope.own(store, (open) => open.dispose());
    return { store, told, tells: (count: number) => until(() => told.length >= count, { what: `${count} changes were told` }) };
  }

  const write = (text: string, name = ".vscode/tunnels.json"): string => scratch.file(name, text);
  const names = (config: ParsedConfig | undefined): string[] => [...(config?.entries.keys() ?? [])];

  it("reads a file once and reports when the file changes or is replaced", async () => {
    const { store, told, tells } = openStore();
    const path = write(fileText({ a: entryText() }));
    assert.equal(store.get(path), store.get(path));
    write(fileText({ a: entryText(), b: entryText({ listen: 1 }) }));
    await tells(1);
    assert.deepEqual(names(told[0]?.config), ["a", "b"]);
    const next = scratch.file("next", fileText({ c: entryText() }));
    renameSync(next, path);
    await tells(2);
    assert.deepEqual([names(told[1]?.config), names(store.get(path))], [["c"], ["c"]]);
  });

  it("reports when the personal overrides appear and when the file goes", async () => {
    const { store, told, tells } = openStore();
    const path = write(fileText({ a: entryText() }));
    store.get(path);
    write('{ "version": 1, "tunnels": { "a": { "listen": 7000 } } }', ".vscode/tunnels.local.json");
    await tells(1);
    assert.equal(told[0]?.config.entries.get("a")?.listen, 7000);
    rmSync(path);
    await tells(2);
    assert.deepEqual([names(told[1]?.config).includes("b"), told[1]?.config.broken], [false, false]);
  });

  it("says nothing when the file is saved as it was", async () => {
    const { store, told, tells } = openStore();
    const path = write(fileText({ a: entryText() }));
    store.get(path);
    write(fileText({ a: entryText() }));
    write(`${fileText({ a: entryText() })}// a remark`);
    store.refresh(path);
    write(fileText({ b: entryText() }));
    await tells(1);
    assert.deepEqual(
      told.map(({ config }) => names(config)),
      [["b"]],
    );
  });

  it("reports a change that a refresh found before the watch did", () => {
    const { store, told } = openStore();
    const path = write(fileText({ a: entryText() }));
    store.get(path);
    write(fileText({ another: entryText() }));
    assert.deepEqual([names(store.refresh(path)), told.length], [["another"], 1]);
    assert.equal(store.refresh(path), store.get(path));
  });

  it("reports when a key file that an entry names by path appears, changes and goes", async () => {
    const { store, tells } = openStore();
    const path = write(fileText({ a: entryText({ key: { file: "~/keys/redis.key" } }) }));
    store.get(path);
    const file = scratch.file("keys/redis.key", "1");
    await tells(1);
    writeFileSync(file, "another");
    await tells(2);
    rmSync(file);
    await tells(3);
  });

  it("reports each rotation of a mounted secret", async () => {
    const { store, tells } = openStore();
    const volume = new SecretVolume(join(scratch.path, "secret"), { file: 0o600 });
    volume.write({ key: pattern(32, 1) });
    store.get(write(fileText({ a: entryText({ key: { file: volume.file("key") } }) })));
    for (let rotation = 1; rotation <= 3; rotation++) {
      volume.write({ key: pattern(32, rotation + 1) });
      await tells(rotation);
    }
  });

  it("reports when the folder of a key file is a link and the link is exchanged", async () => {
    const { store, tells } = openStore();
    for (const [index, name] of ["one", "two"].entries()) scratch.file(`${name}/key`, pattern(32, index));
    symlinkSync("one", join(scratch.path, "current"));
    store.get(write(fileText({ a: entryText({ key: { file: join(scratch.path, "current", "key") } }) })));
    symlinkSync("two", join(scratch.path, "next"));
    renameSync(join(scratch.path, "next"), join(scratch.path, "current"));
    await tells(1);
  });

  it("reports nothing about other files beside a key file, or about a key file that is no longer named", async () => {
    const { store, told, tells } = openStore();
    const file = scratch.file("keys/redis.key", "1");
    const path = write(fileText({ a: entryText({ key: { file } }) }));
    store.get(path);
    write(fileText({ a: entryText() }));
    await tells(1);
    writeFileSync(file, "changed");
    scratch.file("keys/other", "1");
    write(fileText({ b: entryText() }));
    await tells(2);
    assert.deepEqual(names(told[1]?.config), ["b"]);
  });

  it("watches a bounded number of key files for a stranger's file", () => {
    const watched = new Set<string>();
    const watchFolder = (folder: string) => {
      watched.add(folder);
      return () => void watched.delete(folder);
    };
    const store = scope.own(new ConfigStore(() => {}, { watchFolder }), (open) => open.dispose());
    const entries = Array.from({ length: 200 }, (_, index) => [`t${index}`, entryText({ listen: index + 1, key: { file: `/nowhere/${index}/key` } })] as const);
    const path = write(fileText(Object.fromEntries(entries)));
    assert.equal(store.get(path).entries.size, 200);
    assert.equal(watched.size, 101);
    store.release(path);
    assert.equal(watched.size, 0);
  });

  it("forgets a file that is released", async () => {
    const { store, told, tells } = openStore();
    const path = write(fileText({ a: entryText() }));
    const other = write(fileText({ a: entryText() }), ".vscode/other.json");
    for (const one of [path, other]) store.get(one);
    store.release(path);
    store.release(path);
    write(fileText({ b: entryText() }));
    write(fileText({ b: entryText() }), ".vscode/other.json");
    await tells(1);
    assert.deepEqual(
      told.map(({ configPath }) => configPath),
      [other],
    );
    assert.deepEqual(names(store.get(path)), ["b"]);
  });

  it("has an empty configuration for a file that is not there", () => {
    const { store } = openStore();
    const config = store.get(join(scratch.path, "nowhere/tunnels.json"));
    assert.deepEqual([names(config), config.broken, config.problems.length], [[], false, 1]);
  });
});
