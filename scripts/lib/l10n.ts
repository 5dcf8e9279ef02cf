/**
 * The texts that the extension shows and that can be translated: those of the
 * calls of t() in extension/ and of message() in shared/, daemon/ and extension/,
 * and causes and cures of the codes. The English text is the id. scripts/l10n.mjs writes the
 * English bundle from them, and a test fails when sources and bundles part ways.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { CODES } from "../../shared/contract/codes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The first place of each text, by text. */
export interface Texts {
  readonly places: ReadonlyMap<string, string>;
  /** Calls whose text is not in the source as a literal, as `FILE: CALL`. */
  readonly unreadable: readonly string[];
}

/** A bundle: translations by id. */
export type Bundle = Readonly<Record<string, string>>;

/** The differences between two bundles. */
export interface BundleGaps {
  readonly missing: readonly string[];
  readonly unused: readonly string[];
}

/** Calls whose text is no literal, and why that is allowed. */
const ALLOWED: readonly { readonly file: string; readonly call: RegExp }[] = [
  // Passes on its caller's text.
  { file: "extension/extension.ts", call: /^t\(text, \.\.\.args\)/ },
  // Templates of message(), collected there.
  { file: "extension/model/editor/problem-text.ts", call: /^t\(template\)/ },
  { file: "extension/model/failures/daemon-words.ts", call: /^t\(reason\.template\)/ },
  // Causes and cures, collected from the codes.
  { file: "extension/", call: /^t\((CODES\[[\w.]+\]|meaning)\.(cause|cure)\)|^t\(causeAt\[role\]\)|^t\(cureInWindow \?\? cure\)/ },
];

/** A literal as esbuild writes it, and the character after it. */
const LITERAL = /^\w+\(\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$\n]|\\.)*`)\s*[,)]/;

/** Everything that is to be translated. */
export function collectTexts(): Texts {
  const places = new Map<string, string>();
  const unreadable: string[] = [];
  const sources = [...callsIn("extension", "t"), ...["shared", "daemon", "extension"].flatMap((folder) => callsIn(folder, "message"))];
  for (const { file, call } of sources) {
    const text = literalOf(call);
    if (text !== undefined) places.set(text, places.get(text) ?? file);
    else if (!ALLOWED.some((one) => file.startsWith(one.file) && one.call.test(call))) unreadable.push(`${file}: ${call.split("\n")[0]}`);
  }
  for (const [code, { cause, causeAt, cure, cureInWindow, cureAtHand }] of Object.entries(CODES)) {
    for (const text of [
      cause,
      ...(causeAt ? [causeAt.client, causeAt.server] : []),
      cure,
      ...(cureInWindow ? [cureInWindow] : []),
      ...(cureAtHand ? [cureAtHand] : []),
    ])
      places.set(text, places.get(text) ?? `shared/contract/codes.ts (${code})`);
  }
  return { places, unreadable };
}

/** The English bundle: each id is its own translation. */
export function englishBundle({ places }: Texts): Bundle {
  return Object.fromEntries([...places.keys()].sort().map((id) => [id, id]));
}

/** The ids that `bundle` lacks, and those that it has beyond `ids`. */
export function gapsOf(ids: Iterable<string>, bundle: Bundle): BundleGaps {
  const wanted = new Set(ids);
  return { missing: [...wanted].filter((id) => !Object.hasOwn(bundle, id)), unused: Object.keys(bundle).filter((id) => !wanted.has(id)) };
}

/** The placeholders of a text, `{0}` and so on, each once. */
export function placeholdersIn(text: string): string[] {
  return [...new Set([...text.matchAll(/\{(\d+)\}/g)].map(([place]) => place))].sort();
}

/** The keys of COMMANDS that extension/ registers, each as often as it does. */
export function registeredCommands(): string[] {
  return callsIn("extension", "registerCommand").flatMap(({ call }) => /^registerCommand\(\s*COMMANDS\.(\w+)/.exec(call)?.[1] ?? []);
}

/** Calls of a function called `name` in the sources of a folder, from its name on, with comments and types taken out. */
export function callsIn(folder: string, name: string): { readonly file: string; readonly call: string }[] {
  const files = readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  return files.sort().flatMap((relative) => {
    const file = `${folder}/${relative.replaceAll("\\", "/")}`;
    const source = readFileSync(`${ROOT}${file}`, "utf8");
    if (name === "message" && file !== "shared/message.ts" && !/from ".*\/message\.ts"/.test(source)) return [];
    const { code } = transformSync(source, { sourcefile: file, loader: "ts", charset: "utf8", legalComments: "none", target: "es2022" });
    const calls = code.matchAll(new RegExp(`(?<![\\w$${name === "message" ? "#" : ""}]|function )${name}\\(`, "g"));
    return [...calls].map(({ index }) => ({ file, call: code.slice(index, index + 2_000) }));
  });
}

function literalOf(call: string): string | undefined {
  const literal = LITERAL.exec(call)?.[1];
  if (literal === undefined) return undefined;
  // In JSON's form: other quotation marks need no backslash, and a double one does.
  const inside = literal.startsWith('"')
    ? literal.slice(1, -1)
    : literal
        .slice(1, -1)
        .replace(/\\(['`$])/g, "$1")
        .replaceAll('"', '\\"');
  return JSON.parse(`"${inside}"`) as string;
}
