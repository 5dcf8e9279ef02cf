/**
 * From the text of tunnels.json, and of tunnels.local.json beside it, to entries
 * that may be used and problems with their exact places. A mistake in one entry
 * leaves the others usable. Nothing is thrown, nothing is read from a disk: the
 * same code runs in the daemon, the command line and the extension.
 */

import { type Message, message } from "../message.ts";
import { quote } from "../plain-text.ts";
import { ListenTable, quoteListen } from "./address-rules.ts";
import { type ConfigDocument, type ConfigProblem, type DocumentEntry, plainValue, propertiesOf, propertyOf, readDocument } from "./config-document.ts";
import { ruleFindings } from "./entry-rules.ts";
import { judgeShape } from "./entry-shape.ts";
import { sizeFindings, variablesOf } from "./entry-size.ts";
import type { Finding, RawEntry } from "./finding.ts";
import type { TextRange } from "./text-position.ts";
import type { TunnelEntry } from "./tunnels-file.ts";

/** Our choice: after this many problems nothing more is looked at; mending some shows the rest. */
const MAX_PROBLEMS = 100;

/** Our choice: how many findings of one entry are reported; finding the place of each costs time. */
const MAX_FINDINGS = 20;

/** The design's bound on the work a stranger can cause: every key is tried at each handshake. */
const MAX_KEYS_ON_A_PORT = 64;

/** One file. */
export interface ConfigText {
  readonly path: string;
  readonly text: string;
}

/** Where an entry stands: the stretch of its name in the last file that has it. */
interface EntryPlace extends TextRange {
  readonly path: string;
}

/** What a configuration says. */
export interface ParsedConfig {
  /** The entries without a fault, by name, in the order of the files. */
  readonly entries: ReadonlyMap<string, TunnelEntry>;
  /** Where every entry stands, with or without a fault. */
  readonly places: ReadonlyMap<string, EntryPlace>;
  /** Entries that are there but have a fault, and the first one: what runs under these names keeps running. */
  readonly faults: ReadonlyMap<string, ConfigProblem>;
  /** The files can't be read as a whole: a name that is missing may be meant to be there, so what runs keeps running. */
  readonly broken: boolean;
  /** Everything that is wrong, by file and place. */
  readonly problems: readonly ConfigProblem[];
}

/** How to judge. */
export interface ParseOptions {
  /** Unix sockets are refused on win32. Default: this machine's. */
  readonly platform?: NodeJS.Platform;
}

/** Reads one file on its own. Never throws. */
export function parseTunnelsText(text: string, options: ParseOptions & { readonly path: string }): ParsedConfig {
  return mergeConfigs([{ path: options.path, text }], options);
}

/**
 * Reads several files, where a later file overrides the earlier ones: it overrides entries by name, and within an entry
 * single properties, so that a personal file need state only what differs. Each problem is reported in the file whose
 * property is at fault. Never throws.
 */
export function mergeConfigs(files: readonly ConfigText[], options: ParseOptions = {}): ParsedConfig {
  const documents = files.map(({ path, text }) => readDocument(text, path));
  // An override that can't be read might say anything about any entry, so no entry is used without it.
  const overridesUnreadable = documents.slice(1).some(({ broken }) => broken);
  const merged = new Merge(documents, options.platform ?? process.platform);
  const problems = [...documents.flatMap((document) => document.problems), ...merged.problems];
  return {
    entries: overridesUnreadable ? new Map() : merged.entries,
    places: merged.places,
    faults: merged.faults,
    broken: documents.some(({ broken }) => broken),
    problems: inOrder(problems, files).slice(0, MAX_PROBLEMS),
  };
}

function inOrder(problems: readonly ConfigProblem[], files: readonly ConfigText[]): ConfigProblem[] {
  const order = new Map(files.map(({ path }, index) => [path, index]));
  return problems.toSorted((a, b) => (order.get(a.path) ?? 0) - (order.get(b.path) ?? 0) || a.offset - b.offset);
}

/** An entry in one of the files that have it. */
interface Part {
  readonly document: ConfigDocument;
  readonly entry: DocumentEntry;
}

class Merge {
  readonly entries = new Map<string, TunnelEntry>();
  readonly places = new Map<string, EntryPlace>();
  readonly faults = new Map<string, ConfigProblem>();
  readonly problems: ConfigProblem[] = [];
  readonly #listening = new ListenTable<TunnelEntry>();
  #variables = 0;

  constructor(documents: readonly ConfigDocument[], platform: NodeJS.Platform) {
    const names = new Set(documents.flatMap(({ entries }) => [...entries.keys()]));
    for (const name of names) {
      const parts = documents.flatMap((document): Part[] => {
        const entry = document.entries.get(name);
        return entry ? [{ document, entry }] : [];
      });
      this.#add(name, parts, platform);
    }
  }

