/**
 * The texts that the extension shows and that can be translated: those of the
 * calls of t() in extension/ and of message() in shared/contract/, and causes and
 * cures of the codes. The English text is the id. scripts/l10n.mjs writes the
 * English bundle from them, and a test fails when sources and bundles part ways.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { CODES } from "../../shared/contract/codes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Where each text stands first, by text. */
export interface Texts {
  readonly places: ReadonlyMap<string, string>;
  /** Calls whose text can't be read off the source, as `FILE: CALL`. */
  readonly unreadable: readonly string[];
}

/** A bundle: translations by id. */
export type Bundle = Readonly<Record<string, string>>;

/** What stands in the way of two bundles being alike. */
export interface BundleGaps {
  readonly missing: readonly string[];
  readonly unused: readonly string[];
}

/** Whose text is no literal, and why that is well. */
const ALLOWED: readonly { readonly file: string; readonly call: RegExp }[] = [
  // Hands on what its caller wrote.
  { file: "extension/extension.ts", call: /^t\(text, \.\.\.args\)/ },
  // Templates of message(), collected there.
  { file: "extension/model/editor/problem-text.ts", call: /^t\(template\)/ },
  // Causes and cures, collected from the codes.
  { file: "extension/", call: /^t\((CODES\[[\w.]+\]|meaning)\.(cause|cure)\)|^t\(causeAt\[role\]\)/ },
];

/** A literal as esbuild writes it, and what comes behind it. */
const LITERAL = /^\w+\(\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$\n]|\\.)*`)\s*[,)]/;

/** Everything that is to be translated. */
export function collectTexts(): Texts {
  const places = new Map<string, string>();
  const unreadable: string[] = [];
  const sources = [...callsIn("extension", "t"), ...callsIn("shared", "message"), ...callsIn("extension", "message")];
  for (const { file, call } of sources) {
    const text = literalOf(call);
    if (text !== undefined) places.set(text, places.get(text) ?? file);
    else if (!ALLOWED.some((one) => file.startsWith(one.file) && one.call.test(call))) unreadable.push(`${file}: ${call.split("\n")[0]}`);
  }
  for (const [code, { cause, causeAt, cure }] of Object.entries(CODES)) {
    for (const text of [cause, ...(causeAt ? [causeAt.client, causeAt.server] : []), cure])
      places.set(text, places.get(text) ?? `shared/contract/codes.ts (${code})`);
  }
  return { places, unreadable };
}

/** The English bundle: each id stands for itself. */
export function englishBundle({ places }: Texts): Bundle {
  return Object.fromEntries([...places.keys()].sort().map((id) => [id, id]));
}

/** What `bundle` lacks of `ids`, and has beyond them. */
export function gapsOf(ids: Iterable<string>, bundle: Bundle): BundleGaps {
  const wanted = new Set(ids);
  return { missing: [...wanted].filter((id) => !Object.hasOwn(bundle, id)), unused: Object.keys(bundle).filter((id) => !wanted.has(id)) };
}

/** The numbers of a text's places, `{0}` and so on, each once. */
export function placeholdersIn(text: string): string[] {
  return [...new Set([...text.matchAll(/\{(\d+)\}/g)].map(([place]) => place))].sort();
}

/** The keys of COMMANDS that extension/ registers, each as often as it does. */
export function registeredCommands(): string[] {
  return callsIn("extension", "registerCommand").flatMap(({ call }) => /^registerCommand\(\s*COMMANDS\.(\w+)/.exec(call)?.[1] ?? []);
}

/** Calls of a function called `name`, from its name on, with comments and types taken out. */
function callsIn(folder: string, name: string): { readonly file: string; readonly call: string }[] {
  const files = readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  return files.sort().flatMap((relative) => {
    const file = `${folder}/${relative.replaceAll("\\", "/")}`;
    const source = readFileSync(`${ROOT}${file}`, "utf8");
    if (name === "message" && !/from ".*\/message\.ts"/.test(source)) return [];
    const { code } = transformSync(source, { sourcefile: file, loader: "ts", charset: "utf8", legalComments: "none", target: "es2022" });
    const calls = code.matchAll(new RegExp(`(?<![\\w$]|function )${name}\\(`, "g"));
    return [...calls].map(({ index }) => ({ file, call: code.slice(index, index + 2_000) }));
  });
}

function literalOf(call: string): string | undefined {
  const literal = LITERAL.exec(call)?.[1];
  if (literal === undefined) return undefined;
  // JSON's form of it: the other marks need no backslash, and a double one does.
  const inside = literal.startsWith('"')
    ? literal.slice(1, -1)
    : literal
        .slice(1, -1)
        .replace(/\\(['`$])/g, "$1")
        .replaceAll('"', '\\"');
  return JSON.parse(`"${inside}"`) as string;
}
