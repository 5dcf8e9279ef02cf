/**
 * The target's addresses, and each of them tried by itself. The first connection
 * that comes about is used at once, so that no far side waits for us; the other
 * addresses go on being tried beside it, and theirs are closed without a byte.
 */
import type * as net from "node:net";
import { type Address, formatAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import { dial } from "../proxy/dial.ts";
import type { Clock } from "../proxy/stats.ts";
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

/** A connection, whose owner the caller is. */
export interface Connected {
  readonly socket: net.Socket;
  readonly address: ResolvedAddress;
  readonly ms: number;
}

/** What dialling all addresses comes to. */
export interface DialledAll {
  /** The first that came about; undefined when none did. */
  readonly connected: Connected | undefined;
  /** Each address, in the order they were given; resolves when the last is settled. */
  readonly addresses: Promise<readonly AddressReport[]>;
}

/** Our choice: a name with more addresses than this is not tried further. */
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
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => {};
  try {
    signal.throwIfAborted();
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new TunnelError("DNS_FAILED", `looking up "${target.text}" took longer than ${timeoutMs / 1000} s`)), timeoutMs);
      onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort);
    });
    return (await Promise.race([target.addresses(), late])).slice(0, MAX_ADDRESSES);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
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
      return { report: { address: shown, ok: false, ms: options.clock.monotonicMs() - startMs, code: error.code, detail: error.message } };
    }
  });
  const settled = Promise.all(attempts).then((results) => results.map(({ report }) => report));
  // Whoever awaits `addresses` is told; nobody has to.
  settled.catch(() => {});
  const connections = attempts.map(async (result) => (await result).connected ?? Promise.reject(new Error("no connection")));
  const connected = await Promise.any(connections).catch(() => undefined);
  if (options.signal.aborted) connected?.socket.destroy();
  options.signal.throwIfAborted();
  return { connected, addresses: settled };
}

/** One verdict on addresses that all failed: a definite answer stands before a silence. */
export function worstOf(addresses: readonly AddressReport[]): TunnelError {
  const worst = addresses.find(({ code }) => code !== "CONNECT_TIMEOUT") ?? addresses[0];
  return new TunnelError(worst?.code ?? "CONNECT_UNREACHABLE", addresses.map(({ detail }) => detail).join("; ") || "the target has no address");
}
