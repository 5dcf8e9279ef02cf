/**
 * Whether an entry has so much in it that it should not be checked in detail.
 * Checking costs much more for each item than reading it did. Pure.
 */

import { type Message, message } from "../message.ts";
import { MAX_ENV_VARIABLES } from "./env-rules.ts";
import type { Finding, RawEntry } from "./finding.ts";
import { MAX_KEYS } from "./key-rules.ts";
import { entrySchema } from "./tunnels-file.ts";

/** What an entry can have, and several times as many mistakes. */
const MAX_PROPERTIES = 64;

const KNOWN = Object.keys(entrySchema.shape).length;

/** Our choice: variables of all tunnels of a file together; each name is compared with those of hundreds of tools. */
const MAX_VARIABLES = 1_000;

/** How many variables an entry sets. */
export function variablesOf({ env }: RawEntry): number {
  return isObject(env) ? Object.keys(env).length : 0;
}

/**
 * What is too much, with the limit; an entry with such a finding is not checked further. `count` is the number of
 * properties as they are written, `before` the number of variables in the entries before.
 */
export function sizeFindings(raw: RawEntry, { count, before }: { readonly count: number; readonly before: number }): Finding[] {
  if (count > MAX_PROPERTIES)
    return [{ at: [], on: "key", message: message("this tunnel has {0} properties: there are {1}, remove the others", count, KNOWN) }];
  const { key } = raw;
  const variables = variablesOf(raw);
  if (variables > MAX_ENV_VARIABLES) return [found("env", message('"env" has {0} variables: a tunnel may set {1}', variables, MAX_ENV_VARIABLES))];
  if (variables > 0 && before + variables > MAX_VARIABLES) {
    return [found("env", message("the tunnels of this file set more than {0} variables together: remove some", MAX_VARIABLES))];
  }
  if (Array.isArray(key) && key.length > MAX_KEYS) return [found("key", message('"key" lists {0} keys: a server may have {1}', key.length, MAX_KEYS))];
  const parts = isObject(key) ? Object.keys(key).length : 0;
  return parts > MAX_PROPERTIES ? [found("key", message('"key" has {0} properties: it takes "file" and "shared"', parts))] : [];
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function found(property: string, text: Message): Finding {
  return { at: [property], on: "value", message: text };
}
