/**
 * Whether this process can still open files. Once accept(2) runs out of
 * descriptors, libuv closes newcomers by itself and tells nobody, so we check
 * before that. Handshakes that are under way make room for a newcomer, so that
 * silent strangers can't use the descriptors up. When there are no handshakes, the
 * newcomer is turned away. Both are counted and reported.
 */
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { type Message, message } from "../../shared/message.ts";

/** Our choice: descriptors kept free for dials, log files, the key folder and the daemon's own clients. */
const RESERVE = 8;

/** Asks the system whether descriptors are left; false: fewer than a few. */
export type DescriptorCheck = () => boolean;

/** Opens a few descriptors for a few microseconds each; Windows has no such limit, so there are always enough. */
export const hasDescriptors: DescriptorCheck = () => {
  if (process.platform === "win32") return true;
  const opened: number[] = [];
  try {
    while (opened.length < RESERVE) opened.push(openSync("/dev/null", "r"));
    return true;
  } catch (error) {
    // Any other error (no /dev/null in a bare chroot) says nothing about descriptors.
    return !["EMFILE", "ENFILE"].includes((error as NodeJS.ErrnoException).code ?? "");
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
};

/** How many more descriptors this process may open; undefined where the system does not say. Costs a look at each open one. */
function spare(): number | undefined {
  try {
    const [, most] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return most === undefined ? undefined : Number(most) - readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}

/** Our choice: how long a count of the spare descriptors holds, and for what share of them newcomers are taken unseen: each needs two. */
const COUNT_HOLDS_MS = 1_000;
const SHARE = 8;

/**
 * `check`, but not for each newcomer where descriptors abound: opening eight files for each costs as much as all else that
 * taking it in does.
 */
export function seldom(check: DescriptorCheck, { count = spare, nowMs = () => performance.now() } = {}): DescriptorCheck {
  let unseen = 0;
  let untilMs = 0;
  return () => {
    if (unseen > 0 && nowMs() < untilMs) {
      unseen -= 1;
      return true;
    }
    unseen = Math.floor((count() ?? 0) / SHARE);
    untilMs = nowMs() + COUNT_HOLDS_MS;
    return check();
  };
}

/** Our choice: how many handshakes may end for one newcomer: one for its own descriptor, one for a dial since the last newcomer. */
const MOST_FOR_ONE = 2;

/** A listener whose handshakes can make room. */
export interface Yielding {
  /** Handshakes that can end for others. */
  readonly yieldable: number;
  /** Ends one handshake, and says why. */
  yieldOne(why: Message): void;
}

/** The descriptors of a process, and the listeners that share them. */
export class Descriptors {
  readonly #areLeft: DescriptorCheck;
  readonly #listeners = new Set<Yielding>();

  constructor(areLeft: DescriptorCheck = seldom(hasDescriptors)) {
    this.#areLeft = areLeft;
  }

  /** From now on handshakes of `listener` may have to end, until the listener leaves. */
  join(listener: Yielding): void {
    this.#listeners.add(listener);
  }

  leave(listener: Yielding): void {
    this.#listeners.delete(listener);
  }

  /** Makes sure that a newcomer, at any listener, has the descriptors it needs; false: none can be freed. */
  makeRoom(): boolean {
    for (let ended = 0; !this.#areLeft(); ended++) {
      const crowded = this.#mostCrowded();
      if (!crowded || ended === MOST_FOR_ONE) return false;
      crowded.yieldOne(message("file descriptors are short in this process (raise ulimit -n)"));
    }
    return true;
  }

  #mostCrowded(): Yielding | undefined {
    let most: Yielding | undefined;
    for (const one of this.#listeners) {
      if (one.yieldable > (most?.yieldable ?? 0)) most = one;
    }
    return most;
  }
}

/** The descriptors of this process. */
export const ownDescriptors = new Descriptors();
