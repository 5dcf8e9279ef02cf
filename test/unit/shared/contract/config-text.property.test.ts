import assert from "node:assert/strict";
import fc from "fast-check";
import { mergeConfigs } from "../../../../shared/contract/config-text.ts";
import { entrySchema, NAME_PATTERN } from "../../../../shared/contract/tunnels-file.ts";
import { plainText } from "../../../../shared/plain-text.ts";
import { entryText, fileText, parse } from "../../../support/tunnels-json.ts";

const GOOD = fileText({
  cache: entryText({ service: "redis", database: 2, env: { A: "$" + "{url}" } }),
  "server-end": entryText({ role: "server", listen: 7000, key: ["a", { file: "~/b" }] }),
});

/** Text that is nothing, text that is nearly JSON, JSON that is nearly right. */
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc
    .array(
      fc.constantFrom(
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "\\",
        "//",
        "/*",
        "*/",
        "\n",
        "\r",
        "1",
        "-",
        "true",
        '"version"',
        '"tunnels"',
        '"key"',
        "\0",
        "\ufeff",
        "\ud800",
      ),
    )
    .map((parts) => parts.join("")),
  fc.json({ maxDepth: 5 }),
  fc.tuple(fc.nat(GOOD.length), fc.nat(8), fc.string({ maxLength: 8 })).map(([at, removed, added]) => GOOD.slice(0, at) + added + GOOD.slice(at + removed)),
  fc
    .dictionary(fc.string(), fc.dictionary(fc.constantFrom(...Object.keys(entrySchema.shape), "__proto__", "x"), fc.jsonValue()))
    .map((tunnels) => JSON.stringify({ version: 1, tunnels }, null, 1)),
);

describe("any text as tunnels.json", () => {
  it("is read without an exception, and every problem lies inside the text, at the line and column of its offset", () =>
    fc.assert(
      fc.property(anyText, (text) => {
        for (const { offset, length, line, column, message, code } of parse(text).problems) {
          assert.ok(offset >= 0 && length >= 0 && offset + length <= text.length);
          const before = text.slice(0, offset).split(/\r\n|\n|\r(?!\n)/);
          const inCrlf = text[offset - 1] === "\r" && text[offset] === "\n";
          if (!inCrlf) assert.deepEqual([line, column], [before.length, (before.at(-1)?.length ?? 0) + 1]);
          assert.equal(code, "CONFIG_INVALID");
          assert.equal(message, plainText(message));
        }
      }),
      { numRuns: 1_500 },
    ));

  it("has problems, or entries that the schema accepts as they are", () =>
    fc.assert(
      fc.property(anyText, (text) => {
        const { entries, problems, faults, broken, places } = parse(text);
        if (broken || faults.size > 0) assert.ok(problems.length > 0);
        for (const [name, entry] of entries) {
          assert.match(name, NAME_PATTERN);
          assert.deepEqual(entrySchema.parse(entry), entry);
          assert.ok(!faults.has(name) && places.has(name));
        }
      }),
      { numRuns: 1_500 },
    ));

  it("is read as an override without an exception too", () =>
    fc.assert(
      fc.property(anyText, anyText, (shared, local) => {
        const { problems } = mergeConfigs([
          { path: "/a", text: shared },
          { path: "/b", text: local },
        ]);
        for (const { path, offset, length } of problems) assert.ok(offset + length <= (path === "/a" ? shared : local).length);
      }),
      { numRuns: 500 },
    ));
});
