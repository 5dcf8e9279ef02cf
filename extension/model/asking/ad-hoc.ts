/**
 * The questions for a tunnel without a file: the defaults, the faults of an answer
 * while it is typed (the contract's validator checks it as part of the future
 * entry), and the entry that results. Pure.
 */

import { sameListen } from "../../../shared/contract/address-rules.ts";
import { parseTunnelsText } from "../../../shared/contract/config-text.ts";
import type { ApprovalFacts } from "../../../shared/contract/methods.ts";
import { isRedis } from "../../../shared/contract/service-titles.ts";
import { NAME_PATTERN, type Service, serviceSchema } from "../../../shared/contract/tunnels-file.ts";
import type { EntryText } from "../editor/config-edit.ts";
import { problemText } from "../editor/problem-text.ts";
import type { Translate } from "../translate.ts";
import type { TunnelItem } from "../tunnel-item.ts";

/** The answers so far. */
export interface AdHocDraft {
  readonly service: Service;
  /** host:port of the far end. */
  readonly target: string;
  /** A key's name. */
  readonly key: string;
  /** As typed: a port, host:port or a socket path. */
  readonly listen: string;
  readonly name: string;
}

/** The questions, in their order. */
export const AD_HOC_STEPS = ["service", "target", "key", "listen", "name", "save"] as const;

/** One of {@link AD_HOC_STEPS}. */
export type AdHocStep = (typeof AD_HOC_STEPS)[number];

/** Valid answers that conflict with no other: they stand in for answers not given yet. */
const STAND_IN: AdHocDraft = { service: "tcp", target: "host.example.com:6479", key: "key", listen: "0", name: "tunnel" };

/** Our choice: near the services' usual 6379, 3306, 5432 and 27017, which a local server may already use. */
const LOCAL_PORTS: Readonly<Record<Service, number>> = { redis: 6_579, "redis-cluster": 6_579, mysql: 3_307, postgres: 5_433, mongodb: 27_018, tcp: 9_000 };

/** The far end's ports in the design's examples. */
const REMOTE_PORTS: Readonly<Record<Service, number>> = { redis: 6_479, "redis-cluster": 6_479, mysql: 3_406, postgres: 5_532, mongodb: 27_117, tcp: 9_479 };

/** Our choice: one of this many ports will be free. */
const PORTS_TRIED = 200;

/** An example of the far end's address. */
export function exampleTarget(service: Service): string {
  return `${isRedis(service) || service === "tcp" ? "cache" : "db"}.example.com:${REMOTE_PORTS[service]}`;
}

/** The entry as it will be written: without defaults. */
export function candidateEntry({ service, target, key, listen }: Omit<AdHocDraft, "name">): EntryText {
  return { service, listen: listenValue(listen), target: target.trim(), key };
}

/** A listen address as it is written in a file: a port as a number. */
export function listenValue(typed: string): string | number {
  const address = typed.trim();
  return /^\d{1,5}$/.test(address) ? Number(address) : address;
}

/** The listen address with another port, as a user would type it: with the host, if the address has one; a socket path becomes the port alone. */
export function listenAt(listen: string | number, port: number): string {
  const host = typeof listen === "string" ? /^(\[[^\]]+\]|[^:/\\]+):\d+$/.exec(listen)?.[1] : undefined;
  return host === undefined ? String(port) : `${host}:${port}`;
}

/**
 * The entry of a tunnel that is kept as an ad-hoc tunnel. In a folder without a tunnels.json, the extension does not run
 * after a reload, so no window would say that it still wants the tunnel. The tunnel therefore stays open until it is closed.
 */
export function adHocEntry(draft: Omit<AdHocDraft, "name">): EntryText {
  return { ...candidateEntry(draft), keepOpen: true };
}

/** The same entry for a file that the user edits: there the user decides how long the tunnel stays open. */
export function savedEntry({ keepOpen, ...entry }: EntryText): EntryText {
  return entry;
}

