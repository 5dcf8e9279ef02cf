/** The templates of messages, collected from the sources of shared/ and daemon/. */
import { readdirSync, readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";

const ROOT = new URL("../../", import.meta.url);

/** A call, its first argument a literal in either kind of quotation marks. */
const CALL = /(?<![#.])\bmessage\(\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*[,)]/g;
/** Any call. The function itself is no call, nor is a method of that name. */
const ANY_CALL = /(?<!function |[#.])\bmessage\(/g;

/** Every template, as written in English. */
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
  return ["shared/", "daemon/"].flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => ({ name, text: readFileSync(new URL(folder + name, ROOT), "utf8") }))
      .filter(({ name, text }) => name === "message.ts" || /from "[^"]*\/message\.ts"/.test(text)),
  );
}
