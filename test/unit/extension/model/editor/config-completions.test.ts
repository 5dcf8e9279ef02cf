/** What is offered while a tunnels.json is typed; "|" is the cursor. */
import assert from "node:assert/strict";
import { type Completion, type CompletionContext, configCompletions } from "../../../../../extension/model/editor/config-completions.ts";
import { applyTextEdits } from "../../../../../extension/model/editor/json-edit.ts";
import { newestFirst } from "../../../../../extension/model/editor/newest-key.ts";
import { english } from "../../../../../extension/model/translate.ts";
import { parseTunnelsText } from "../../../../../shared/contract/config-text.ts";

const KEYS = new Map([
  ["team", "aaaa-bbbb"],
  ["spare", "cccc-dddd"],
]);
const TARGETS = [
  { target: "cache.example.com:6479", name: "cache" },
  { target: "cache.example.com:6479", name: "other" },
  { target: "db.example.com:3406", name: "db" },
];

function offers(marked: string, more: Partial<CompletionContext> = {}): Promise<Completion[]> {
  const context = { keys: () => Promise.resolve(KEYS), targets: () => TARGETS, port: () => 6_600, t: english, ...more };
  return configCompletions(marked.replace("|", ""), marked.indexOf("|"), context);
}

/** The text after an offer was taken, tab stops replaced by what they propose. */
function taken(marked: string, { insert, before, ...range }: Completion): string {
  const content = insert.replace(/\$\{\d+:([^}]*)\}/g, "$1").replace(/\$\{\d+\|([^,|]*)[^}]*\}/g, "$1");
  return applyTextEdits(marked.replace("|", ""), [...before, { offset: range.offset, length: range.length, content }]);
}

const inEntry = (property: string): string => `{ "version": 1, "tunnels": { "cache": { "service": "redis", ${property} } } }`;

describe("completion in tunnels.json", () => {
  for (const [where, property] of [
    ["empty quotation marks", '"key": "|"'],
    ["the middle of a name", '"key": "te|a"'],
    ["no value", '"key": |'],
    ["a server's list", '"key": ["team", "|"]'],
    ["an unfinished list", '"key": [|]'],
  ] as const) {
    it(`offers the keys with their fingerprints in ${where}`, async () => {
      const found = await offers(inEntry(property));
      assert.deepEqual(
        found.map(({ label, detail, insert }) => [label, detail, insert]),
        [
          ["team", "Fingerprint aaaa-bbbb", '"team"'],
          ["spare", "Fingerprint cccc-dddd", '"spare"'],
        ],
      );
    });
  }

  it("replaces the whole name, so that the file stays right", async () => {
    const marked = inEntry('"listen": 1, "target": "h:1", "key": "te|am-old"');
    const [first] = await offers(marked);
    assert.ok(first);
    assert.ok(taken(marked, first).includes('"key": "team"'));
  });

  it("offers the targets that other tunnels have, each once, with their names", async () => {
    assert.deepEqual(
      (await offers(inEntry('"target": "|"'))).map(({ label, detail }) => [label, detail]),
      [
        ["cache.example.com:6479", "Target of cache, other"],
        ["db.example.com:3406", "Target of db"],
      ],
    );
  });

  for (const [where, marked] of [
    ["an empty file", "|"],
    ["another property", inEntry('"group": "|"')],
    ["the name of a property", inEntry('"|"')],
    ["a key file's path", inEntry('"key": { "file": "|" }')],
    ["an environment", inEntry('"env": { "key": "|" }')],
    ["the top level", '{ "key": "|" }'],
    ["an entry's name", '{ "tunnels": { "ca|che": {} } }'],
  ] as const) {
    it(`offers none of its own in ${where}`, async () => {
      assert.deepEqual(await offers(marked), []);
    });
  }

  for (const [where, marked] of [
    ["an empty object", '{ "version": 1, "tunnels": { | } }'],
    ["the first line", '{ "version": 1, "tunnels": {\n  |\n  "a": { "listen": 1, "target": "h:1", "key": "k" } } }'],
    ["the last line, without a comma", '{ "version": 1, "tunnels": { "a": { "listen": 1, "target": "h:1", "key": "k" } // x\n  | } }'],
    ["the last line, with a comma", '{ "version": 1, "tunnels": { "a": { "listen": 1, "target": "h:1", "key": "k" },\n  | } }'],
    ["quotation marks", '{ "version": 1, "tunnels": { "|" } }'],
    ["a word without them", '{ "version": 1, "tunnels": { red| } }'],
  ] as const) {
    it(`offers whole entries in ${where}, which leave no mistake`, async () => {
      const found = await offers(marked);
      assert.deepEqual(
        found.map(({ label }) => label),
        ["Redis tunnel", "MySQL tunnel", "PostgreSQL tunnel", "MongoDB tunnel", "TCP tunnel", "Server end"],
      );
      for (const offer of found) {
        const text = taken(marked, offer);
        const { problems, entries } = parseTunnelsText(text, { path: "/x" });
        assert.deepEqual(problems, [], text);
        assert.ok(
          [...entries.values()].some(({ key }) => key === "team"),
          text,
        );
      }
    });
  }

  it("proposes a name that is free", async () => {
    const [redis] = await offers('{ "tunnels": { "cache": {}, | } }');
    assert.match(redis?.insert ?? "", /^"\$\{1:cache-2\}"/);
  });

  it("proposes the newest key first, and offers whole entries without any key", async () => {
    const [redis] = await offers('{ "tunnels": { | } }', { keys: () => Promise.resolve(newestFirst(KEYS, "spare")) });
    assert.ok(redis?.insert.includes("{4|spare,team|}"), redis?.insert);
    const [without] = await offers('{ "tunnels": { | } }', { keys: () => Promise.resolve(undefined) });
    assert.ok(without?.insert.includes("{4:team-key}"), without?.insert);
  });

  for (const [what, text] of [
    ["binary", "\0\0|"],
    ["broken", '{ "tunnels": { : |'],
    ["nested without end", `${"[".repeat(100_000)}|`],
  ] as const) {
    it(`offers nothing in a text that is ${what}, and does not throw`, async () => {
      assert.deepEqual(await offers(text), []);
    });
  }

  it("shows nothing of a name or target that would be read as something else", async () => {
    const found = await offers(inEntry('"target": "|"'), { targets: () => [{ target: "\u202eh:1", name: "[x](command:y)" }] });
    assert.deepEqual([found[0]?.label, found[0]?.detail], [" h:1", "Target of x"]);
  });
});
