import assert from "node:assert/strict";
import { COMMANDS } from "../../../../../extension/ids.ts";
import { exposedSpots, keyFileSpots } from "../../../../../extension/model/editor/config-advice.ts";
import { editorMarks } from "../../../../../extension/model/editor/editor-marks.ts";
import { applyTextEdits } from "../../../../../extension/model/editor/json-edit.ts";
import { portEdit, type QuickFix } from "../../../../../extension/model/editor/quick-fix.ts";
import { conditionFixes, conditionsAt, loopbackFix, problemFixes } from "../../../../../extension/model/editor/quick-fixes.ts";
import { english } from "../../../../../extension/model/translate.ts";
import { readDocument } from "../../../../../shared/contract/config-document.ts";
import { mergeConfigs } from "../../../../../shared/contract/config-text.ts";
import { CONFIG_PATH, entryText, fileText, oneEntry, parse } from "../../../../support/tunnels-json.ts";

const LOCAL_PATH = "/srv/app/.vscode/tunnels.local.json";

/** The fixes of the only place at which `text` has problems. */
function fixesOf(text: string, overrides?: string): QuickFix[] {
  const files = [{ path: CONFIG_PATH, text }, ...(overrides === undefined ? [] : [{ path: LOCAL_PATH, text: overrides }])];
  const offsets = new Set(mergeConfigs(files, { platform: "linux" }).problems.map(({ offset }) => offset));
  assert.equal(offsets.size, 1);
  const [offset = 0] = offsets;
  return problemFixes(offset, { text, overrides, port: 6579, t: english });
}

/** The text after the preferred fix. */
function mended(text: string): string {
  const fix = fixesOf(text).find(({ preferred }) => preferred);
  assert.ok(fix?.does.at === "edit");
  return applyTextEdits(text, fix.does.edits);
}

/** Mistakes that one fix corrects: what the entry says, and what it should say. */
const MENDED: readonly [what: string, wrong: Record<string, unknown>, right: Record<string, unknown>][] = [
  ["renames a mistyped property", { autoOpn: true }, { autoOpen: true }],
  ["unquotes a port", { listen: "7000" }, { listen: 7000 }],
  ["unquotes a number", { maxConnections: "20" }, { maxConnections: 20 }],
  ["unquotes a truth value", { autoOpen: "true" }, { autoOpen: true }],
  ["unquotes a Redis database", { service: "redis", database: "3" }, { service: "redis", database: 3 }],
  ["quotes a MySQL database", { service: "mysql", database: 3 }, { service: "mysql", database: "3" }],
  ["corrects a mistyped service", { service: "redsi" }, { service: "redis" }],
  ["corrects a mistyped word", { forwardSecrecy: "prefers" }, { forwardSecrecy: "prefer" }],
  ["takes the address out of a URL", { target: "redis://me@cache.example.com:6479/0" }, { target: "cache.example.com:6479" }],
  ["makes a path of a key's name", { key: "~/keys/redis.key" }, { key: { file: "~/keys/redis.key" } }],
  ['corrects a mistyped "file"', { key: { fle: "~/k" } }, { key: { file: "~/k" } }],
];

