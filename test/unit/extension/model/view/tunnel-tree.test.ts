/** The rows above the tunnels in the tree, the line above the tree, and the log's lines. */
import assert from "node:assert/strict";
import { english } from "../../../../../extension/model/translate.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";
import { logLine, replayLines, SeenEntries } from "../../../../../extension/model/view/log-lines.ts";
import { folderRow, type TreeBranch, type TreeFolder, tunnelTree } from "../../../../../extension/model/view/tunnel-tree.ts";
import { viewMessage } from "../../../../../extension/model/view/view-message.ts";
import type { LogEntry } from "../../../../../shared/contract/methods.ts";
import { OTHER, PERSONAL, tunnelItem } from "../../../../support/tunnel-item.ts";
import { oneEntry, parse } from "../../../../support/tunnels-json.ts";

const WORKSPACE = tunnelItem().source;
const plain = (branches: readonly TreeBranch[]): unknown[] =>
  branches.map((branch) => (branch.kind === "tunnel" ? branch.item.name : { [`${branch.kind} ${branch.label}`]: plain(branch.children) }));

describe("the tree", () => {
  it("has only the tunnels when there is one file and no group", () => {
    assert.deepEqual(plain(tunnelTree([tunnelItem(), tunnelItem({ name: "orders" })])), ["cache", "orders"]);
  });

  it("has the files when there are several files", () => {
    assert.deepEqual(plain(tunnelTree([tunnelItem(), tunnelItem({ source: PERSONAL, name: "mine" })])), [
      { "source app": ["cache"] },
      { "source My tunnels": ["mine"] },
    ]);
  });

  it("has groups before tunnels without a group", () => {
    const grouped = (name: string): ReturnType<typeof tunnelItem> => tunnelItem({ name, entry: { group: "staging" } });
    assert.deepEqual(plain(tunnelTree([tunnelItem(), grouped("a"), grouped("b")])), [{ "group staging": ["a", "b"] }, "cache"]);
  });

  it("has stable and unique ids, also for groups of the same name in two files", () => {
    const items = [tunnelItem({ entry: { group: "x" } }), tunnelItem({ source: PERSONAL, entry: { group: "x" } })];
    const ids = (branches: readonly TreeBranch[]): string[] => branches.flatMap((one) => [one.id, ...(one.kind === "tunnel" ? [] : ids(one.children))]);
    assert.equal(new Set(ids(tunnelTree(items))).size, 6);
    assert.deepEqual(ids(tunnelTree(items)), ids(tunnelTree([...items])));
  });
});

describe("the line above the tree", () => {
  it("is absent when all is well", () => {
    assert.equal(
      viewMessage(
        {
          daemonError: undefined,
          configs: [
            { source: WORKSPACE, config: parse(oneEntry()) },
            { source: PERSONAL, config: undefined },
          ],
        },
        english,
      ),
      undefined,
    );
  });

  it("says why the daemon can't be reached", () => {
    assert.equal(viewMessage({ daemonError: { message: "it does not start\u001b" }, configs: [] }, english), "The daemon can't be reached: it does not start ");
  });

  it("says which file can't be read, and where", () => {
    const message = viewMessage({ daemonError: undefined, configs: [{ source: WORKSPACE, config: parse("{\n  oops") }] }, english);
    assert.match(message ?? "", /^app: tunnels\.json, line [12]: ./);
  });
});

