/** The payloads of protocol 1, as they were sent when it was first released. */
import { readFileSync } from "node:fs";
import type { MethodName, NotificationName } from "../../../daemon/contract/methods.ts";

/** A JSON object. */
export type Payload = Readonly<Record<string, unknown>>;

/** What test/vectors/rpc/protocol-1.json holds. */
export interface Payloads {
  readonly protocol: number;
  readonly requests: Readonly<Record<MethodName, { readonly params: Payload; readonly result: Payload }>>;
  /** Parameters without any of the optional fields. */
  readonly leastParams: Readonly<Partial<Record<MethodName, Payload>>>;
  readonly notifications: Readonly<Record<NotificationName, Payload>>;
}

export const PAYLOADS: Payloads = JSON.parse(readFileSync(new URL("../../vectors/rpc/protocol-1.json", import.meta.url), "utf8"));

/** The same with a field nobody knows in every object; keys of a record (env, refused) are data and stay as they are. */
export function withUnknownFields(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((one) => withUnknownFields(one));
  if (typeof value !== "object" || value === null || key === "env" || key === "refused") return value;
  const entries = Object.entries(value).map(([name, one]) => [name, withUnknownFields(one, name)]);
  return { ...Object.fromEntries(entries), "x-of-tomorrow": { deep: [1, null, "x"] } };
}
