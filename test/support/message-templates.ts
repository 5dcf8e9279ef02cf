/** The templates of the validator's messages, collected from the sources of shared/. */
import { readdirSync, readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";

const FOLDER = new URL("../../shared/", import.meta.url);

/** A call, its first argument a literal in either kind of quotation marks. */
const CALL = /\bmessage\(\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*[,)]/g;
/** Any call. The function itself is no call. */
const ANY_CALL = /(?<!function )\bmessage\(/g;

/** Every template, in English as it is written. */
export function messageTemplates(): ReadonlySet<string> {
  return new Set(sources().flatMap(({ text }) => [...text.matchAll(CALL)].map(([, literal = '""']) => String(runInNewContext(literal)))));
}

/** Calls whose template can't be collected, as FILE:OFFSET. */
export function untranslatableCalls(): readonly string[] {
  return sources().flatMap(({ name, text }) => {
    const good = new Set([...text.matchAll(CALL)].map(({ index }) => index));
    return [...text.matchAll(ANY_CALL)].flatMap(({ index }) => (good.has(index) ? [] : [`${name}:${index}`]));
  });
}

function sources(): readonly { readonly name: string; readonly text: string }[] {
  return readdirSync(FOLDER, { encoding: "utf8", recursive: true })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => ({ name, text: readFileSync(new URL(name, FOLDER), "utf8") }))
    .filter(({ text }) => /from "\.\.?\/message\.ts"/.test(text));
}
