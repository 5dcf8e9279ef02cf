/** The payloads of protocol 1: those of its first release, and the fields that were added since. */
import { readFileSync } from "node:fs";
import type { MethodName, NotificationName } from "../../../shared/contract/methods.ts";

/** A JSON object. */
export type Payload = Readonly<Record<string, unknown>>;

interface Exchange {
  readonly params: Payload;
  readonly result: Payload;
}

/** The content of test/vectors/rpc/. */
export interface Payloads {
  readonly protocol: number;
  readonly requests: Readonly<Record<MethodName, Exchange>>;
  /** Parameters without any of the optional fields. */
  readonly leastParams: Readonly<Partial<Record<MethodName, Payload>>>;
  readonly notifications: Readonly<Record<NotificationName, Payload>>;
  /** Requests of the first release with fields that were added later. */
  readonly extended: Readonly<Partial<Record<MethodName, Exchange>>>;
}

const first: Omit<Payloads, "extended"> = vectors("protocol-1.json");
const additions: Pick<Payloads, "requests" | "extended"> = vectors("protocol-1-additions.json");

export const PAYLOADS: Payloads = { ...first, requests: { ...first.requests, ...additions.requests }, extended: additions.extended };

function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../vectors/rpc/${name}`, import.meta.url), "utf8")) as T;
}

/** The same value with an unknown field in every object; keys of a record (env, refused) are data and don't change. */
export function withUnknownFields(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((one) => withUnknownFields(one));
  if (typeof value !== "object" || value === null || key === "env" || key === "refused") return value;
  const entries = Object.entries(value).map(([name, one]) => [name, withUnknownFields(one, name)]);
  return { ...Object.fromEntries(entries), "x-of-tomorrow": { deep: [1, null, "x"] } };
}
