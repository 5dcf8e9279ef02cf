/**
 * The processes before and after this one at the same ports, where an upgrade has
 * handed them over. A session of the native wire stays in the process where it
 * began. When its connection is cut, its client comes back to the port, and so to
 * the newest process, which passes the connection on to where the session is.
 *
 *     client ──► newest ──passBack──► the one before ──passBack──► …
 *
 * A session's name begins with its process's, so that each knows whose it is.
 */
import type * as net from "node:net";
import type { Address } from "../../shared/address.ts";
import { NAME_BYTES } from "../protocol/native-hello.ts";
import type { Begun } from "../protocol/wire.ts";

/** A connection that was accepted by a later process. */
export interface Passed {
  /** Where it came in. */
  readonly port: Address;
  readonly begun: Begun;
}

/** What the ports of this process need to know. */
export interface Generations {
  /** Whether a process before this one, which can be reached, has named the session so. */
  isBefore(session: Uint8Array): boolean;
  /** Passes a connection to the process before this one, and lets go of `wire`; the socket must be paused. */
  passBack(wire: net.Socket, passed: Passed): void;
  /** Whether a process after this one passes connections to this one. */
  readonly hasSuccessor: boolean;
}

/** How many bytes of a session's name are its process's. */
export const PROCESS_NAME_BYTES = NAME_BYTES / 2;

/** The name of a new session of a process. `random`: as long as a name. */
export function sessionName(instance: Uint8Array, random: Uint8Array): Uint8Array {
  const name = Uint8Array.from(random);
  name.set(instance.subarray(0, PROCESS_NAME_BYTES));
  return name;
}

/** The process's part of a name, for comparing: hexadecimal. */
export function processNameOf(instanceOrSession: Uint8Array): string {
  return Buffer.from(instanceOrSession.subarray(0, PROCESS_NAME_BYTES)).toString("hex");
}
