/**
 * What is offered while a tunnels.json is typed, besides what the schema offers: the
 * keys of this machine with their fingerprints, the targets of other tunnels, and
 * whole entries. Pure: text and position in, texts to insert out.
 */
import { createScanner, getLocation, type Location } from "jsonc-parser";
import { boundsOf, excessOf } from "../../../shared/contract/config-bounds.ts";
import { NAME_PATTERN, type Service } from "../../../shared/contract/tunnels-file.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { exampleTarget } from "../asking/ad-hoc.ts";
import type { Translate } from "../translate.ts";
import type { KnownKeys } from "./entry-condition.ts";
import { applyTextEdits, type TextEdit } from "./json-edit.ts";

/** One offer. Offset and length: the text that it replaces, in UTF-16 units. */
export interface Completion {
  readonly kind: "key" | "target" | "entry";
  readonly label: string;
  readonly detail: string;
  readonly offset: number;
  readonly length: number;
  /** JSON; of an entry, a snippet with tab stops. */
  readonly insert: string;
  /** What the typed text is compared with. */
  readonly filter: string;
  /** A comma that the property before lacks. */
  readonly before: readonly TextEdit[];
}

/** A target that a tunnel of this user has, and the tunnel's name. */
export interface UsedTarget {
  readonly target: string;
  readonly name: string;
}

/** What is offered from. Each part is asked for only where it is needed. */
export interface CompletionContext {
  /** The newest first; undefined: nobody could be asked. */
  readonly keys: () => Promise<KnownKeys | undefined>;
  readonly targets: () => readonly UsedTarget[];
  /** A port of this machine that no tunnel has. */
  readonly port: (service: Service) => number;
  readonly t: Translate;
}

/** jsonc-parser's SyntaxKind, which is a const enum. */
const OPEN_BRACE = 1;
const CLOSE_BRACE = 2;
const COMMA = 5;
const END = 17;

/** The offers at `offset`; empty where there are none. Never throws because of the text. */
export async function configCompletions(text: string, offset: number, context: CompletionContext): Promise<Completion[]> {
  if (excessOf(text, boundsOf("")) !== undefined) return [];
  const word = /[\w.-]*$/.exec(text.slice(0, offset))?.[0].length ?? 0;
  const location = locationAt(text, offset);
  if (!location) return [];
  const [top, , property, index] = location.path;
  if (top !== "tunnels") return [];
  const range = rangeAt(location, offset) ?? { offset: offset - word, length: word };
  if (location.path.length < 3) return await entries(text, range, context);
  if (location.isAtPropertyKey || location.path.length > 4) return [];
  const isItem = location.path.length === 3 || typeof index === "number";
  if (property === "key" && isItem) return keyOffers(await context.keys(), range, context.t);
  return property === "target" && location.path.length === 3 ? targetOffers(context.targets(), range, context.t) : [];
}

type Range = Pick<Completion, "offset" | "length">;

function locationAt(text: string, offset: number): Location | undefined {
  try {
    return getLocation(text, offset);
  } catch {
    // The text is nested deeper than the parser's stack allows.
    return undefined;
  }
}

/** The string or other literal that the position is in. */
function rangeAt({ previousNode }: Location, offset: number): Range | undefined {
  if (!previousNode || offset < previousNode.offset || offset > previousNode.offset + previousNode.length) return undefined;
  return { offset: previousNode.offset, length: previousNode.length };
}

function keyOffers(keys: KnownKeys | undefined, range: Range, t: Translate): Completion[] {
  return [...(keys ?? [])].map(([name, fingerprint]) => {
    const insert = JSON.stringify(name);
    const detail = t("Fingerprint {0}", plainText(fingerprint, { maxLength: 64 }));
    return { kind: "key", label: plainText(name, { maxLength: 64 }), detail, ...range, insert, filter: insert, before: [] };
  });
}

function targetOffers(targets: readonly UsedTarget[], range: Range, t: Translate): Completion[] {
  const names = new Map<string, Set<string>>();
  for (const { target, name } of targets) names.set(target, (names.get(target) ?? new Set()).add(plainText(name, { maxLength: 64 })));
  return [...names].map(([target, users]) => {
    const insert = JSON.stringify(target);
    const detail = t("Target of {0}", [...users].join(", "));
    return { kind: "target", label: plainText(target, { maxLength: 255 }), detail, ...range, insert, filter: insert, before: [] };
  });
}

