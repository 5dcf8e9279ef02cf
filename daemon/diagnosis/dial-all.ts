/**
 * Tries each of the target's addresses by itself. The first connection is used at
 * once, so that no far side waits for us; the other addresses are still tried
 * meanwhile, and their connections are closed without a byte.
 */
import type * as net from "node:net";
import { type Address, formatAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import { joined, message } from "../../shared/message.ts";
import { type Clock, withinTime } from "../../shared/time.ts";
import { dial } from "../proxy/dial.ts";
import { type Lookup, type ResolvedAddress, Target } from "../proxy/target.ts";
import type { AddressReport } from "./report.ts";

/** How to connect. */
export interface DialAllOptions {
  /** Budget of the look-up, and of each address. */
  readonly timeoutMs: number;
  readonly bind: ResolvedAddress | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A connection; the caller owns it. */
export interface Connected {
  readonly socket: net.Socket;
  readonly address: ResolvedAddress;
  readonly ms: number;
}

/** The result of dialling all addresses. */
export interface DialledAll {
  /** The first connection that was made; undefined when none was. */
  readonly connected: Connected | undefined;
  /** Each address, in the order they were given; resolves when the last is settled. */
  readonly addresses: Promise<readonly AddressReport[]>;
}

/** Our choice: at most this many addresses of a name are tried. */
const MAX_ADDRESSES = 16;

/**
 * Looks the target up.
 * @throws TunnelError DNS_FAILED, also when it takes too long; the signal's reason
 */
export async function resolveTarget(
  address: Address,
  options: { readonly lookup: Lookup | undefined; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<readonly ResolvedAddress[]> {
  const target = new Target({ address, refreshMs: undefined, ...(options.lookup && { lookup: options.lookup }) });
  const { signal, timeoutMs } = options;
  const late = (): TunnelError => new TunnelError("DNS_FAILED", message('looking up "{0}" took longer than {1} s', target.text, timeoutMs / 1000));
  try {
    signal.throwIfAborted();
    return (await withinTime(target.addresses(), { timeoutMs, late, signal })).slice(0, MAX_ADDRESSES);
  } finally {
    target.dispose();
  }
}

/** Tries all addresses at once; resolves with the first connection, or when all have failed. @throws the signal's reason */
export async function dialAll(addresses: readonly ResolvedAddress[], options: DialAllOptions): Promise<DialledAll> {
  let first: Connected | undefined;
  const attempts = addresses.map(async (address): Promise<{ readonly report: AddressReport; readonly connected?: Connected }> => {
    const startMs = options.clock.monotonicMs();
    const shown = formatAddress(address);
    try {
      const { socket } = await dial({ addresses: [address], timeoutMs: options.timeoutMs, bind: options.bind, signal: options.signal });
      const ms = options.clock.monotonicMs() - startMs;
      const connected = { socket, address, ms };
      if (first) socket.destroy();
      else first = connected;
      return { report: { address: shown, ok: true, ms }, ...(first === connected && { connected }) };
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      return {
        report: {
          address: shown,
          ok: false,
          ms: options.clock.monotonicMs() - startMs,
          code: error.code,
          detail: error.message,
          ...(error.reason && { detailReason: error.reason }),
        },
      };
    }
  });
  const settled = Promise.all(attempts).then((results) => results.map(({ report }) => report));
  // A caller that awaits `addresses` gets the error; no caller has to await it.
  settled.catch(() => {});
  const connections = attempts.map(async (result) => (await result).connected ?? Promise.reject(new Error("no connection")));
  const connected = await Promise.any(connections).catch(() => undefined);
  if (options.signal.aborted) connected?.socket.destroy();
  options.signal.throwIfAborted();
  return { connected, addresses: settled };
}

/** One error for addresses that all failed: a definite answer comes before a silence. */
export function worstOf(addresses: readonly AddressReport[]): TunnelError {
  const worst = addresses.find(({ code }) => code !== "CONNECT_TIMEOUT") ?? addresses[0];
  const seen = joined(addresses.flatMap(({ detail, detailReason }) => detailReason ?? detail ?? []));
  return new TunnelError(worst?.code ?? "CONNECT_UNREACHABLE", seen ?? message("the target has no address"));
}
