/**
 * Which environment variables a tunnels.json may set. The file comes from a
 * repository, so it must not be able to make a program that the user runs load
 * code, run another program, or trust another server. A name with the shape of an
 * application's passes, a known or tool-shaped name is refused, and the approval
 * question marks every other. Pure.
 */

import { type Message, message } from "../message.ts";
import { quote } from "../plain-text.ts";
import { APPLICATION_NAMES, KNOWN_NAMES, KNOWN_PREFIXES } from "./env-known-names.ts";
import { envShape } from "./env-shapes.ts";

/** Placeholders in values. */
export const ENV_PLACEHOLDERS = ["url", "host", "port", "name"] as const;

const PLACEHOLDER_LIST = ENV_PLACEHOLDERS.map((name) => `\${${name}}`).join(", ");

/** Our choice: more variables than this for one tunnel are a mistake. */
export const MAX_ENV_VARIABLES = 100;

/** POSIX.1-2017, 8.1, with lower case; what every shell can use. */
const NAME_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether a name may not be set, is pointed out to the user, or is like those of applications. */
export type EnvNameKind = "refused" | "unusual" | "usual";

/** What is wrong with a variable's name, with the cure; undefined when nothing is wrong. */
export function envNameFault(name: string): Message | undefined {
  if (!NAME_PATTERN.test(name))
    return message("{0} is no name of an environment variable: use letters, digits and underscores, and no digit first", quote(name));
  if (envNameKind(name) !== "refused") return undefined;
  return message("a tunnel may not set {0}, which changes what programs run or trust: use a variable of your own application", quote(name));
}

/** The kind of a variable's name, without regard to case: Windows ignores case, and some tools read small letters. */
export function envNameKind(name: string): EnvNameKind {
  const upper = name.toUpperCase();
  if (APPLICATION_NAMES.has(upper)) return "usual";
  if (KNOWN_NAMES.has(upper) || KNOWN_PREFIXES.some((prefix) => upper.startsWith(prefix))) return "refused";
  switch (envShape(upper)) {
    case "tool":
      return "refused";
    case "application":
      return "usual";
    case "other":
      return "unusual";
  }
}

/** The variables of `env` that the approval question marks, in their order, without names that can't be variables. */
export function unusualNames(env: Readonly<Record<string, string>>): string[] {
  return Object.keys(env).filter((name) => NAME_PATTERN.test(name) && envNameKind(name) !== "usual");
}

/** What is wrong with the value of the variable `name`, with the cure; undefined when nothing is wrong. */
export function envValueFault(name: string, value: string): Message | undefined {
  for (const match of value.matchAll(/\$\{([^}]*)(\}?)/g)) {
    const [, inside = "", end] = match;
    if (end === "") return message('{0} has a "$" and "{" without the "}": there are {1}', quote(name), PLACEHOLDER_LIST);
    if (ENV_PLACEHOLDERS.some((known) => known === inside)) continue;
    return message("{0} has an unknown placeholder {1}: there are {2}", quote(name), quote(`\${${inside}}`), PLACEHOLDER_LIST);
  }
  return undefined;
}
