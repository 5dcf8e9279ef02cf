/**
 * The fixes for a property's value in a tunnels.json: quotation marks where none
 * belong, a mistyped word, a port that another entry has. Pure.
 */
import type { Node } from "jsonc-parser";
import { addressFault } from "../../../shared/contract/address-rules.ts";
import { propertyOf } from "../../../shared/contract/config-document.ts";
import { isRedis } from "../../../shared/contract/service-titles.ts";
import { entrySchema, NAME_PATTERN, type Service, serviceSchema } from "../../../shared/contract/tunnels-file.ts";
import { nearest } from "../../../shared/nearest.ts";
import { quote } from "../../../shared/plain-text.ts";
import { type FixContext, type FixSpot, listenSpot, type QuickFix, replacement } from "./quick-fix.ts";

const { shape } = entrySchema;

/** Properties that take one of a few words. */
const WORDS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ["service", serviceSchema.options],
  ["role", shape.role.unwrap().options],
  ["forwardSecrecy", shape.forwardSecrecy.unwrap().options],
]);

/** The fixes of a problem with a value. */
export function valueFixes(spot: FixSpot, context: FixContext): QuickFix[] {
  const { names, node } = spot;
  if (names.length === 1) return names[0] === "version" && node.value === "1" ? [unquoted(node, 1, context)] : [];
  const property = names[0] === "tunnels" && names.length === 3 ? names[2] : undefined;
  switch (property) {
    case undefined:
      return [];
    case "listen":
      return listenFixes(node, context);
    case "target":
    case "bind":
      return urlFixes(node, context);
    case "key":
      return keyFixes(node, context);
    case "database":
      return databaseFixes(spot, context);
    default:
      return [...wordFixes(property, node, context), ...scalarFixes(property, node, context)];
  }
}

function listenFixes(node: Node, context: FixContext): QuickFix[] {
  const { value } = node;
  if (typeof value === "string" && /^\d{1,5}$/.test(value)) return [unquoted(node, Number(value), context)];
  const url = urlFixes(node, context);
  if (url.length > 0) return url;
  // If a valid address is a problem, another entry has the same address.
  const right =
    typeof value === "number"
      ? shape.listen.safeParse(value).success
      : addressFault(String(value), { role: "listen", platform: process.platform }) === undefined;
  const listen = right ? listenSpot(node) : undefined;
  return listen ? [{ title: context.t("Use a free port"), preferred: true, does: { at: "free-port", listen } }] : [];
}

function urlFixes(node: Node, { text, t }: FixContext): QuickFix[] {
  const address = typeof node.value === "string" ? /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/]*@)?([^/?#]+)/i.exec(node.value)?.[1] : undefined;
  if (address === undefined || addressFault(address, { role: "target", platform: process.platform }) !== undefined) return [];
  return [replacement(t("Change to {0}", quote(address)), { text, node, value: address })];
}

function keyFixes(node: Node, { text, t }: FixContext): QuickFix[] {
  const { value } = node;
  if (typeof value !== "string" || !/[\\/]/.test(value) || NAME_PATTERN.test(value)) return [];
  return [replacement(t("Make it the path of a key file"), { text, node, value: { file: value } })];
}

function databaseFixes({ node, object }: FixSpot, context: FixContext): QuickFix[] {
  const service = propertyOf(object, "service")?.value?.value;
  const isByName = service !== undefined && !isRedis(service) && service !== "tcp";
  if (typeof node.value === "string" && /^\d{1,7}$/.test(node.value) && !isByName) return [unquoted(node, Number(node.value), context)];
  if (typeof node.value !== "number" || !isByName) return [];
  return [replacement(context.t("Add the quotation marks"), { text: context.text, node, value: String(node.value) })];
}

/** What people write for a service. Every other service is tcp: bytes in, bytes out. */
const SERVICE_NAMES: ReadonlyMap<string, Service> = new Map([
  ...["cluster", "rediscluster", "redis_cluster", "valkey-cluster"].map((name) => [name, "redis-cluster"] as const),
  ...["valkey", "keydb", "dragonfly", "rediss", "redis-server", "cache"].map((name) => [name, "redis"] as const),
  ...["mariadb", "mysqld", "mysqls", "percona", "tidb", "aurora"].map((name) => [name, "mysql"] as const),
  ...["postgresql", "pg", "psql", "pgbouncer", "cockroachdb", "timescale", "timescaledb"].map((name) => [name, "postgres"] as const),
  ...["mongo", "mongod", "mongos", "ferretdb", "documentdb"].map((name) => [name, "mongodb"] as const),
]);

/** The word that was meant first, then the others that are allowed: a wrong word always has a fix of its own. */
function wordFixes(property: string, node: Node, { text, t }: FixContext): QuickFix[] {
  const words = WORDS.get(property) ?? [];
  if (words.includes(node.value)) return [];
  const typed = typeof node.value === "string" ? node.value.trim().toLowerCase() : "";
  const known = property === "service" && typed !== "" ? SERVICE_NAMES.get(typed) : undefined;
  const otherwise = property === "service" && typed !== "" ? "tcp" : undefined;
  const guess = known ?? nearest(typed, words) ?? otherwise;
  const ordered = [...words].sort((one, other) => Number(other === guess) - Number(one === guess));
  return ordered.map((word) => {
    const title = word === "tcp" && guess === otherwise && word === guess ? t("Change to {0}, for any service", quote(word)) : t("Change to {0}", quote(word));
    return { ...replacement(title, { text, node, value: word }), preferred: word === guess };
  });
}

/** Removes quotation marks around a number or boolean, if the schema accepts the value without them. */
function scalarFixes(property: string, node: Node, context: FixContext): QuickFix[] {
  const written =
    typeof node.value === "string" && /^(?:true|false|\d{1,9}(?:\.\d{1,9})?)$/.test(node.value)
      ? (JSON.parse(node.value.replace(/^0+(?=\d)/, "")) as unknown)
      : undefined;
  const schema = Object.entries(shape).find(([name]) => name === property)?.[1];
  return written !== undefined && schema?.safeParse(written).success && !schema.safeParse(node.value).success ? [unquoted(node, written, context)] : [];
}

function unquoted(node: Node, value: unknown, { text, t }: FixContext): QuickFix {
  return replacement(t("Remove the quotation marks"), { text, node, value });
}