/** The answers that an entry came from; undefined when the entry says more than answers can. */
export function draftOf(name: string, entry: EntryText): AdHocDraft | undefined {
  const { service, listen, target, key, ...more } = entry;
  const known = serviceSchema.safeParse(service);
  if (!known.success || typeof target !== "string" || typeof key !== "string" || Object.keys(more).length > 0) return undefined;
  return typeof listen === "string" || typeof listen === "number" ? { name, service: known.data, listen: String(listen), target, key } : undefined;
}

/** How an answer is judged. */
export interface JudgeContext {
  readonly t: Translate;
  readonly platform: NodeJS.Platform;
}

/** What is wrong with the given answers, as a sentence; undefined: nothing. Missing answers are not a mistake. */
export function draftFault(answers: Partial<AdHocDraft>, { t, platform }: JudgeContext): string | undefined {
  const { name, ...entry } = { ...STAND_IN, ...answers };
  const text = JSON.stringify({ version: 1, tunnels: { [name.trim()]: candidateEntry(entry) } });
  const [problem] = parseTunnelsText(text, { path: "", platform }).problems;
  return problem && problemText(problem, t);
}

/** The tunnels whose names and addresses are already taken. */
export interface Rivals {
  readonly items: readonly TunnelItem[];
  readonly t: Translate;
}

/** Says which tunnel of this window has the listen address; undefined: none. */
export function listenRival(listen: string, { items, t }: Rivals): string | undefined {
  const address = listenValue(listen);
  const rival = items.find(({ entry }) => entry !== undefined && sameListen(entry.listen, address));
  return rival && t("The tunnel {0} has this address: choose another port.", rival.name);
}

/** Says that this window already has a tunnel of this name; undefined: it has none. The same name in two files is confusing. */
export function nameRival(name: string, { items, t }: Rivals): string | undefined {
  const taken = items.some((item) => item.name === name.trim() && item.place !== undefined);
  return taken ? t("There is a tunnel {0} already: choose another name.", name.trim()) : undefined;
}

/** Ports to offer, the service's usual port first, without the ports of this window's tunnels. */
export function candidatePorts(service: Service, items: readonly TunnelItem[]): number[] {
  const first = LOCAL_PORTS[service];
  const ports = Array.from({ length: PORTS_TRIED }, (_, index) => first + index);
  return ports.filter((port) => !items.some(({ entry }) => entry !== undefined && sameListen(entry.listen, port)));
}

/** A name for the tunnel: the far end's name, or the service's if the far end has none; with a number if the name is taken. */
export function suggestName({ target, service }: Pick<AdHocDraft, "target" | "service">, items: readonly TunnelItem[]): string {
  const label = /^([A-Za-z][\w-]*)(?:\.|:)/.exec(target.trim())?.[1] ?? service;
  const base = NAME_PATTERN.test(label) ? label.slice(0, 60) : service;
  const taken = new Set(items.map(({ name }) => name));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!taken.has(name)) return name;
  }
}

/**
 * Whether the approval would cover exactly what the user has just typed: then no second question is needed. Anything
 * more needs one: an address that was resolved to something else, a second key, a variable.
 */
export function isAsTyped(facts: ApprovalFacts, draft: AdHocDraft): boolean {
  const { listen, target } = candidateEntry(draft);
  const port = /:(\d+)$/.exec(facts.listen)?.[1];
  const listens = typeof listen === "number" ? facts.listen === `127.0.0.1:${listen === 0 ? port : listen}` : facts.listen === listen;
  return (
    facts.role === "client" &&
    facts.name === draft.name &&
    listens &&
    !facts.beyondLoopback &&
    facts.target === target &&
    facts.bind === undefined &&
    facts.user === undefined &&
    facts.database === undefined &&
    (facts.forwardSecrecy ?? "require") === "require" &&
    facts.wire === undefined &&
    facts.backend === undefined &&
    facts.targets === undefined &&
    facts.allow === undefined &&
    Object.keys(facts.env).length === 0 &&
    facts.keys.length === 1 &&
    facts.keys[0]?.source === draft.key
  );
}
