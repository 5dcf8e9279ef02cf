/**
 * How much of the daemon's memory and time one client may take. All are our
 * choices; docs/RPC.md documents them for authors of clients. A client that
 * exceeds one is let go and a line is logged; other clients are not disturbed.
 */

/** Clients at once; windows and commands of one user never come near it. */
export const MAX_CLIENTS = 256;
/** Time for a client to say hello. */
export const HELLO_TIMEOUT_MS = 10_000;
/** Bytes that may wait for a client that does not read. */
export const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
/** Requests of one client under way; above this, no more is read from the client until some are answered. */
export const MAX_REQUESTS = 256;
/** Time for a last answer to reach a client that is being closed. */
export const FAREWELL_MS = 1_000;
