/**
 * Whether an entry has the properties, types and ranges of the schema in
 * `tunnels-file.ts`, said in plain words. The words come from the schema too, so
 * that they can't disagree with it. The forms inside a text are `entry-rules.ts`.
 */
import * as z from "zod";
import type { Finding, RawEntry } from "./finding.ts";
import { nearest } from "./nearest.ts";
import { quote } from "./plain-text.ts";
import { entrySchema } from "./tunnels-file.ts";

/** The part of JSON Schema that z.toJSONSchema uses for leaves. */
interface LeafSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}

/** Our choice: more unknown properties of one entry are not looked at. */
const MAX_UNKNOWN = 50;

const PROPERTIES = Object.keys(entrySchema.shape);
const leaves: ReadonlyMap<string, LeafSchema> = new Map(
  Object.entries((z.toJSONSchema(entrySchema, { io: "input" }).properties ?? {}) as Record<string, LeafSchema>),
);

/** Properties that take more than one type, and what they take. */
const UNIONS: ReadonlyMap<string, string> = new Map([
  ["listen", 'a port number from 0 to 65535, "host:port" or "/socket/path"'],
  ["key", 'the name of a key, { "file": "path" }, or on a server a list of up to 8 of them'],
  ["database", "a name of up to 128 characters, or for Redis a whole number from 0 to 1000000"],
]);

/** Faults of type, range and property names; `key` is judged by `key-rules.ts`. */
export function shapeFindings(raw: RawEntry): Finding[] {
  const unknown = Object.keys(raw)
    .filter((name) => !PROPERTIES.includes(name))
    .slice(0, MAX_UNKNOWN);
  const guesses = new Map(unknown.map((name) => [name, guessProperty(name, raw)]));
  const findings = unknown.map((name): Finding => ({ at: [name], on: "key", message: unknownMessage(name, guesses.get(name)) }));
  // A mistyped name is one mistake: what it was meant to be is not reported as missing too.
  const meant = new Set(guesses.values());
  const { issues } = entrySchema.safeParse(raw).error ?? { issues: [] };
  const seen = new Set<string>();
  for (const issue of issues) {
    const at = issue.path.map((segment) => (typeof segment === "symbol" ? String(segment) : segment));
    const [property] = at;
    if (property === undefined || (property === "key" && "key" in raw)) continue;
    if (!(property in raw) && meant.has(String(property))) continue;
    const id = JSON.stringify(at);
    if (seen.has(id)) continue;
    seen.add(id);
    findings.push({ at, on: issue.code === "invalid_key" ? "key" : "value", message: shapeMessage(at, raw) });
  }
  return findings;
}

function guessProperty(name: string, raw: RawEntry): string | undefined {
  return nearest(
    name,
    PROPERTIES.filter((known) => !(known in raw)),
  );
}

function unknownMessage(name: string, guess: string | undefined): string {
  return `there is no property ${quote(name)}: ${guess ? `did you mean "${guess}"?` : `remove it; there are ${PROPERTIES.join(", ")}`}`;
}

function shapeMessage(at: readonly (string | number)[], raw: RawEntry): string {
  const property = String(at[0]);
  if (at.length > 1) return `${quote(String(at[1]))} must be text of at most 4096 characters under a name of at most 128`;
  const expected = expectation(property);
  if (!(property in raw)) return `"${property}" is missing: add "${property}", ${expected}`;
  return `"${property}" must be ${expected}, not ${shown(raw[property])}${hint(property, raw[property])}`;
}

/** What `property` takes, as the rest of "must be". */
function expectation(property: string): string {
  const leaf = leaves.get(property) ?? {};
  if (leaf.enum) return `${leaf.enum.slice(0, -1).join(", ")} or ${leaf.enum.at(-1)}`;
  switch (leaf.type) {
    case "boolean":
      return "true or false";
    case "integer":
      return `a whole number from ${leaf.minimum} to ${leaf.maximum}`;
    case "number":
      return `a number above ${leaf.exclusiveMinimum} and at most ${leaf.maximum}`;
    case "object":
      return 'an object of names and texts, such as { "DB_NAME": "orders" }';
    case "string":
      return leaf.maxLength === undefined ? "text that is not empty" : `text of 1 to ${leaf.maxLength} characters`;
    default:
      return UNIONS.get(property) ?? "something else";
  }
}

/** A value for a message. */
function shown(value: unknown): string {
  if (typeof value === "string") return value === "" ? "empty" : quote(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** The usual slips: quoted numbers and booleans, a near miss of a word. */
function hint(property: string, value: unknown): string {
  const leaf = leaves.get(property);
  if (typeof value === "string" && leaf?.enum) {
    const guess = nearest(value, leaf.enum);
    return guess ? `: did you mean "${guess}"?` : "";
  }
  const unquoted = leaf?.type === "boolean" ? /^(true|false)$/ : /^\d+$/;
  const isScalar = leaf?.type === "boolean" || leaf?.type === "integer" || leaf?.type === "number";
  return typeof value === "string" && isScalar && unquoted.test(value) ? ": write it without quotation marks" : "";
}
