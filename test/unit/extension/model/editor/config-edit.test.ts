import assert from "node:assert/strict";
import fc from "fast-check";
import { readEntry, removeEntry, setEntry, setProperty } from "../../../../../extension/model/editor/config-edit.ts";
import { addIgnoredFile } from "../../../../../extension/model/editor/ignore-file.ts";
import { applyTextEdits, minimalEdit } from "../../../../../extension/model/editor/json-edit.ts";
import { parseTunnelsText } from "../../../../../shared/contract/config-text.ts";

const ENTRY = { service: "redis", listen: 6579, target: "cache.example.com:6479", key: "team" };

const FILE = `// ours
{
  "version": 1,
  "tunnels": {
    // the cache
    "cache": {
      "listen": 1, // near
      "target": "a.example.com:1",
      "key": "k" // secret elsewhere
    }, // end of cache
    "orders": { "listen": 2, "target": "b.example.com:2", "key": "k" } // last
    // nothing below
  }
}
`;

function namesOf(text: string | undefined): string[] {
  const { entries, problems } = parseTunnelsText(text ?? "", { path: "/x", platform: "linux" });
  assert.deepEqual(problems, []);
  return [...entries.keys()];
}

describe("a new entry", () => {
  for (const [what, text] of [
    ["a missing file", undefined],
    ["an empty file", ""],
    ["a blank file", " \n"],
  ] as const) {
    it(`makes a whole file from ${what}`, () => {
      assert.deepEqual(namesOf(setEntry(text, "cache", ENTRY)), ["cache"]);
    });
  }

  it("goes after the last entry and its comment, and leaves everything else as it is", () => {
    const after = setEntry(FILE, "new", { listen: 3, target: "c.example.com:3", key: "k" });
    const added = `    "orders": { "listen": 2, "target": "b.example.com:2", "key": "k" }, // last
    "new": {
      "listen": 3,
      "target": "c.example.com:3",
      "key": "k"
    }
    // nothing below
`;
    assert.equal(after, FILE.replace(/ {4}"orders"[\s\S]*nothing below\n/, added));
  });

  it("keeps a trailing comma, and uses the file's tabs and CRLF", () => {
    const text = '{\r\n\t"version": 1,\r\n\t"tunnels": {\r\n\t\t"a": {},\r\n\t},\r\n}\r\n';
    assert.equal(
      setEntry(text, "b", { listen: 3 }),
      '{\r\n\t"version": 1,\r\n\t"tunnels": {\r\n\t\t"a": {},\r\n\t\t"b": {\r\n\t\t\t"listen": 3\r\n\t\t},\r\n\t},\r\n}\r\n',
    );
  });

  it("stays on the line in a file that has only one line", () => {
    assert.equal(
      setEntry('{ "version": 1, "tunnels": { "a": { "listen": 1 } } }', "b", { listen: 2 }),
      '{ "version": 1, "tunnels": { "a": { "listen": 1 }, "b": { "listen": 2 } } }',
    );
  });

  it("finds its place among nothing but comments", () => {
    const text = '{\n  "version": 1,\n  "tunnels": { // none yet\n  }\n}\n';
    assert.equal(setEntry(text, "a", { listen: 2 }), '{\n  "version": 1,\n  "tunnels": { // none yet\n    "a": {\n      "listen": 2\n    }\n  }\n}\n');
  });

  it('brings "tunnels" with it', () => {
    assert.deepEqual(namesOf(setEntry('{ "version": 1 }', "cache", ENTRY)), ["cache"]);
  });

  it("replaces an entry of the same name", () => {
    const after = setEntry(FILE, "orders", ENTRY) ?? "";
    assert.deepEqual(readEntry(after, "orders"), ENTRY);
    assert.match(after, /} \/\/ last/);
  });

  it("is refused in a text with a syntax error", () => {
    assert.equal(setEntry('{ "version": 1, "tunnels": { "a": {} ', "b", ENTRY), undefined);
  });

  it("is refused in a text that is not an object", () => {
    assert.equal(setEntry("[]", "b", ENTRY), undefined);
    assert.equal(setEntry('{ "tunnels": [] }', "b", ENTRY), undefined);
  });

  it("is refused without a crash in a text that is nested without end or longer than a file may be", () => {
    assert.equal(setEntry("[".repeat(500_000), "b", ENTRY), undefined);
    assert.equal(setEntry(`{ "a": "${"x".repeat(1024 * 1024)}" }`, "b", ENTRY), undefined);
  });

  it("can be read again, and removed without a trace", () =>
    fc.assert(
      fc.property(
        fc.constantFrom(FILE, '{ "version": 1, "tunnels": {} }', '{"version":1,"tunnels":{"a":{}}}'),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (text, entry) => {
          const plain = JSON.parse(JSON.stringify(entry)) as Record<string, unknown>;
          const added = setEntry(text, "new", plain);
          assert.ok(added !== undefined);
          assert.deepEqual(readEntry(added, "new"), plain);
          const removed = removeEntry(added, "new") ?? "";
          assert.equal(readEntry(removed, "new"), undefined);
          assert.deepEqual(JSON.parse(withoutComments(removed)), JSON.parse(withoutComments(text)));
        },
      ),
      { numRuns: 100 },
    ));
});

