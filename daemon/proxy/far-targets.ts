/**
 * What the clients of a server's entry may reach besides its target: services by
 * name ("targets") and addresses ("allow"). Judged for each stream, and exactly the
 * judged address is dialled.
 */
import { parseAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import { type AllowRule, type AskedTarget, askedText } from "../../shared/far-target.ts";
import { type IpBytes, type IpRange, ipBytes, ipText, isIn, isWithin } from "../../shared/ip-range.ts";
import { message } from "../../shared/message.ts";
import { type Lookup, systemLookup, Target } from "./target.ts";

/** What an entry says: addresses as they are written, lines of "allow" as they were read. */
export interface FarTargetsOptions {
  readonly targets?: Readonly<Record<string, string>> | undefined;
  readonly allow?: readonly AllowRule[] | undefined;
  readonly refreshMs: number;
  readonly lookup?: Lookup | undefined;
}

const range = (text: string, prefix: number): IpRange => ({ bytes: ipBytes(text) as IpBytes, prefix });

/**
 * Reached only by a line that lies wholly inside: this machine, its link (with the metadata services of clouds), no
 * single machine, and ways to write IPv4 in IPv6. IANA special-purpose address registries, RFC 6890.
 */
const SPECIAL: readonly IpRange[] = [
  range("0.0.0.0", 8),
  range("127.0.0.0", 8),
  range("169.254.0.0", 16),
  range("224.0.0.0", 4),
  range("240.0.0.0", 4), // with the broadcast address
  range("::", 128),
  range("::1", 128),
  range("fe80::", 10),
  range("fec0::", 10),
  range("ff00::", 8),
  range("64:ff9b::", 96),
  range("2002::", 16),
];

/** AWS's metadata service over IPv6, inside a block that is else an ordinary one. */
const METADATA: IpRange = range("fd00:ec2::254", 128);

/** See the file's header. `dispose` it. */
export class FarTargets {
  readonly #named: ReadonlyMap<string, Target>;
  readonly #rules: readonly AllowRule[];
  readonly #lookup: Lookup;

  constructor({ targets = {}, allow = [], refreshMs, lookup = systemLookup }: FarTargetsOptions) {
    this.#lookup = lookup;
    this.#named = new Map(Object.entries(targets).map(([name, text]) => [name, new Target({ address: parseAddress(text), refreshMs, lookup })]));
    this.#rules = allow;
  }

  /** Where a stream leads that asks for `asked`. @throws TunnelError TARGET_REFUSED */
  async find(asked: AskedTarget): Promise<Target> {
    if (asked.kind === "name") {
      const target = this.#named.get(asked.name);
      if (target) return target;
    } else if (await this.#isAllowed(asked)) {
      return new Target({ address: { kind: "tcp", host: ipText(asked.bytes), port: asked.port }, refreshMs: undefined });
    }
    throw targetRefused(asked);
  }

  dispose(): void {
    for (const target of this.#named.values()) target.dispose();
  }

  async #isAllowed({ bytes, port }: { readonly bytes: IpBytes; readonly port: number }): Promise<boolean> {
    const special = [...SPECIAL, METADATA].find((block) => isIn(bytes, block));
    const rules = this.#rules.filter(({ from, to }) => port >= from && port <= to);
    for (const rule of rules) {
      if (rule.kind === "range" && isIn(bytes, rule.range) && (!special || isWithin(rule.range, special))) return true;
    }
    // A name is somebody else's word: it never leads to this machine or its link.
    if (special) return false;
    const hosts = rules.flatMap((rule) => (rule.kind === "host" ? [rule.host] : []));
    const found = await Promise.allSettled(hosts.map((host) => this.#lookup(host)));
    return found.some((answer) => answer.status === "fulfilled" && answer.value.some((text) => sameIp(ipBytes(text), bytes)));
  }
}

/** The entry of a server does not lead to what was asked for. */
export function targetRefused(asked: AskedTarget): TunnelError {
  return new TunnelError("TARGET_REFUSED", message('a client asked for {0}, which neither "targets" nor "allow" has', askedText(asked)));
}

function sameIp(one: IpBytes | undefined, other: IpBytes): boolean {
  return one?.length === other.length && one.every((byte, index) => byte === other[index]);
}
