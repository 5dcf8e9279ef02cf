/**
 * How this daemon passes connections to the one before it, and takes its own from
 * the one after it (proxy/generations.ts), over the channel of their hand-over.
 * Nothing secret goes over it: nonces, and sealed bytes.
 */
import type * as net from "node:net";
import * as z from "zod";
import { type Address, formatAddress, parseAddress } from "../../shared/address.ts";
import type { Successor } from "../lifecycle/hand-over/hand-over.ts";
import type { HandedOver } from "../lifecycle/hand-over/receive-listeners.ts";
import type { Begun } from "../protocol/wire.ts";
import { type Generations, type Passed, PROCESS_NAME_BYTES, processNameOf } from "../proxy/generations.ts";

const base64 = z.string().max(4_096);
const schema = z.object({ port: z.string().max(1_024), session: base64, serverNonce: base64, heard: base64 });

/** Our choice: processes before this one whose sessions are still looked for. */
const MAX_BEFORE = 16;

/** What a process's name looks like in a hand-over. */
export const PROCESS_NAME = new RegExp(`^[0-9a-f]{${PROCESS_NAME_BYTES * 2}}$`);

/** See the file's header. */
export class PassBack implements Generations {
  #before: readonly string[] = [];
  #predecessor: Pick<HandedOver, "isThere" | "gone" | "passBack"> | undefined;
  #successor: Pick<Successor, "isReachable" | "gone"> | undefined;

  /** The processes before this one, the newest first, and the way to the newest. */
  setPredecessor(predecessor: Pick<HandedOver, "isThere" | "gone" | "passBack">, names: readonly string[]): void {
    this.#predecessor = predecessor;
    this.#before = names.slice(0, MAX_BEFORE);
  }

  setSuccessor(successor: Pick<Successor, "isReachable" | "gone">): void {
    this.#successor = successor;
  }

  /** What a successor needs to know: this process's name, then those of the ones before it. */
  namesFor(instance: Uint8Array): string[] {
    return [processNameOf(instance), ...(this.#predecessor?.isThere ? this.#before : [])];
  }

  /** Resolves when no process after this one can need this one to reach one before it. */
  async noLongerNeeded(): Promise<void> {
    if (this.hasSuccessor && this.#predecessor?.isThere) await Promise.race([this.#predecessor.gone, this.#successor?.gone]);
  }

  isBefore(session: Uint8Array): boolean {
    return this.#predecessor?.isThere === true && this.#before.includes(processNameOf(session));
  }

  get hasSuccessor(): boolean {
    return this.#successor?.isReachable === true;
  }

  passBack(wire: net.Socket, { port, begun }: Passed): void {
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
    const about = { port: formatAddress(port), session: text(begun.session), serverNonce: text(begun.serverNonce), heard: text(begun.heard) };
    if (this.#predecessor) this.#predecessor.passBack(wire, about satisfies z.infer<typeof schema>);
    else wire.destroy();
  }

  /** Takes a connection that the successor passes back: for a process before this one, or for `own`. */
  taken(wire: net.Socket, about: unknown, own: (wire: net.Socket, port: Address, begun: Begun) => void): void {
    const { data } = schema.safeParse(about);
    if (!data) {
      wire.destroy();
      return;
    }
    const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));
    const port = parseAddress(data.port);
    const begun = { session: bytes(data.session), serverNonce: bytes(data.serverNonce), heard: bytes(data.heard) };
    if (this.isBefore(begun.session)) this.passBack(wire, { port, begun });
    else own(wire, port, begun);
  }
}
