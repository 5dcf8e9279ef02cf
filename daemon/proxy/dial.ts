/**
 * Connects to the first of several addresses that answers. Each address has the
 * whole time limit to itself, and the next address is tried a moment later
 * without waiting for the previous one (as in RFC 8305, section 5), so that a
 * black-holed address neither starves nor delays the others for long.
 */
import * as net from "node:net";
import { formatAddress } from "../../shared/address.ts";
import { type ErrorCode, TunnelError } from "../../shared/errors.ts";
import { joined, type Message, type MessageArgument, message } from "../../shared/message.ts";
import { deadline } from "../../shared/time.ts";
import type { ResolvedAddress } from "./target.ts";

/** How long an address is tried alone; what RFC 8305 recommends. */
const NEXT_ADDRESS_AFTER_MS = 250;

/** Our choice: bytes that may wait in a socket's write queue before its source is paused. */
export const WRITE_QUEUE_BYTES = 256 * 1024;

/** How to connect. */
export interface DialOptions {
  /** What to try, in order; not empty. */
  readonly addresses: readonly ResolvedAddress[];
  /** Time limit for each address. */
  readonly timeoutMs: number;
  /** How long an address is tried alone before the next one is tried as well; by default 250 ms. */
  readonly aloneMs?: number;
  /** Outgoing address; its port 0 means any. */
  readonly bind?: ResolvedAddress | undefined;
  /** When aborted, every attempt ends and the promise is rejected. */
  readonly signal: AbortSignal;
}

/** A connected socket (paused, half-open allowed) and the address it reached; the caller owns it. */
export interface Dialled {
  readonly socket: net.Socket;
  readonly address: ResolvedAddress;
}

/**
 * Connects.
 * @throws TunnelError CONNECT_REFUSED, CONNECT_TIMEOUT or CONNECT_UNREACHABLE when no address answers; the signal's reason when aborted.
 */
export function dial(options: DialOptions): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const attempts = new Set<Attempt>();
    const failures: Failure[] = [];
    let next = 0;
    let endTurn = (): void => {};

    const finish = (): void => {
      endTurn();
      options.signal.removeEventListener("abort", abort);
      for (const pending of attempts) pending.cancel();
      attempts.clear();
    };
    const abort = (): void => {
      finish();
      reject(options.signal.reason);
    };
    const tryNext = (): void => {
      endTurn();
      const address = options.addresses[next++];
      if (address === undefined) {
        if (attempts.size > 0) return;
        finish();
        reject(summary(failures));
        return;
      }
      const current = attempt(address, options, (failure) => {
        attempts.delete(current);
        if (failure) {
          failures.push(failure);
          tryNext();
          return;
        }
        finish();
        resolve({ socket: current.socket, address });
      });
      attempts.add(current);
      if (next < options.addresses.length) endTurn = deadline(options.aloneMs ?? NEXT_ADDRESS_AFTER_MS, tryNext);
    };

    if (options.signal.aborted) {
      reject(options.signal.reason);
      return;
    }
    options.signal.addEventListener("abort", abort);
    tryNext();
  });
}

interface Failure {
  readonly code: ErrorCode;
  readonly text: Message;
  readonly cause: unknown;
}

/** A connect under way. */
interface Attempt {
  readonly socket: net.Socket;
  /** Ends the attempt without calling `done`. */
  readonly cancel: () => void;
}

/** Tries one address; `done` is called once, with a failure or, once connected, with nothing. */
function attempt(address: ResolvedAddress, options: DialOptions, done: (failure?: Failure) => void): Attempt {
  const common = { allowHalfOpen: true, noDelay: true, writableHighWaterMark: WRITE_QUEUE_BYTES };
  const bind = options.bind?.kind === "tcp" && address.kind === "tcp" ? options.bind : undefined;
  const socket = net.connect(
    address.kind === "unix"
      ? { ...common, path: address.path }
      : { ...common, host: address.host, port: address.port, ...(bind && { localAddress: bind.host, localPort: bind.port }) },
  );
  socket.pause();
  const letGo = (): void => {
    endDeadline();
    socket.removeListener("error", onError);
    socket.removeListener("connect", onConnect);
    // A destroyed socket may still report an error, and so may a connected socket before its new owner listens.
    socket.on("error", () => {});
  };
  const settle = (failure?: Failure): void => {
    letGo();
    if (failure) socket.destroy();
    done(failure);
  };
  const onConnect = (): void => settle();
  const onError = (error: NodeJS.ErrnoException): void => {
    const { code, text } = explain(error);
    settle({ code, text: message("{0}: {1}", formatAddress(address), text), cause: error });
  };
  const endDeadline = deadline(options.timeoutMs, () =>
    settle({ code: "CONNECT_TIMEOUT", text: message("{0}: no answer within {1} s", formatAddress(address), options.timeoutMs / 1000), cause: undefined }),
  );
  socket.once("connect", onConnect);
  socket.once("error", onError);
  return {
    socket,
    cancel: () => {
      letGo();
      socket.destroy();
    },
  };
}

/** What a failed connect means; any other error is "unreachable" and keeps the system's own words. */
function explain(error: NodeJS.ErrnoException): { readonly code: ErrorCode; readonly text: MessageArgument } {
  switch (error.code) {
    case "ECONNREFUSED":
      return { code: "CONNECT_REFUSED", text: message("connection refused, nothing listens there") };
    case "ENOENT":
      return { code: "CONNECT_REFUSED", text: message("there is no such socket") };
    case "ETIMEDOUT":
      return { code: "CONNECT_TIMEOUT", text: message("no answer") };
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return { code: "CONNECT_UNREACHABLE", text: message("no route to it from here") };
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return { code: "CONNECT_UNREACHABLE", text: message("the outgoing address can't reach it") };
    case "EMFILE":
    case "ENFILE":
      return { code: "LIMIT_REACHED", text: message("this process is out of file descriptors: raise its limit (ulimit -n)") };
    default:
      return { code: "CONNECT_UNREACHABLE", text: error.code ?? error.message };
  }
}

/** One error for all addresses: the code of a definite answer is preferred to the code of a time-out. */
function summary(failures: readonly Failure[]): TunnelError {
  const worst = failures.find((failure) => failure.code !== "CONNECT_TIMEOUT") ?? failures[0];
  const text = joined(failures.map((failure) => failure.text)) ?? message("there is no address to connect to");
  return new TunnelError(worst?.code ?? "CONNECT_UNREACHABLE", text, { cause: worst?.cause });
}
