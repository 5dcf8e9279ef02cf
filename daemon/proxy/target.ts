/**
 * Where a tunnel leads: a name that is resolved again and again, and its present
 * addresses. Keeps the last good answer when a lookup fails, as spiped does.
 * `dial.ts` dials.
 */
import * as dns from "node:dns";
import { isIP } from "node:net";
import { type Address, formatAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { withinTime } from "../../shared/time.ts";

/** One address to connect to; `host` is an IP address. */
export type ResolvedAddress = { readonly kind: "unix"; readonly path: string } | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** All IP addresses of a host name, best first; throws when there are none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** getaddrinfo, in its own order. */
export const systemLookup: Lookup = async (host) => {
  const found = await dns.promises.lookup(host, { all: true, order: "verbatim" });
  return [...new Set(found.map((entry) => entry.address))];
};

/** Our choice: a name is looked up no more often than `least`. `most` is setTimeout's limit, 24 days; a longer one fires at once. */
const REFRESH_MS = { least: 1_000, most: 2_147_483_647 };

/** What a {@link Target} needs. */
export interface TargetOptions {
  readonly address: Address;
  /** Time between two look-ups in milliseconds, at least a second; undefined: the first answer stays. */
  readonly refreshMs: number | undefined;
  readonly lookup?: Lookup;
}

/** A target address and what it resolves to. Owns one timer: dispose of it. */
export class Target {
  readonly address: Address;
  readonly #lookup: Lookup;
  readonly #timer: NodeJS.Timeout | undefined;
  #known: readonly ResolvedAddress[] | undefined;
  #lookingUp: Promise<readonly ResolvedAddress[]> | undefined;
  #lastGood: string | undefined;

  constructor(options: TargetOptions) {
    this.address = options.address;
    this.#lookup = options.lookup ?? systemLookup;
    this.#known = literal(options.address);
    if (this.#known === undefined && options.refreshMs !== undefined) {
      const everyMs = Math.min(REFRESH_MS.most, Math.max(REFRESH_MS.least, options.refreshMs));
      this.#timer = setInterval(() => void this.refresh().catch(() => {}), everyMs).unref();
    }
  }

  /** The address as text. */
  get text(): string {
    return formatAddress(this.address);
  }

  /**
   * The addresses to try, the one that worked last first; looks up when none is known yet.
   * @throws TunnelError DNS_FAILED
   */
  async addresses(): Promise<readonly ResolvedAddress[]> {
    const known = this.#known ?? (await this.refresh());
    if (known.length < 2 || this.#lastGood === undefined) return known;
    return known.toSorted((a, b) => Number(this.#isLastGood(b)) - Number(this.#isLastGood(a)));
  }

  /**
   * Looks the name up now; concurrent calls share one look-up. A failure leaves what is known as it was.
   * @throws TunnelError DNS_FAILED
   */
  refresh(): Promise<readonly ResolvedAddress[]> {
    this.#lookingUp ??= this.#resolve().finally(() => {
      this.#lookingUp = undefined;
    });
    return this.#lookingUp;
  }

  /**
   * The addresses, within a time limit. `afresh`: looks the name up first, and takes what is known if that fails.
   * @throws TunnelError DNS_FAILED; the signal's reason
   */
  addressesWithin(
    timeoutMs: number,
    { signal, afresh = false }: { readonly signal: AbortSignal; readonly afresh?: boolean },
  ): Promise<readonly ResolvedAddress[]> {
    const looked = afresh ? this.refresh().catch(() => this.addresses()) : Promise.resolve();
    return withinTime(
      looked.then(() => this.addresses()),
      {
        timeoutMs,
        late: () => new TunnelError("DNS_FAILED", message("the name of {0} was not resolved within {1} s", this.text, timeoutMs / 1000)),
        signal,
      },
    );
  }

  /** What a failed connect to it means, whatever was thrown. */
  failure(error: unknown): TunnelError {
    if (error instanceof TunnelError) return error;
    return new TunnelError("CONNECT_UNREACHABLE", message("{0}: {1}", this.text, String(error)), { cause: error });
  }

  /** Notes that `address` accepted a connection. */
  noteGood(address: ResolvedAddress): void {
    this.#lastGood = formatAddress(address);
  }

  dispose(): void {
    clearInterval(this.#timer);
  }

  #isLastGood(address: ResolvedAddress): boolean {
    return formatAddress(address) === this.#lastGood;
  }

  async #resolve(): Promise<readonly ResolvedAddress[]> {
    const { address } = this;
    const fixed = literal(address);
    if (fixed || address.kind === "unix") return fixed ?? [];
    try {
      const hosts = await this.#lookup(address.host);
      if (hosts.length === 0) throw new Error("no addresses");
      this.#known = hosts.map((host) => ({ kind: "tcp", host, port: address.port }));
      return this.#known;
    } catch (cause) {
      throw new TunnelError("DNS_FAILED", message('the name "{0}" can\'t be resolved: check its spelling and the network', address.host), { cause });
    }
  }
}

/** A socket path or an IP address needs no look-up. */
function literal(address: Address): readonly ResolvedAddress[] | undefined {
  return address.kind === "unix" || isIP(address.host) !== 0 ? [address] : undefined;
}
