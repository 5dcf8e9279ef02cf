/** What proxy/ needs to tell a client that there is no connection for it; refusal.ts makes them. Pure. */

/** Tells one client that it can't be served. A service's own rules: see its file. */
export interface Refuser {
  /** The client has said these bytes, and they have gone to the far end, before anything came back. */
  passed(bytes: Uint8Array): void;
  /** Whether `begin` will tell the client, as far as is known. */
  canBegin(isUnheard: boolean): boolean;
  /**
   * What the client is to be sent now, perhaps nothing yet; undefined: it can't be told, as it speaks another protocol, or
   * may have changed something. `isUnheard`: nothing that it has said has reached the service.
   */
  begin(line: string, isUnheard: boolean): Uint8Array | undefined;
  /** The answer to what the client has said since; undefined: it speaks another protocol. */
  more(bytes: Uint8Array): Uint8Array | undefined;
  /** Whether the client needs to be told no more. */
  readonly isOver: boolean;
}
