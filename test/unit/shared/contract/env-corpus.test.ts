/**
 * The environment variables of several hundred tools: those that run code or move
 * trust are refused, unknown ones are marked, those that applications use pass.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type EnvNameKind, envNameFault, envNameKind, unusualNames } from "../../../../shared/contract/env-rules.ts";

/** Variables of one tool, and where they are documented. */
interface Tool {
  readonly tool: string;
  readonly source: string;
  readonly refused?: readonly string[];
  readonly unusual?: readonly string[];
  readonly usual?: readonly string[];
}

const CORPUS = JSON.parse(readFileSync(new URL("../../../vectors/env/variables.json", import.meta.url), "utf8")) as readonly Tool[];
const KINDS = ["refused", "unusual", "usual"] as const satisfies readonly EnvNameKind[];

describe("the variables that tools are documented to read", () => {
  for (const one of CORPUS) {
    it(`are judged rightly: ${one.tool} (${one.source})`, () => {
      for (const kind of KINDS) for (const name of one[kind] ?? []) assert.equal(envNameKind(name), kind, name);
    });
  }

  it("are judged without regard to case", () => {
    for (const one of CORPUS) {
      for (const kind of KINDS) {
        for (const name of one[kind] ?? []) for (const other of [name.toUpperCase(), name.toLowerCase()]) assert.equal(envNameKind(other), kind, other);
      }
    }
  });

  it("can't be set when they are refused, and can be when they are only unusual", () => {
    for (const one of CORPUS) {
      for (const name of one.refused ?? []) assert.ok(envNameFault(name), name);
      for (const name of [...(one.unusual ?? []), ...(one.usual ?? [])]) assert.equal(envNameFault(name), undefined, name);
    }
  });

  it("are marked in the approval question exactly when they are unusual", () => {
    const env = Object.fromEntries(CORPUS.flatMap(({ unusual = [], usual = [] }) => [...unusual, ...usual].map((name) => [name, "x"])));
    assert.deepEqual(new Set(unusualNames(env)), new Set(CORPUS.flatMap(({ unusual = [] }) => unusual)));
  });
});