  #add(name: string, parts: readonly Part[], platform: NodeJS.Platform): void {
    const last = parts.at(-1);
    if (!last) return;
    this.places.set(name, { path: last.document.path, ...last.document.rangeOf(last.entry.key) });
    const written = parts.find(({ entry }) => entry.fault)?.entry.fault;
    const notObject = parts.find(({ entry }) => !entry.garbled && entry.value?.type !== "object");
    if (notObject) {
      const { document, entry } = notObject;
      const text = message('{0} must be an object: { "listen": …, "target": …, "key": … }', quote(name));
      const problem = document.problemAt(entry.value ?? entry.key, text);
      // An entry without any value is a syntax error, which the document has reported.
      if (entry.value) this.problems.push(problem);
      this.faults.set(name, written ?? problem);
      return;
    }
    if (written && parts.some(({ entry }) => entry.garbled)) {
      this.faults.set(name, written);
      return;
    }
    if (this.problems.length >= MAX_PROBLEMS) {
      this.faults.set(name, written ?? atName(parts, message("this tunnel was not looked at: correct the {0} mistakes before it first", MAX_PROBLEMS)));
      return;
    }
    const raw = mergeValues(parts);
    const count = Math.max(...parts.map(({ entry }) => propertiesOf(entry.value).length));
    const tooMuch = sizeFindings(raw, { count, before: this.#variables });
    this.#variables += variablesOf(raw);
    const shape = tooMuch.length > 0 ? undefined : judgeShape(raw);
    const findings = shape ? [...shape.findings, ...ruleFindings(raw, platform), ...this.#rivals(raw)] : tooMuch;
    const found = findings.slice(0, MAX_FINDINGS).map((finding) => locate(parts, finding));
    this.problems.push(...found);
    const fault = written ?? found[0];
    if (fault) {
      this.faults.set(name, fault);
    } else if (shape?.entry) {
      this.entries.set(name, shape.entry);
      this.#listening.add(name, shape.entry);
    }
  }

  /** An earlier entry with the same listen address keeps it; servers may share one as long as their keys differ. */
  #rivals(raw: RawEntry): Finding[] {
    const { listen, role } = raw;
    if (typeof listen !== "string" && typeof listen !== "number") return [];
    let keys = keysOf(raw).length;
    for (const [other, entry] of this.#listening.at(listen)) {
      if (entry.role === "server" && role === "server") {
        const theirs = keysOf(entry);
        const twin = keysOf(raw).find((key) => theirs.includes(key));
        keys += theirs.length;
        if (twin !== undefined) {
          const text = message("{0} has the same key at {1}: the key tells entries of one port apart, give each its own", quote(other), quoteListen(listen));
          return [{ at: ["key"], on: "value", message: text }];
        }
        if (keys > MAX_KEYS_ON_A_PORT) {
          const text = message("{0} keys share {1}, {2} are possible: use a second port", keys, quoteListen(listen), MAX_KEYS_ON_A_PORT);
          return [{ at: ["key"], on: "value", message: text }];
        }
        continue;
      }
      const text = message("{0} is taken by {1}: choose another port", quoteListen(listen), quote(other));
      return [{ at: ["listen"], on: "value", message: text }];
    }
    return [];
  }
}

/** An entry's key references as texts; the same reference always gives the same text. */
function keysOf({ key }: RawEntry | TunnelEntry): readonly string[] {
  return (Array.isArray(key) ? key : [key]).map((one) => JSON.stringify(one));
}

function mergeValues(parts: readonly Part[]): RawEntry {
  const merged: Record<string, unknown> = Object.create(null);
  for (const { entry } of parts) {
    for (const { key, value } of propertiesOf(entry.value)) {
      if (value) merged[String(key.value)] = plainValue(value);
    }
  }
  return merged;
}

/** The place of a finding: in the last file that has the property; a missing one is shown at the entry's name in the first. */
function locate(parts: readonly Part[], { at, on, message: text }: Finding): ConfigProblem {
  const [property, ...inside] = at;
  if (property === undefined) return atName(parts, text);
  for (const { document, entry } of parts.toReversed()) {
    const found = propertyOf(entry.value, String(property));
    if (!found) continue;
    let node = on === "key" && inside.length === 0 ? found.key : (found.value ?? found.key);
    for (const [index, segment] of inside.entries()) {
      const next = typeof segment === "number" ? node.children?.[segment] : propertyOf(node, segment);
      if (!next) break;
      const isLast = index === inside.length - 1;
      node = "key" in next ? (isLast && on === "key" ? next.key : (next.value ?? next.key)) : next;
    }
    return document.problemAt(node, text);
  }
  return atName(parts, text);
}

/** A problem at the entry's name in the first file that has it. */
function atName([first]: readonly Part[], text: Message): ConfigProblem {
  if (!first) throw new RangeError("an entry stands in a file");
  return first.document.problemAt(first.entry.key, text);
}
