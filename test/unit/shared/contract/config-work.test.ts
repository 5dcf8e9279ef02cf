/**
 * What a file of tunnels can cost its reader, who has connections to serve: counted work, not time. Counted in a process
 * of its own, because the counters are V8's.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import fc from "fast-check";
import { createScanner } from "jsonc-parser";
import { boundsOf, excessOf } from "../../../../shared/contract/config-bounds.ts";
import { parseTunnelsText } from "../../../../shared/contract/config-text.ts";
import { entrySchema } from "../../../../shared/contract/tunnels-file.ts";
import { maximumFiles } from "../../../support/contract/maximum-files.ts";

/** Entries of functions and blocks: some ten milliseconds of an idle machine. */
const MOST = 4_000_000;

describe("reading the largest file of tunnels", () => {
  let counts: Readonly<Record<string, number>>;
  before(async function () {
    this.timeout(300_000);
    const script = new URL("../../../support/contract/count-work.ts", import.meta.url);
    const env = { ...process.env, NODE_V8_COVERAGE: undefined };
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script.pathname], { env, maxBuffer: 1e6 });
    counts = JSON.parse(stdout) as typeof counts;
  });

  for (const what of maximumFiles().keys()) {
    it(`takes a bounded amount of work for ${what}`, () => {
      const count = counts[what] ?? Number.POSITIVE_INFINITY;
      assert.ok(count > 0 && count <= MOST, `${count} steps`);
    });
  }
});

describe("the measure of a text", () => {
  const characters = [...'{}[]:,"/*\\-01aeu.\n\r\t é'];
  const anyText = fc.string({ unit: fc.constantFrom(...characters), maxLength: 200 });
  const excess = (text: string, marks: number) => excessOf(text, { kibibytes: 256, marks, tunnels: 1 });

  it("counts at least what a parser's scanner finds, blanks aside", () =>
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre((text.match(/[{[]/g) ?? []).length <= 32);
        const scanner = createScanner(text, false);
        let tokens = 0;
        // Kind 15 is blanks, 17 the end: jsonc-parser's SyntaxKind, which is a const enum.
        for (let kind: number = scanner.scan(); kind !== 17; kind = scanner.scan()) if (kind !== 15) tokens += 1;
        if (tokens > 0) assert.notEqual(excess(text, tokens - 1), undefined, `${tokens} tokens`);
      }),
      { numRuns: 2_000 },
    ));

  it("allows a depth of 32, whatever stands in strings and comments", () => {
    const deep = (depth: number): string => `${'/* { */ "[{" : // [\n'.repeat(40)}${"[".repeat(depth)}`;
    assert.equal(excess(deep(32), 1_000), undefined);
    assert.match(excess(deep(33), 1_000)?.message.template ?? "", /nested too deeply/);
  });
});

describe("a file of tunnels that is too large", () => {
  const parse = (text: string, path = "/srv/.vscode/tunnels.json") => parseTunnelsText(text, { path });
  const messages = (text: string, path?: string): readonly string[] => parse(text, path).problems.map(({ message }) => message);
  const inFile = (entries: readonly string[]): string => `{ "version": 1, "tunnels": { ${entries.join(",\n")} } }`;
  const good = (index: number): string => `"e${index}": { "listen": ${index + 1}, "target": "h:1", "key": "k" }`;

  it("is reported with the limit and the place where it is exceeded", () => {
    const text = inFile(Array.from({ length: 9_000 }, (_, index) => `"e${index}": 1`));
    const [problem] = parse(text).problems;
    assert.match(problem?.message ?? "", /^the file has more than 20000 names, values, punctuation marks and lines: split it$/);
    assert.equal(excessOf(text.slice(0, problem?.offset), boundsOf("")), undefined);
    assert.equal(parse(text).broken, true);
  });

  it("is read with every entry when it just meets the limit", () => {
    const { entries, problems } = parse(inFile(Array.from({ length: 250 }, (_, index) => good(index))));
    assert.deepEqual([entries.size, problems], [250, []]);
  });

  it("has a quarter of the limits when it only overrides", () => {
    const path = "/srv/.vscode/tunnels.local.json";
    assert.match(messages(`{}${" ".repeat(64 * 1024)}`, path)[0] ?? "", /^the file is larger than 64 KiB/);
    assert.match(messages(`[${"1,".repeat(3_000)}]`, path)[0] ?? "", /more than 5000 names/);
  });

  it("says how many properties an entry with too many has, and nothing more", () => {
    const properties = Array.from({ length: 65 }, (_, index) => `"p${index}": 1`);
    assert.deepEqual(messages(inFile([`"a": { ${properties.join(", ")} }`])), [
      `this tunnel has 65 properties: there are ${Object.keys(entrySchema.shape).length}, remove the others`,
    ]);
  });

  it("may set at most a thousand variables in all its tunnels together", () => {
    const withVariables = (index: number, count: number): string => {
      const env = Array.from({ length: count }, (_, at) => `"V${at}_URL": "x"`).join(", ");
      return good(index).replace(/ \}$/, `, "env": { ${env} } }`);
    };
    const ten = Array.from({ length: 10 }, (_, index) => withVariables(index, 100));
    assert.deepEqual(parse(inFile(ten)).problems, []);
    const { entries, problems } = parse(inFile([...ten, withVariables(10, 1), good(11)]));
    assert.deepEqual([entries.size, entries.has("e11")], [11, true]);
    assert.match(problems[0]?.message ?? "", /set more than 1000 variables together: remove some/);
  });

  it("uses the good entries among a few mistakes, and looks at nothing after many mistakes", () => {
    const few = parse(inFile([...Array.from({ length: 30 }, (_, index) => `"bad${index}": 1`), good(0)]));
    assert.deepEqual([[...few.entries.keys()], few.problems.length], [["e0"], 30]);
    const many = parse(inFile([good(0), ...Array.from({ length: 120 }, (_, index) => `"bad${index}": {}`), good(1)]));
    assert.deepEqual([...many.entries.keys()], ["e0"]);
    assert.match(many.faults.get("e1")?.message ?? "", /^this tunnel was not looked at: correct the 100 mistakes before it first$/);
    assert.equal(many.problems.length, 100);
  });
});