describe("removing an entry", () => {
  it("removes the entry's line and the comment after it", () => {
    const after = removeEntry(FILE, "cache");
    assert.equal(after, FILE.replace(/ {4}"cache"[\s\S]*end of cache\n/, ""));
  });

  it("removes the comma before the last entry", () => {
    const after = removeEntry(FILE, "orders");
    assert.equal(after, FILE.replace("}, // end", "} // end").replace(/ {4}"orders".*\n/, ""));
  });

  it("keeps a separator between neighbours on one line", () => {
    const text = '{ "version": 1, "tunnels": { "a": {}, "b": {}, "c": {} } }';
    assert.equal(removeEntry(text, "b"), '{ "version": 1, "tunnels": { "a": {}, "c": {} } }');
    assert.equal(removeEntry(text, "c"), '{ "version": 1, "tunnels": { "a": {}, "b": {} } }');
  });

  it("changes nothing when no entry has that name", () => {
    assert.equal(removeEntry(FILE, "toString"), FILE);
  });
});

describe("a property of an entry", () => {
  it("gets another value and keeps its comment", () => {
    assert.equal(setProperty(FILE, { name: "cache", property: "listen", value: 9 }), FILE.replace('"listen": 1,', '"listen": 9,'));
  });

  it("is added after the comment of the last property", () => {
    const after = setProperty(FILE, { name: "cache", property: "group", value: "g" });
    assert.equal(after, FILE.replace('"k" // secret elsewhere\n', '"k", // secret elsewhere\n      "group": "g"\n'));
  });

  it("is not set in an entry that does not exist", () => {
    assert.equal(setProperty(FILE, { name: "other", property: "listen", value: 9 }), undefined);
  });
});

describe("the shortest edit between two texts", () => {
  it("turns one text into the other, whatever they are", () =>
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const edit = minimalEdit(before, after);
        assert.equal(edit === undefined ? before : applyTextEdits(before, [edit]), after);
        assert.equal(edit === undefined, before === after);
      }),
    ));

  it("does not touch the parts that both texts have in common", () => {
    assert.deepEqual(minimalEdit("abcdef", "abXdef"), { offset: 2, length: 1, content: "X" });
  });
});

describe("a line for .gitignore", () => {
  it("is added at the end, on a line of its own", () => {
    assert.equal(addIgnoredFile("node_modules", "keys/redis.key"), "node_modules\n/keys/redis.key\n");
    assert.equal(addIgnoredFile("a\r\n", "k"), "a\r\n/k\r\n");
    assert.equal(addIgnoredFile(undefined, "k"), "/k\n");
  });

  it("matches only the file and is not a pattern", () => {
    assert.equal(addIgnoredFile("", "a*[b]? "), "/a\\*\\[b\\]\\?\\ \n");
  });

  it("is not added twice", () => {
    assert.equal(addIgnoredFile("/k\n", "k"), undefined);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\/ .*$/gm, "").replace(/,(\s*[}\]])/g, "$1");
}
