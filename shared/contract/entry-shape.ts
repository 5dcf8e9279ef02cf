/**
 * Whether an entry has the properties, types and ranges of the schema in
 * `tunnels-file.ts`, said in plain words. The words come from the schema too, so
 * that they can't disagree with it. `entry-rules.ts` judges the forms inside a
 * text.
 */
import * as z from "zod";
import { type Message, type MessageArgument, message } from "../message.ts";
import { nearest } from "../nearest.ts";
import { quote } from "../plain-text.ts";
import type { Finding, RawEntry } from "./finding.ts";
import { entrySchema, type TunnelEntry } from "./tunnels-file.ts";

/** The part of JSON Schema that z.toJSONSchema uses for leaves. */
interface LeafSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}

/** Our choice: how many unknown properties of one entry, and variables of a wrong type, are named; mending some shows the rest. */
const MAX_UNKNOWN = 10;

const PROPERTIES = Object.keys(entrySchema.shape);
let leaves: ReadonlyMap<string, LeafSchema> | undefined;

/** What a property takes. Made when the first mistake is found: most files have none, and a window starts sooner. */
function leafOf(property: string): LeafSchema | undefined {
  leaves ??= new Map(Object.entries((z.toJSONSchema(entrySchema, { io: "input" }).properties ?? {}) as Record<string, LeafSchema>));
  return leaves.get(property);
}

/** Properties that take more than one type, and what they take. */
const UNIONS: ReadonlyMap<string, Message> = new Map([
  ["listen", message('a port number from 0 to 65535, "host:port" or "/socket/path"')],
  ["key", message('the name of a key, { "file": "path" }, or on a server a list of up to 8 of them')],
  ["targets", message('an object of names and addresses, such as { "replica": "127.0.0.1:6380" }')],
  ["allow", message('a list of up to 100 lines, such as "10.0.0.0/24:6379"')],
  ["database", message("a name of up to 128 characters, or for Redis a whole number from 0 to 1000000")],
]);

/** What the schema makes of an entry. */
export interface Shape {
  /** Faults of type, range and property names; `key` is judged by `key-rules.ts`. */
  readonly findings: readonly Finding[];
  /** The entry with its defaults; undefined when it is not what the schema says. */
  readonly entry: TunnelEntry | undefined;
}

/** Judges an entry's shape. */
export function judgeShape(raw: RawEntry): Shape {
  const parsed = entrySchema.safeParse(withFewFaults(raw));
  return { findings: shapeFindings(raw, parsed.error?.issues ?? []), entry: parsed.data };
}

/** The same entry, but with only the first of many faulty variables: the schema would report each one. */
function withFewFaults(raw: RawEntry): RawEntry {
  const { env } = raw;
  if (typeof env !== "object" || env === null) return raw;
  const faulty = Object.entries(env).filter(([, value]) => typeof value !== "string");
  return faulty.length <= MAX_UNKNOWN ? raw : { ...raw, env: Object.fromEntries(faulty.slice(0, MAX_UNKNOWN)) };
}

function shapeFindings(raw: RawEntry, issues: readonly z.core.$ZodIssue[]): Finding[] {
  const unknown = Object.keys(raw)
    .filter((name) => !PROPERTIES.includes(name))
    .slice(0, MAX_UNKNOWN);
  const guesses = new Map(unknown.map((name) => [name, guessProperty(name, raw)]));
  const findings = unknown.map((name): Finding => ({ at: [name], on: "key", message: unknownMessage(name, guesses.get(name)) }));
  // A mistyped name is one mistake: what it was meant to be is not reported as missing too.
  const meant = new Set(guesses.values());
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

function unknownMessage(name: string, guess: string | undefined): Message {
  return guess
    ? message('there is no property {0}: did you mean "{1}"?', quote(name), guess)
    : message("there is no property {0}: remove it; there are {1}", quote(name), PROPERTIES.join(", "));
}

function shapeMessage(at: readonly (string | number)[], raw: RawEntry): Message {
  const property = String(at[0]);
  if (property === "targets" && at.length > 1)
    return message("{0} must be an address under a name of letters, digits, dot, dash and underscore", quote(String(at[1])));
  if (property === "allow" && at.length > 1) return message('each line of "allow" must be text of at most 300 characters');
  if (at.length > 1) return message("{0} must be text of at most 4096 characters under a name of at most 128", quote(String(at[1])));
  const expected = expectation(property);
  if (!(property in raw)) return message('"{0}" is missing: add "{0}", {1}', property, expected);
  const value = raw[property];
  const guess = guessWord(property, value);
  if (guess !== undefined) return message('"{0}" must be {1}, not {2}: did you mean "{3}"?', property, expected, shown(value), guess);
  if (isQuotedScalar(property, value)) return message('"{0}" must be {1}, not {2}: write it without quotation marks', property, expected, shown(value));
  return message('"{0}" must be {1}, not {2}', property, expected, shown(value));
}

/** What `property` takes: a noun phrase that follows "must be" or "add". */
function expectation(property: string): Message {
  const leaf = leafOf(property) ?? {};
  const union = UNIONS.get(property);
  if (union) return union;
  if (leaf.enum) return message("{0} or {1}", leaf.enum.slice(0, -1).join(", "), leaf.enum.at(-1) ?? "");
  switch (leaf.type) {
    case "boolean":
      return message("true or false");
    case "integer":
      return message("a whole number from {0} to {1}", String(leaf.minimum), String(leaf.maximum));
    case "number":
      return message("a number from {0} to {1}", String(leaf.minimum), String(leaf.maximum));
    case "object":
      return message('an object of names and texts, such as { "DB_NAME": "orders" }');
    case "string":
      return leaf.maxLength === undefined ? message("text that is not empty") : message("text of 1 to {0} characters", leaf.maxLength);
    default:
      return message("something else");
  }
}

/** A value for a message. */
function shown(value: unknown): MessageArgument {
  if (typeof value === "string") return value === "" ? message("empty") : quote(value);
  if (Array.isArray(value)) return message("a list");
  return typeof value === "object" && value !== null ? message("an object") : String(value);
}

/** The word that was probably meant, where only some words are possible. */
function guessWord(property: string, value: unknown): string | undefined {
  const words = leafOf(property)?.enum;
  return typeof value === "string" && words ? nearest(value, words) : undefined;
}

/** A usual slip: a number or boolean in quotation marks. */
function isQuotedScalar(property: string, value: unknown): boolean {
  const leaf = leafOf(property);
  const unquoted = leaf?.type === "boolean" ? /^(true|false)$/ : /^\d+$/;
  const isScalar = leaf?.type === "boolean" || leaf?.type === "integer" || leaf?.type === "number";
  return typeof value === "string" && isScalar && unquoted.test(value);
}
