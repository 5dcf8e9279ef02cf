/** Texts of tunnels.json for tests, and the parser's results for them. */
import assert from "node:assert/strict";
import { type ParsedConfig, parseTunnelsText } from "../../shared/contract/config-text.ts";
import type { Problem } from "../../shared/contract/methods.ts";

export const CONFIG_PATH = "/srv/app/.vscode/tunnels.json";

/** An entry with the required properties and `more`, as JSON text. */
export function entryText(more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ listen: 6579, target: "cache.example.com:6479", key: "team", ...more });
}

/** A file with these entries; each a JSON text. */
export function fileText(entries: Readonly<Record<string, string>>): string {
  const inside = Object.entries(entries).map(([name, text]) => `    ${JSON.stringify(name)}: ${text}`);
  return `{\n  "version": 1,\n  "tunnels": {\n${inside.join(",\n")}\n  }\n}\n`;
}

/** A file with one entry, "cache". */
export function oneEntry(more: Readonly<Record<string, unknown>> = {}): string {
  return fileText({ cache: entryText(more) });
}

export function parse(text: string, platform: NodeJS.Platform = "linux"): ParsedConfig {
  return parseTunnelsText(text, { path: CONFIG_PATH, platform });
}

/** The only problem of `text`, which must begin at `at` (a piece of the text that occurs once) and cover it. */
export function onlyProblem(text: string, at: string): Problem {
  const { problems } = parse(text);
  assert.equal(problems.length, 1, JSON.stringify(problems, null, 1));
  const [problem] = problems;
  assert.ok(problem);
  assert.equal(text.slice(problem.offset, problem.offset + problem.length), at);
  assert.equal(problem.code, "CONFIG_INVALID");
  return problem;
}

/** The messages about one entry with `more` in it; empty when the entry is valid. */
export function faultsOf(more: Readonly<Record<string, unknown>>, platform: NodeJS.Platform = "linux"): string[] {
  return parse(oneEntry(more), platform).problems.map(({ message }) => message);
}
