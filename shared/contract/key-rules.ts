/**
 * What an entry may say under `key`. No message repeats the value: it may be a key
 * that somebody put into the file, where no key may be, and it must not spread
 * from there. Pure.
 */

import { type Message, message } from "../message.ts";
import { nearest } from "../nearest.ts";
import { hasUnfitCharacters, quote } from "../plain-text.ts";
import type { Finding } from "./finding.ts";
import { NAME_PATTERN } from "./tunnels-file.ts";

/** The schema's limit: enough to replace a key while old ones are in use. */
export const MAX_KEYS = 8;
/** Our choice: how many unknown properties of a key are named. */
const MAX_UNKNOWN = 5;
const MAX_PATH_LENGTH = 4_096;
/** What an object under `key` may have. */
const KEY_PROPERTIES: readonly string[] = ["file", "shared"];

/** 32 bytes, as hexadecimal digits and as base64 without padding. */
const HEX_SECRET = /^[0-9a-f]{64,}$/i;
const BASE64_SECRET = /^[A-Za-z0-9+/_-]{43,}={0,2}$/;

/** Faults of the value of `key`. */
export function keyFindings(key: unknown, role: unknown): Finding[] {
  if (!Array.isArray(key)) return oneKey(key, ["key"]);
  if (key.length === 0) return [found([], message('"key" is an empty list: name at least one key'))];
  const findings = key.flatMap((one, index) => oneKey(one, ["key", index]));
  if (role !== "server" && key.length > 1)
    findings.push(found([], message('a client has one key: name the one the far side uses (only "role": "server" may list several)')));
  const texts = key.map((one) => JSON.stringify(one));
  const twice = texts.findIndex((text, index) => texts.indexOf(text) < index);
  if (twice >= 0) findings.push(found([twice], message("this key is there twice: remove one")));
  return findings;
}

function oneKey(value: unknown, at: Finding["at"]): Finding[] {
  const fault = (text: Message): Finding[] => [{ at, on: "value", message: text }];
  if (typeof value === "string") return nameFault(value).flatMap(fault);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fault(message('"key" must be the name of a key in quotation marks, or { "file": "path" }'));
  }
  const findings = Object.keys(value)
    .filter((name) => !KEY_PROPERTIES.includes(name))
    .slice(0, MAX_UNKNOWN)
    .map((name): Finding => {
      const guess = nearest(name, KEY_PROPERTIES);
      const text = guess
        ? message('there is no property {0} in a key: did you mean "{1}"?', quote(name), guess)
        : message('there is no property {0} in a key: it takes "file" and "shared"', quote(name));
      return { at: [...at, name], on: "key", message: text };
    });
  const { shared } = value as { readonly shared?: unknown };
  if (shared !== undefined && typeof shared !== "boolean")
    findings.push({ at: [...at, "shared"], on: "value", message: message('"shared" must be true or false: true says that others may read this key file') });
  // A mistyped "file" is one mistake, not a missing one too.
  if (!Object.hasOwn(value, "file"))
    return [...findings, ...(findings.some(({ on }) => on === "key") ? [] : fault(message('"file" is missing: write { "file": "path of the key file" }')))];
  const { file } = value as { readonly file: unknown };
  const text = fileFault(file);
  return text === undefined ? findings : [...findings, { at: [...at, "file"], on: "value", message: text }];
}

function nameFault(name: string): Message[] {
  if (looksSecret(name))
    return [
      message(
        "this looks like a key itself, and this file is shared: put it in a key file (tunneld keys import) and name that; if it has been shared, make a new one",
      ),
    ];
  if (/[\\/]/.test(name)) return [message('this looks like a path: write { "file": "path" }, or the name of a key in the key folder')];
  return NAME_PATTERN.test(name) ? [] : [message('this is no name of a key: use up to 64 letters, digits, "_", "." and "-", the first a letter or digit')];
}

function fileFault(file: unknown): Message | undefined {
  if (typeof file !== "string" || file === "") return message('"file" must be the path of a key file');
  if (looksSecretFile(file))
    return message(
      "this looks like a key itself, and this file is shared: put it in a key file and write that file's path; if it has been shared, make a new one",
    );
  if (file.length > MAX_PATH_LENGTH) return message('"file" is longer than {0} characters: is it a path?', MAX_PATH_LENGTH);
  return hasUnfitCharacters(file) ? message('"file" has a control character in it: write the path without it') : undefined;
}

/** Whether `text` could be 32 bytes or more of key: hexadecimal, or base64 with capitals, small letters and digits mixed. */
function looksSecret(text: string): boolean {
  const dense = text.replace(/[\s:]/g, "");
  if (HEX_SECRET.test(dense)) return true;
  return BASE64_SECRET.test(dense) && (/[=+/]/.test(dense) || [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(dense)));
}

/** The same for a path, in which slashes are usual. */
function looksSecretFile(text: string): boolean {
  if (/^[/~.\\]|^[A-Za-z]:[\\/]/.test(text)) return false;
  return looksSecret(text) && (!text.includes("/") || text.endsWith("="));
}

function found(inside: readonly number[], text: Message): Finding {
  return { at: ["key", ...inside], on: "value", message: text };
}