describe("a folder of the tree", () => {
  const inGroup = (name: string, more: Partial<Parameters<typeof tunnelItem>[0]> = {}): TunnelItem =>
    tunnelItem({ name, entry: { group: "staging" }, ...more });
  const rowOf = (...items: readonly TunnelItem[]): ReturnType<typeof folderRow> => folderRow(tunnelTree(items)[0] as TreeFolder, english);
  const [works, fails, closed] = [
    inGroup("a", { status: { state: "verified" } }),
    inGroup("b", { status: { state: "degraded" } }),
    inGroup("c", { status: null, more: { wanted: false } }),
  ];

  it("counts those of its tunnels that work", () => {
    assert.equal(rowOf(works, fails, closed).description, "1/3");
    assert.equal(rowOf(works, fails, closed).accessibleLabel, "staging, 1 of 3 open, 1 not working");
  });

  it("offers to open what is closed and to close what is on", () => {
    assert.equal(rowOf(works, closed).contextValue, "group;can-open;can-close");
    assert.equal(rowOf(closed).contextValue, "group;can-open");
    assert.equal(rowOf(works, fails).contextValue, "group;can-close");
  });

  it("has no count of what is not known", () => {
    const unknown = inGroup("a", { status: null, more: { isUnknown: true } });
    assert.deepEqual([rowOf(unknown).description, rowOf(unknown).accessibleLabel], ["", "staging"]);
  });

  it("counts the groups of a file, too", () => {
    const [first] = tunnelTree([works, closed, tunnelItem({ source: OTHER, status: null })]);
    assert.equal(folderRow(first as TreeFolder, english).description, "1/2");
  });
});

describe("the daemon's log in the window", () => {
  const entry = (more: Partial<LogEntry> = {}): LogEntry => ({ atMs: 0, level: "info", message: "listens", tunnel: "cache", ...more });

  it("has each entry once, however often it is replayed", () => {
    const seen = new SeenEntries();
    assert.deepEqual([seen.isNew(entry()), seen.isNew(entry()), seen.isNew(entry({ atMs: 1 })), seen.isNew(entry({ tunnel: "b" }))], [true, false, true, true]);
  });

  it("remembers no more entries than necessary", () => {
    const seen = new SeenEntries();
    for (let atMs = 0; atMs < 2_001; atMs++) seen.isNew(entry({ atMs }));
    assert.deepEqual([seen.isNew(entry({ atMs: 1 })), seen.isNew(entry({ atMs: 0 }))], [false, true]);
  });

  it("names the tunnel and the code, and no time: the channel has it", () => {
    assert.equal(logLine(entry({ code: "TRUNCATED" })), "cache: listens [TRUNCATED]");
    assert.equal(logLine(entry({ tunnel: undefined })), "listens");
  });

  it("has one time in each line of what was replayed: its own", () => {
    const [heading, ...lines] = replayLines([entry({ atMs: 1_000 }), entry({ atMs: 2_000, level: "warn" })], [], "Up to now:").split("\n");
    assert.equal(heading, "Up to now:");
    assert.deepEqual(
      lines.map((line) => line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:0(\d)\.000 /, "$1 ")),
      ["1 [info] cache: listens", "2 [warn] cache: listens"],
    );
  });

  it("says which of two tunnels of one name it is about, and only then", () => {
    const [shop, stock, far] = ["/w/shop", "/w/stock", "/far/away"].map((folder) => `${folder}/.vscode/tunnels.json`) as [string, string, string];
    const known = [
      { name: "cache", configPath: shop, label: "Shop" },
      { name: "cache", configPath: stock, label: "Stock" },
      { name: "orders", configPath: shop, label: "Shop" },
    ];
    assert.equal(logLine(entry({ configPath: stock }), known), "cache (Stock): listens");
    assert.equal(logLine(entry({ configPath: far }), known), "cache (away): listens");
    assert.equal(logLine(entry({ tunnel: "orders", configPath: shop }), known), "orders: listens");
    assert.equal(logLine(entry(), known), "cache: listens", "an older daemon does not say which");
  });

  it("is plain text of one line each, with any time", () => {
    const lines = replayLines([entry({ message: "a\nb\u001b[2J", atMs: 1e300 }), entry({ atMs: Number.NaN, level: "x\ny" as "info" })], [], "Up to now:").split(
      "\n",
    );
    assert.equal(lines.length, 3);
    for (const line of lines) assert.doesNotMatch(line, /\p{Cc}/u);
  });
});
