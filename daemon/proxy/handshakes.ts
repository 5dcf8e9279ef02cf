/**
 * Who gives way when too many handshakes are under way at a server role's port.
 * Nobody knows yet which of them are strangers, so chance decides:
 *
 * 1. only handshakes of the source prefix (IPv4 /24, IPv6 /64, all unix sockets)
 *    with the most handshakes are considered: a crowd from one place competes
 *    only with itself;
 * 2. two of them are drawn, and the one whose peer has sent less gives way: a
 *    friend sends its nonce at once, a silent stranger never does.
 *
 * The oldest must not give way instead: strangers who are faster than a friend
 * would always push it out. All work here is the same for one handshake as for many.
 */
import type { RandomSource } from "../crypto/random.ts";

/** The octets of an IPv4 address, and the 16-bit groups of an IPv6 address, that name a network: RFC 4291, 2.5.4 for IPv6. */
const PREFIX = { octets: 3, groups: 4 };
const GROUPS = 8;

/** The prefix that an address is counted under; `ip` undefined: a unix socket. */
export function sourcePrefix(ip: string | undefined): string {
  if (ip === undefined) return "unix";
  const v4 = ip.replace(/^::ffff:(?=[\d.]+$)/i, "");
  if (!v4.includes(":")) return v4.split(".").slice(0, PREFIX.octets).join(".");
  const [front = [], back] = ip
    .toLowerCase()
    .split("::")
    .map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = back === undefined ? 0 : Math.max(0, GROUPS - front.length - back.length);
  return [...front, ...Array<string>(zeros).fill("0"), ...(back ?? [])].slice(0, PREFIX.groups).join(":");
}

/** What {@link Handshakes} needs of a handshake. */
export interface Handshaking {
  /** Bytes that its peer has sent. */
  readonly heardBytes: number;
}

/** The handshakes of one port. */
export class Handshakes<T extends Handshaking> {
  readonly #random: RandomSource;
  readonly #prefixOf = new Map<T, string>();
  readonly #byPrefix = new Map<string, RandomSet<T>>();
  /** The prefixes, by how many handshakes they have. */
  readonly #bySize = new Map<number, RandomSet<RandomSet<T>>>();
  #largest = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  get size(): number {
    return this.#prefixOf.size;
  }

  /** Adds a handshake from `prefix` ({@link sourcePrefix}). */
  add(handshake: T, prefix: string): void {
    this.#prefixOf.set(handshake, prefix);
    const neighbours = this.#byPrefix.get(prefix) ?? new RandomSet<T>();
    this.#byPrefix.set(prefix, neighbours);
    this.#resize(neighbours, () => neighbours.add(handshake));
  }

  /** Removes a handshake that is over, however it ended; ignores an unknown one. */
  delete(handshake: T): void {
    const prefix = this.#prefixOf.get(handshake);
    if (prefix === undefined) return;
    this.#prefixOf.delete(handshake);
    const neighbours = this.#byPrefix.get(prefix) as RandomSet<T>;
    this.#resize(neighbours, () => neighbours.delete(handshake));
    if (neighbours.size === 0) this.#byPrefix.delete(prefix);
  }

  /** The handshake that must give way; it stays until it is deleted. Undefined: there is none. */
  draw(): T | undefined {
    const crowd = this.#bySize.get(this.#largest)?.draw(this.#random);
    const [one, other] = [crowd?.draw(this.#random), crowd?.draw(this.#random)];
    return one && other && other.heardBytes < one.heardBytes ? other : one;
  }

  /** Does `change`, which adds or removes one handshake, and keeps `#bySize` and `#largest` right. */
  #resize(neighbours: RandomSet<T>, change: () => void): void {
    this.#bySize.get(neighbours.size)?.delete(neighbours);
    change();
    if (neighbours.size > 0) {
      const alike = this.#bySize.get(neighbours.size) ?? new RandomSet<RandomSet<T>>();
      this.#bySize.set(neighbours.size, alike);
      alike.add(neighbours);
    }
    this.#largest = Math.max(this.#largest, neighbours.size);
    // If no prefix has the largest size any more, the largest is this prefix, now one smaller.
    if (!this.#bySize.get(this.#largest)?.size) this.#largest = neighbours.size;
  }
}

/** A set with random draws. */
class RandomSet<T> {
  readonly #items: T[] = [];
  readonly #places = new Map<T, number>();

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    this.#places.set(item, this.#items.push(item) - 1);
  }

  delete(item: T): void {
    const place = this.#places.get(item);
    if (place === undefined) return;
    // The last item moves to the deleted item's place.
    const last = this.#items.pop() as T;
    if (last !== item) {
      this.#items[place] = last;
      this.#places.set(last, place);
    }
    this.#places.delete(item);
  }

  draw(random: RandomSource): T | undefined {
    const bytes = random(4);
    const value = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
    return this.#items[Math.floor((value / 2 ** 32) * this.#items.length)];
  }
}
