/**
 * What the schema can't say about an entry: the forms of addresses, what belongs
 * together, and what a file from a stranger may not do. Each rule looks at raw
 * values and ignores those of a wrong type, which `entry-shape.ts` reports. Pure.
 */

import { backendFault, TARGET_NAME } from "../far-target.ts";
import { type Message, message } from "../message.ts";
import { hasUnfitCharacters, quote } from "../plain-text.ts";
import { addressFault, quoteListen, sameListen } from "./address-rules.ts";
import { readAllow } from "./allow-rules.ts";
import { POSTGRES_SOCKET } from "./connection-url.ts";
import { envNameFault, envValueFault } from "./env-rules.ts";
import type { Finding, RawEntry } from "./finding.ts";
import { keyFindings } from "./key-rules.ts";
import { isRedis, SERVICE_TITLES } from "./service-titles.ts";

/** Our choice: how many faulty variables of one entry are reported. */
const MAX_FAULTY_VARIABLES = 10;

/** Our choice: the same for targets and lines of "allow". */
const MAX_FAULTY_LINES = 10;

/** Faults of an entry beyond its shape. */
export function ruleFindings(raw: RawEntry, platform: NodeJS.Platform): Finding[] {
  return [
    ...characterFindings(raw),
    ...addressFindings(raw, platform),
    ...("key" in raw ? keyFindings(raw["key"], raw["role"]) : []),
    ...serviceFindings(raw),
    ...socketFindings(raw),
    ...tlsFindings(raw),
    ...clusterFindings(raw),
    ...backendFindings(raw),
    ...targetsFindings(raw, platform),
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

function addressFindings(raw: RawEntry, platform: NodeJS.Platform): Finding[] {
  const findings = (["listen", "target", "bind"] as const).flatMap((role): Finding[] => {
    const text = raw[role];
    if (typeof text !== "string" || text === "" || hasUnfitCharacters(text)) return [];
    const fault = addressFault(text, { role, platform });
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
    for (const property of ["user", "database", "env", "refusal"]) {
      if (!(property in raw)) continue;
      const text = message("\"{0}\" belongs to the client's entry: a server's port is encrypted, remove it here", property);
      findings.push({ at: [property], on: "key", message: text });
    }
  } else if (service === "tcp") {
    for (const property of ["user", "database"]) {
      if (!(property in raw)) continue;
      findings.push({ at: [property], on: "key", message: needsService(property) });
    }
  }
  for (const property of ["user", "database"]) {
    const value = raw[property];
    if (typeof value === "string" && value.startsWith("-"))
      findings.push(at(property, message('"{0}" may not begin with "-", which a program would take for an option', property)));
  }
  return [...findings, ...databaseFindings(raw["database"], service)];
}

function needsService(property: string): Message {
  return message('"{0}" needs a "service" other than tcp, such as "redis": add that, or remove this', property);
}

/** No client of PostgreSQL takes the path of a socket: it takes a folder, and a port that is in the socket's name. */
function socketFindings(raw: RawEntry): Finding[] {
  const { listen, service, role } = raw;
  if (service !== "postgres" || role === "server" || typeof listen !== "string" || !listen.startsWith("/") || POSTGRES_SOCKET.test(listen)) return [];
  return [at("listen", message('a socket for PostgreSQL must be called ".s.PGSQL." and a port, such as {0}', quote("/run/db/.s.PGSQL.5432")))];
}

/** `tls` needs a service of a known kind; and no client's URL can say TLS for a socket path to Redis. */
function tlsFindings(raw: RawEntry): Finding[] {
  if (raw["tls"] !== true) return [];
  const service = raw["service"] ?? "tcp";
  if (service === "tcp") return [{ at: ["tls"], on: "key", message: needsService("tls") }];
  const { listen } = raw;
  const isSocket = typeof listen === "string" && listen.startsWith("/");
  if (!isRedis(service) || raw["role"] === "server" || !isSocket) return [];
  return [at("tls", message('"tls" with Redis needs a port as "listen": no client connects by TLS through a socket path'))];
}

/** Each node of a cluster is asked for on the native wire, and by addresses that must not be inside TLS. */
function clusterFindings(raw: RawEntry): Finding[] {
  if (raw["service"] !== "redis-cluster" || raw["role"] === "server") return [];
  if (raw["tls"] === true) return [at("tls", message('"redis-cluster" can\'t change the addresses of nodes inside TLS: remove "tls"'))];
  if (raw["wire"] === "spiped") return [at("wire", message('"redis-cluster" needs the native wire for the nodes: remove "wire"'))];
  return raw["forwardSecrecy"] === "off"
    ? [at("forwardSecrecy", message('"redis-cluster" needs the native wire, which always has forward secrecy: remove this'))]
    : [];
}

/** `backend` is a client's, and asks on the native wire. */
function backendFindings(raw: RawEntry): Finding[] {
  if (!("backend" in raw)) return [];
  const { backend } = raw;
  if (raw["role"] === "server") {
    return [{ at: ["backend"], on: "key", message: message('"backend" belongs to the client\'s entry: a server has "targets" and "allow"') }];
  }
  if (typeof backend !== "string" || backend === "") return [];
  const fault = backendFault(backend);
  if (fault) return [at("backend", fault)];
  if (raw["wire"] === "spiped") return [at("wire", message('"backend" needs the native wire: remove "wire"'))];
  return raw["forwardSecrecy"] === "off"
    ? [at("forwardSecrecy", message('"backend" needs the native wire, which always has forward secrecy: remove this'))]
    : [];
}

/** `targets` and `allow` are a server's. */
function targetsFindings(raw: RawEntry, platform: NodeJS.Platform): Finding[] {
  const findings: Finding[] = [];
  if (raw["role"] !== "server") {
    for (const property of ["targets", "allow"]) {
      if (property in raw) findings.push({ at: [property], on: "key", message: message('"{0}" belongs to the server\'s entry: remove it here', property) });
    }
    return findings;
  }
  const { targets, allow } = raw;
  if (typeof targets === "object" && targets !== null && !Array.isArray(targets)) {
    findings.push(
      ...firstOf(Object.entries(targets), MAX_FAULTY_LINES, ([name, address]): Finding[] => {
        if (typeof address !== "string" || address === "" || !TARGET_NAME.test(name)) return [];
        const fault = hasUnfitCharacters(address)
          ? message('"{0}" has a control or invisible character in it: write it without', "targets")
          : addressFault(address, { role: "target", platform });
        return fault === undefined ? [] : [{ at: ["targets", name], on: "value", message: fault }];
      }),
    );
  }
  if (Array.isArray(allow)) {
    findings.push(
      ...firstOf([...allow.entries()], MAX_FAULTY_LINES, ([index, line]): Finding[] => {
        if (typeof line !== "string" || line === "") return [];
        const read = readAllow(line);
        return "fault" in read ? [{ at: ["allow", index], on: "value", message: read.fault }] : [];
      }),
    );
  }
  return findings;
}

function databaseFindings(database: unknown, service: unknown): Finding[] {
  if (isRedis(service) && typeof database === "string") {
    const text = /^\d{1,7}$/.test(database)
      ? message('"database" must be a whole number for Redis, not {0}: write {1} without quotation marks', quote(database), Number(database))
      : message('"database" must be a whole number for Redis, not {0}: Redis numbers its databases, from 0', quote(database));
    return [at("database", text)];
  }
  if ((service === "mysql" || service === "postgres" || service === "mongodb") && typeof database === "number")
    return [at("database", message('"database" must be a name for {0}: write "{1}" if it is called that', SERVICE_TITLES[service], database))];
  // In a URL these two are steps through a path, however they are encoded.
  if (database === "." || database === "..") return [at("database", message("\"database\" can't be {0}: write the database's name", quote(database)))];
  return [];
}

function envFindings(env: unknown): Finding[] {
  if (typeof env !== "object" || env === null || Array.isArray(env)) return [];
  const entries = Object.entries(env);
  return firstOf(entries, MAX_FAULTY_VARIABLES, ([name, value]): Finding[] => {
    const nameFault = envNameFault(name);
    if (nameFault !== undefined) return [{ at: ["env", name], on: "key", message: nameFault }];
    if (typeof value !== "string") return [];
    const fault = hasUnfitCharacters(value)
      ? message("{0} has a control or invisible character in it: write it without", quote(name))
      : envValueFault(name, value);
    return fault === undefined ? [] : [{ at: ["env", name], on: "value", message: fault }];
  });
}

/** What `find` finds, up to about `most`: the rest is not looked at. */
function firstOf<T>(list: readonly T[], most: number, find: (one: T) => Finding[]): Finding[] {
  const found: Finding[] = [];
  for (const one of list) {
    if (found.length >= most) break;
    found.push(...find(one));
  }
  return found;
}

function at(property: string, text: Message): Finding {
  return { at: [property], on: "value", message: text };
}