describe("a quick fix", () => {
  for (const [what, wrong, right] of MENDED) {
    it(what, () => {
      const text = mended(oneEntry(wrong));
      assert.deepEqual(parse(text).problems, []);
      assert.deepEqual(parse(text).entries, parse(oneEntry(right)).entries);
    });
  }

  it("adds a property that an entry lacks", () => {
    for (const missing of ["listen", "target", "key"]) {
      const text = oneEntry({ [missing]: undefined });
      assert.deepEqual(
        fixesOf(text).map(({ title }) => title),
        [`Add "${missing}"`],
      );
      assert.deepEqual(parse(mended(text)).problems, []);
    }
  });

  it("does not add a property that the overrides have", () => {
    const overrides = fileText({ cache: '{ "target": "cache.example.com:6479" }' });
    assert.deepEqual(
      fixesOf(oneEntry({ listen: undefined, target: undefined }), overrides).map(({ title }) => title),
      ['Add "listen"'],
    );
  });

  it("adds the version, before everything else", () => {
    assert.equal(mended('{\n  "tunnels": {}\n}\n'), '{\n  "version": 1,\n  "tunnels": {}\n}\n');
  });

  it("adds the tunnels", () => {
    assert.deepEqual(parse(mended('{ "version": 1 }')).problems, []);
  });

  it("unquotes the version", () => {
    assert.equal(mended('{ "version": "1", "tunnels": {} }'), '{ "version": 1, "tunnels": {} }');
  });

  it("writes an example into an empty file", () => {
    assert.ok(parse(mended(" \n")).entries.has("cache"));
  });

  it("removes the second of two entries with the same name, not the first", () => {
    const text = `{ "version": 1, "tunnels": { "cache": ${entryText()}, "cache": ${entryText({ listen: 1 })} } }`;
    assert.deepEqual(parse(mended(text)).entries, parse(oneEntry()).entries);
  });

  it("removes the second of two properties with the same name", () => {
    assert.deepEqual(parse(mended(fileText({ cache: `{ "listen": 1, ${entryText().slice(1)}` }))).problems, []);
  });

  it("removes a property that resembles no known one", () => {
    const fixes = fixesOf(oneEntry({ qqqqqqqq: 1 }));
    assert.deepEqual(
      fixes.map(({ title }) => title),
      ['Remove "qqqqqqqq"'],
    );
  });

  it("removes a property that belongs to the other end", () => {
    const fixes = fixesOf(oneEntry({ role: "server", user: "me" }));
    assert.deepEqual(
      fixes.map(({ title }) => title),
      ['Remove "user"'],
    );
  });

  it("turns a forbidden name into an allowed one", () => {
    const text = mended(fileText({ "my cache!": entryText() }));
    assert.deepEqual([parse(text).problems, [...parse(text).entries.keys()]], [[], ["my-cache-"]]);
  });

  it("changes a mistyped property at the top of the file", () => {
    assert.equal(mended('{ "$shema": "x", "version": 1, "tunnels": {} }'), '{ "$schema": "x", "version": 1, "tunnels": {} }');
  });

  it("replaces only the port when another entry has it", () => {
    const text = fileText({ a: entryText({ listen: "127.0.0.1:7000" }), b: entryText({ listen: "127.0.0.1:7000", target: "x.example.com:1" }) });
    const [fix] = fixesOf(text);
    assert.ok(fix?.does.at === "free-port");
    const after = applyTextEdits(text, [portEdit(fix.does.listen, 7001)]);
    assert.deepEqual(parse(after).problems, []);
    assert.equal(parse(after).entries.get("b")?.listen, "127.0.0.1:7001");
  });

  it("replaces a bare port with a bare port", () => {
    assert.deepEqual(portEdit({ offset: 3, length: 4, host: undefined }, 7001), { offset: 3, length: 4, content: "7001" });
  });

  it("is not found in a text that can't be read, and nothing is thrown", () => {
    for (const text of ["\0", "[".repeat(200_000), '"', "{", '{ "tunnels": { "a": { "listen', "]"]) {
      for (const offset of [0, 1, text.length, 1e9])
        assert.deepEqual(
          problemFixes(offset, { text, port: 1, t: english }).filter(({ does }) => does.at !== "edit"),
          [],
        );
    }
  });
});

describe("a word that is none of those allowed", () => {
  const titles = (entry: Readonly<Record<string, unknown>>): string[] =>
    fixesOf(oneEntry(entry)).map(({ title, preferred }) => `${preferred ? "* " : ""}${title}`);

  it("always has fixes of its own, also where no word is near", () => {
    for (const property of ["service", "role", "forwardSecrecy"]) {
      for (const value of ["memcached", "smtp", "", "x".repeat(500), 7, null, true]) {
        const fixes = fixesOf(oneEntry({ [property]: value }));
        assert.ok(fixes.length >= 2, `${property} ${String(value)}`);
        assert.ok(
          fixes.every(({ title }) => title.startsWith("Change to")),
          `${property} ${String(value)}: ${fixes.map(({ title }) => title).join()}`,
        );
      }
    }
  });

  for (const [value, preferred] of [
    ["memcached", '* Change to "tcp", for any service'],
    ["mongod", '* Change to "mongodb"'],
    ["PostgreSQL", '* Change to "postgres"'],
    ["pg", '* Change to "postgres"'],
    ["mariadb", '* Change to "mysql"'],
    ["valkey", '* Change to "redis"'],
    ["Redis", '* Change to "redis"'],
  ] as const) {
    it(`for the service ${value} is first of all ${preferred.slice(2)}`, () => {
      assert.equal(titles({ service: value })[0], preferred);
    });
  }
});

describe("a condition of an entry", () => {
  const text = oneEntry({ service: "redis" });
  const [entry] = readDocument(text, CONFIG_PATH).entries.values();

  for (const [where, needle, at] of [
    ["the name", '"cache"', { key: true, listen: true }],
    ["the key", '"team"', { key: true, listen: false }],
    ["the key's name", '"key"', { key: true, listen: false }],
    ["the port", "6579", { key: false, listen: true }],
    ["the service", '"redis"', { key: false, listen: false }],
    ["the target", '"cache.example.com', { key: false, listen: false }],
  ] as const) {
    it(`is mended where it belongs, at ${where} ${JSON.stringify(at)}`, () => {
      assert.ok(entry && text.includes(needle), text);
      assert.deepEqual(conditionsAt(entry, text.indexOf(needle) + 1), at);
    });
  }
});