/** Whole entries where a new one can stand: not over the name of an entry that is there. */
async function entries(text: string, range: Range, { keys, port, t }: CompletionContext): Promise<Completion[]> {
  const next = nextToken(text, range.offset + range.length);
  const last = lastToken(text, range.offset);
  if (next === ":" || !last || ![COMMA, OPEN_BRACE, CLOSE_BRACE].includes(last.kind)) return [];
  const after = next === '"' ? "," : "";
  const before = last.kind === CLOSE_BRACE ? [{ offset: last.end, length: 0, content: "," }] : [];
  // Where the comma is missing, only the text with it says what stands there.
  const { path, isAtPropertyKey } = getLocation(applyTextEdits(text, before), range.offset + before.length);
  if (path.length !== 2 || path[0] !== "tunnels" || !isAtPropertyKey) return [];
  const key = keyStop([...((await keys()) ?? new Map<string, string>()).keys()]);
  const client = (service: Service, name: string): string =>
    snippet(freeName(text, name), [
      ["service", `"${service}"`],
      ["listen", `\${2:${port(service)}}`],
      ["target", `"\${3:${exampleTarget(service)}}"`],
      ["key", key],
    ]);
  const server = snippet(freeName(text, "cache-server"), [
    ["role", '"server"'],
    ["service", '"redis"'],
    ["listen", `"\${2:0.0.0.0:6479}"`],
    ["target", `"\${3:127.0.0.1:6379}"`],
    ["key", key],
  ]);
  const offers = [
    { label: t("Redis tunnel"), detail: t("Also Valkey and everything that speaks its protocol."), insert: client("redis", "cache"), filter: "redis" },
    { label: t("MySQL tunnel"), detail: t("Also MariaDB."), insert: client("mysql", "db"), filter: "mysql" },
    { label: t("PostgreSQL tunnel"), detail: t("Also what speaks its protocol."), insert: client("postgres", "db"), filter: "postgres" },
    { label: t("MongoDB tunnel"), detail: t("Also what speaks its protocol."), insert: client("mongodb", "db"), filter: "mongodb" },
    { label: t("TCP tunnel"), detail: t("Any program that talks over TCP."), insert: client("tcp", "service"), filter: "tcp" },
    { label: t("Server end"), detail: t("Decrypts on this machine for a local service."), insert: server, filter: "server" },
  ];
  // In quotation marks that were typed already, what is typed begins with one.
  const quote = text[range.offset] === '"' ? '"' : "";
  return offers.map(({ insert, filter, ...offer }) => ({
    kind: "entry",
    ...offer,
    ...range,
    insert: `${insert}${after}`,
    filter: `${quote}${filter}`,
    before,
  }));
}

function snippet(name: string, properties: readonly (readonly [string, string])[]): string {
  const lines = properties.map(([property, value]) => `\t"${property}": ${value}`);
  return `"\${1:${name}}": {\n${lines.join(",\n")}\n}`;
}

/** A choice if there are several keys; of a key's name, which has no character that means something in a snippet. */
function keyStop(names: readonly string[]): string {
  const fit = names.filter((name) => NAME_PATTERN.test(name)).slice(0, 20);
  return fit.length > 1 ? `"\${4|${fit.join(",")}|}"` : `"\${4:${fit[0] ?? "team-key"}}"`;
}

function freeName(text: string, base: string): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!text.includes(`"${name}"`)) return name;
  }
}

/** The first character of the next token; comments and white space are none. */
function nextToken(text: string, offset: number): string {
  const scanner = createScanner(text, true);
  scanner.setPosition(offset);
  scanner.scan();
  return text[scanner.getTokenOffset()] ?? "";
}

/** The last token before `offset`; comments and white space are none. */
function lastToken(text: string, offset: number): { readonly kind: number; readonly end: number } | undefined {
  const scanner = createScanner(text, true);
  let last: { readonly kind: number; readonly end: number } | undefined;
  for (let kind: number = scanner.scan(); kind !== END && scanner.getTokenOffset() < offset; kind = scanner.scan()) {
    last = { kind, end: scanner.getTokenOffset() + scanner.getTokenLength() };
  }
  return last;
}
