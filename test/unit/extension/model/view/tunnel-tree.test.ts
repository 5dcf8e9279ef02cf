/** What stands above the tunnels in the tree, what above the tree, and the log's lines. */
import assert from "node:assert/strict";
import { english } from "../../../../../extension/model/translate.ts";
import { logLine, SeenEntries } from "../../../../../extension/model/view/log-lines.ts";
import { type TreeBranch, tunnelTree } from "../../../../../extension/model/view/tunnel-tree.ts";
import { viewMessage } from "../../../../../extension/model/view/view-message.ts";
import type { LogEntry } from "../../../../../shared/contract/methods.ts";
import { PERSONAL, tunnelItem } from "../../../../support/tunnel-item.ts";
import { oneEntry, parse } from "../../../../support/tunnels-json.ts";

const WORKSPACE = tunnelItem().source;
const plain = (branches: readonly TreeBranch[]): unknown[] =>
  branches.map((branch) => (branch.kind === "tunnel" ? branch.item.name : { [`${branch.kind} ${branch.label}`]: plain(branch.children) }));

describe("the tree", () => {
  it("has the tunnels alone when there is one file and no group", () => {
    assert.deepEqual(plain(tunnelTree([tunnelItem(), tunnelItem({ name: "orders" })])), ["cache", "orders"]);
  });

  it("has the files when there are several", () => {
    assert.deepEqual(plain(tunnelTree([tunnelItem(), tunnelItem({ source: PERSONAL, name: "mine" })])), [
      { "source app": ["cache"] },
      { "source My tunnels": ["mine"] },
    ]);
  });

  it("has groups before what is in none", () => {
    const grouped = (name: string): ReturnType<typeof tunnelItem> => tunnelItem({ name, entry: { group: "staging" } });
    assert.deepEqual(plain(tunnelTree([tunnelItem(), grouped("a"), grouped("b")])), [{ "group staging": ["a", "b"] }, "cache"]);
  });

  it("has ids that stay and differ, for groups of one name in two files too", () => {
    const items = [tunnelItem({ entry: { group: "x" } }), tunnelItem({ source: PERSONAL, entry: { group: "x" } })];
    const ids = (branches: readonly TreeBranch[]): string[] => branches.flatMap((one) => [one.id, ...(one.kind === "tunnel" ? [] : ids(one.children))]);
    assert.equal(new Set(ids(tunnelTree(items))).size, 6);
    assert.deepEqual(ids(tunnelTree(items)), ids(tunnelTree([...items])));
  });
});

describe("the line above the tree", () => {
  it("is not there when all is well", () => {
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

describe("the daemon's log in the window", () => {
  const entry = (more: Partial<LogEntry> = {}): LogEntry => ({ atMs: 0, level: "info", message: "listens", tunnel: "cache", ...more });

  it("has each entry once, however often it is replayed", () => {
    const seen = new SeenEntries();
    assert.deepEqual([seen.isNew(entry()), seen.isNew(entry()), seen.isNew(entry({ atMs: 1 })), seen.isNew(entry({ tunnel: "b" }))], [true, false, true, true]);
  });

  it("remembers no more than it must", () => {
    const seen = new SeenEntries();
    for (let atMs = 0; atMs < 2_001; atMs++) seen.isNew(entry({ atMs }));
    assert.deepEqual([seen.isNew(entry({ atMs: 1 })), seen.isNew(entry({ atMs: 0 }))], [false, true]);
  });

  it("names the tunnel and the code, and the time only of what was replayed", () => {
    assert.equal(logLine(entry({ code: "TRUNCATED" }), { isReplayed: false }), "cache: listens [TRUNCATED]");
    assert.equal(logLine(entry({ tunnel: undefined }), { isReplayed: true }), "(1970-01-01T00:00:00.000Z) listens");
  });

  it("is plain text of one line each, with any time", () => {
    const line = logLine(entry({ message: "a\nb\u001b[2J", atMs: 1e300 }), { isReplayed: true });
    assert.doesNotMatch(line, /\p{Cc}/u);
  });
});
