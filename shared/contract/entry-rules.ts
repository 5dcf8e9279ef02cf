/**
 * What the schema can't say of an entry: the forms of addresses, what belongs
 * together, and what a file from a stranger may not do. Each rule looks at raw
 * values and ignores those of a wrong type, which `entry-shape.ts` reports. Pure.
 */

import { type Message, message } from "../message.ts";
import { hasUnfitCharacters, quote } from "../plain-text.ts";
import { endpointFault, quoteListen, sameListen } from "./address-rules.ts";
import { envNameFault, envValueFault, MAX_ENV_VARIABLES } from "./env-rules.ts";
import type { Finding, RawEntry } from "./finding.ts";
import { keyFindings } from "./key-rules.ts";

/** Faults of an entry beyond its shape. */
export function ruleFindings(raw: RawEntry, platform: NodeJS.Platform): Finding[] {
  return [
    ...characterFindings(raw),
    ...endpointFindings(raw, platform),
    ...("key" in raw ? keyFindings(raw["key"], raw["role"]) : []),
    ...serviceFindings(raw),
    ...envFindings(raw["env"]),
  ];
}

function characterFindings(raw: RawEntry): Finding[] {
  return ["listen", "target", "bind", "user", "database", "group"].flatMap((property) => {
    const value = raw[property];
    if (typeof value !== "string" || !hasUnfitCharacters(value)) return [];
    return [at(property, message('"{0}" has a control or invisible character in it: write it without', property))];
  });
}

function endpointFindings(raw: RawEntry, platform: NodeJS.Platform): Finding[] {
  const findings = (["listen", "target", "bind"] as const).flatMap((role): Finding[] => {
    const text = raw[role];
    if (typeof text !== "string" || text === "" || hasUnfitCharacters(text)) return [];
    const fault = endpointFault(text, { role, platform });
    return fault === undefined ? [] : [at(role, fault)];
  });
  const { listen, target } = raw;
  const comparable = (typeof listen === "string" || typeof listen === "number") && typeof target === "string";
  if (comparable && findings.length === 0 && sameListen(listen, target)) {
    findings.push(at("target", message("the tunnel would lead to itself: {0} is its own listen address", quoteListen(listen))));
  }
  return findings;
}

/** `user`, `database` and `env` serve clients of a database: they mean nothing elsewhere. */
function serviceFindings(raw: RawEntry): Finding[] {
  const findings: Finding[] = [];
  const service = raw["service"] ?? "tcp";
  if (raw["role"] === "server") {
    for (const property of ["user", "database", "env"]) {
      if (!(property in raw)) continue;
      const text = message("\"{0}\" belongs to the client's entry: a server's port is encrypted, remove it here", property);
      findings.push({ at: [property], on: "key", message: text });
    }
  } else if (service === "tcp") {
    for (const property of ["user", "database"]) {
      if (!(property in raw)) continue;
      findings.push({ at: [property], on: "key", message: message('"{0}" needs "service": "redis" or "mysql": add that, or remove this', property) });
    }
  }
  for (const property of ["user", "database"]) {
    const value = raw[property];
    if (typeof value === "string" && value.startsWith("-"))
      findings.push(at(property, message('"{0}" may not begin with "-", which a program would take for an option', property)));
  }
  return [...findings, ...databaseFindings(raw["database"], service)];
}

function databaseFindings(database: unknown, service: unknown): Finding[] {
  if (service === "redis" && typeof database === "string") {
    const text = /^\d{1,7}$/.test(database)
      ? message('"database" must be a whole number for Redis, not {0}: write {1} without quotation marks', quote(database), Number(database))
      : message('"database" must be a whole number for Redis, not {0}: Redis numbers its databases, from 0', quote(database));
    return [at("database", text)];
  }
  if (service === "mysql" && typeof database === "number")
    return [at("database", message('"database" must be a name for MySQL: write "{0}" if it is called that', database))];
  // In a URL these two are steps through a path, however they are encoded.
  if (database === "." || database === "..") return [at("database", message("\"database\" can't be {0}: write the database's name", quote(database)))];
  return [];
}

function envFindings(env: unknown): Finding[] {
  if (typeof env !== "object" || env === null || Array.isArray(env)) return [];
  const entries = Object.entries(env);
  if (entries.length > MAX_ENV_VARIABLES) return [at("env", message('"env" has {0} variables: a tunnel may set {1}', entries.length, MAX_ENV_VARIABLES))];
  return entries.flatMap(([name, value]): Finding[] => {
    const nameFault = envNameFault(name);
    if (nameFault !== undefined) return [{ at: ["env", name], on: "key", message: nameFault }];
    if (typeof value !== "string") return [];
    const fault = hasUnfitCharacters(value)
      ? message("{0} has a control or invisible character in it: write it without", quote(name))
      : envValueFault(name, value);
    return fault === undefined ? [] : [{ at: ["env", name], on: "value", message: fault }];
  });
}

function at(property: string, text: Message): Finding {
  return { at: [property], on: "value", message: text };
}