describe("a tunnel with a port or key problem", () => {
  const ref = { configPath: CONFIG_PATH, name: "cache" };
  const given = { text: oneEntry(), missing: undefined, portTaken: false, chooseKey: "choose", t: english };

  it("has no fixes while both are fine", () => {
    assert.deepEqual(conditionFixes(ref, given), []);
  });

  it("can have its key imported, generated or replaced", () => {
    const fixes = conditionFixes(ref, { ...given, missing: "team" });
    assert.deepEqual(
      fixes.map(({ title, does }) => [title, does.at === "command" && does.command, does.at === "command" && does.argument]),
      [
        ["Import the key team", COMMANDS.importKey, { name: "team" }],
        ["Generate the key team", COMMANDS.generateKey, { name: "team" }],
        ["Choose another key", "choose", ref],
      ],
    );
  });

  it("can have another port", () => {
    const [fix] = conditionFixes(ref, { ...given, portTaken: true });
    assert.ok(fix?.does.at === "free-port");
    assert.equal(applyTextEdits(given.text, [portEdit(fix.does.listen, 7001)]), oneEntry({ listen: 7001 }));
  });
});

describe("advice", () => {
  const spots = (more: Record<string, unknown>, of: typeof exposedSpots): string[] => of(readDocument(oneEntry(more), CONFIG_PATH)).map(({ value }) => value);

  it("is given about a client's port that other machines can reach", () => {
    for (const listen of ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "0:1"]) assert.deepEqual(spots({ listen }, exposedSpots), [listen]);
  });

  it("is not given about loopback, sockets, names, or a server's port", () => {
    for (const listen of [1, "127.0.0.1:1", "[::1]:1", "localhost:1", "db.internal:1", "/run/x.sock"]) assert.deepEqual(spots({ listen }, exposedSpots), []);
    assert.deepEqual(spots({ listen: "0.0.0.0:1", role: "server" }, exposedSpots), []);
  });

  it("finds key files, also in a server's list, but not key names", () => {
    assert.deepEqual(spots({ role: "server", key: ["team", { file: "keys/a" }, { file: "~/b" }] }, keyFileSpots), ["keys/a", "~/b"]);
  });

  it("finds no key file in a value that can't be a path", () => {
    assert.deepEqual(spots({ key: { file: "keys/a\0b" } }, keyFileSpots), []);
  });

  it("finds the first hundred key files of a file that names more", () => {
    const keys = Array.from({ length: 150 }, (_, index) => ({ file: `keys/${index}` }));
    assert.equal(spots({ role: "server", key: keys }, keyFileSpots).length, 100);
  });

  it("has a fix: the port on this machine only", () => {
    const text = oneEntry({ listen: "0.0.0.0:7000" });
    const fix = loopbackFix(text.indexOf('"0.0.0.0'), { text, t: english });
    assert.ok(fix?.does.at === "edit");
    assert.equal(applyTextEdits(text, fix.does.edits), oneEntry({ listen: "127.0.0.1:7000" }));
  });
});

describe("what the editor's JSON support marks", () => {
  it("has every syntax error and duplicate key at the place where our validator reports it", () => {
    const texts = [
      '{ "version": 1 "tunnels": {} }',
      '{ "version": 1, "tunnels": { "a": } }',
      `{ "version": 1, "tunnels": { "a": ${entryText()} `,
      "hello",
      " \n",
      '{ "version": 1, "version": 1, "tunnels": {} }',
      `{ "version": 1, "tunnels": { "a": ${entryText()}, "a": ${entryText()} } }`,
      fileText({ a: `{ "listen": 1, ${entryText().slice(1)}` }),
    ];
    for (const text of texts) {
      const { syntax, duplicates } = editorMarks(text);
      const { problems } = parse(text);
      assert.ok(problems.length > 0);
      assert.deepEqual(
        problems.filter(({ offset }) => !syntax.has(offset) && !duplicates.has(offset)),
        [],
        text,
      );
    }
  });

  it("is nothing in a file with other kinds of mistakes", () => {
    const { syntax, duplicates } = editorMarks(oneEntry({ lisen: 1 }));
    assert.deepEqual([syntax.size, duplicates.size], [0, 0]);
  });
});
