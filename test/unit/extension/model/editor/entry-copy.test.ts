/** Entries that are duplicated, renamed, removed or moved to a group. */
import assert from "node:assert/strict";
import { renameEntry, setProperty } from "../../../../../extension/model/editor/config-edit.ts";
import { copyName, entryCopy, entryNameFault, groupFault, groupsOf, toggled } from "../../../../../extension/model/editor/entry-copy.ts";
import { english } from "../../../../../extension/model/translate.ts";
import { NAME_PATTERN } from "../../../../../shared/contract/tunnels-file.ts";
import { tunnelItem } from "../../../../support/tunnel-item.ts";

const items = [
  tunnelItem({ name: "cache", entry: { group: "shop" } }),
  tunnelItem({ name: "cache-2", entry: { group: "shop" } }),
  tunnelItem({ name: "n".repeat(64) }),
];

describe("a copy of an entry", () => {
  it("has a name that is free and right", () => {
    assert.equal(copyName("cache", items), "cache-3");
    assert.equal(copyName("cache-2", items), "cache-3");
    assert.match(copyName("n".repeat(64), items), NAME_PATTERN);
  });

  it("has another port and everything else, and listens where the entry did", () => {
    const entry = { listen: 6_579, target: "h:1", key: "k", env: { A: "b" } };
    assert.deepEqual(entryCopy(entry, 7_000), { ...entry, listen: 7_000 });
    assert.equal(entryCopy({ listen: "127.0.0.2:1" }, 7_000)["listen"], "127.0.0.2:7000");
    assert.equal(entryCopy({ listen: "/run/x" }, 7_000)["listen"], 7_000);
  });
});

describe("a new name of an entry", () => {
  it("is judged while it is typed", () => {
    const fault = (name: string): string | undefined => entryNameFault(name, { items, own: "cache", t: english });
    assert.equal(fault("cache"), undefined);
    assert.equal(fault("fresh"), undefined);
    assert.match(fault("cache-2") ?? "", /already/);
    for (const name of ["", " ", "a b", "-x", "n".repeat(65), "数据"]) assert.match(fault(name) ?? "", /Use 1 to 64/);
  });

  it("leaves comments and layout", () => {
    const text = '{ "tunnels": {\n  // ours\n  "cache": { "listen": 1 }, // here\n  "other": {} } }';
    assert.equal(renameEntry(text, { name: "cache", to: "shop" }), text.replace('"cache"', '"shop"'));
    assert.equal(renameEntry(text, { name: "none", to: "shop" }), text);
    assert.equal(renameEntry(text, { name: "cache", to: "other" }), undefined, "nothing takes the place of another entry");
    assert.equal(renameEntry("{", { name: "cache", to: "shop" }), undefined);
  });
});

describe("a group", () => {
  it("is offered once", () => {
    assert.deepEqual(groupsOf(items), ["shop"]);
  });

  it("has a name of 1 to 64 characters", () => {
    assert.deepEqual(
      ["", "  ", "g".repeat(65)].map((group) => groupFault(group, english)),
      Array(3).fill("Use 1 to 64 characters."),
    );
    assert.equal(groupFault("店铺", english), undefined);
  });

  it("can be taken away again", () => {
    const text = '{ "tunnels": { "cache": { "listen": 1, "group": "shop" } } }';
    assert.equal(setProperty(text, { name: "cache", property: "group", value: undefined }), '{ "tunnels": { "cache": { "listen": 1 } } }');
    const without = setProperty('{ "tunnels": { "cache": {} } }', { name: "cache", property: "group", value: undefined });
    assert.equal(without, '{ "tunnels": { "cache": {} } }');
  });
});

describe("opening before debugging", () => {
  it("is turned on and off", () => {
    assert.deepEqual(toggled(["a"], "b"), { names: ["a", "b"], isIn: true });
    assert.deepEqual(toggled(["a", "b"], "b"), { names: ["a"], isIn: false });
  });
});
