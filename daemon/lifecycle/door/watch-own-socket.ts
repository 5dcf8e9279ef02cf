/**
 * Notices that the daemon's socket was deleted or replaced (tidy-up programs,
 * a logout that removes /run/user/UID) and binds it again. Without this watch the
 * daemon would hold its ports while nobody can reach it, and a second daemon
 * would start. It watches the folder and also looks at fixed intervals, because
 * watches may be missing or blind (full inotify tables, network file systems).
 */
import { type FSWatcher, watch } from "node:fs";
import * as path from "node:path";
import type { TunnelError } from "../../../shared/errors.ts";
import type { Dispose, Timers } from "../../../shared/time.ts";
import { explainFileError } from "../private-folder.ts";
import { type ClaimOptions, claimSocket, isStillOurs, type OwnSocket } from "./singleton.ts";

/** What happened to the socket. */
export type SocketEvent =
  /** The socket was gone and is bound again, perhaps elsewhere: write the discovery file again. */
  | { readonly kind: "rebound"; readonly socket: OwnSocket }
  /** Another daemon is at this path now: drain and exit. The watch has ended. */
  | { readonly kind: "replaced"; readonly socketPath: string }
  /** The socket is gone and can't be bound now; the watch tries again at the next interval. Failures in a row are reported once. */
  | { readonly kind: "failed"; readonly error: TunnelError };

/** How to watch. */
export interface SocketWatchOptions {
  readonly socket: OwnSocket;
  readonly claim: Omit<ClaimOptions, "server" | "socketPath" | "alsoCheck">;
  /** Where to bind again: works out the paths again and prepares the folder; may throw TunnelError. */
  readonly locate: () => Pick<ClaimOptions, "socketPath" | "alsoCheck">;
  readonly intervalMs: number;
  readonly timers: Timers;
  /** Must not throw. */
  readonly onEvent: (event: SocketEvent) => void;
}

/** A watch under way. */
export interface SocketWatch {
  /** Looks now; resolves when the socket was found in place or was dealt with. */
  check(): Promise<void>;
  /** The socket as it is now, to release it at the end. */
  readonly socket: OwnSocket;
  /** Ends the watch; resolves when a check under way is over. The socket stays. */
  dispose(): Promise<void>;
}

/** Starts to watch. The caller owns the result. */
export function watchOwnSocket(options: SocketWatchOptions): SocketWatch {
  return new Watch(options);
}

class Watch implements SocketWatch {
  readonly #options: SocketWatchOptions;
  readonly #stopTimer: Dispose;
  #socket: OwnSocket;
  #watcher: FSWatcher | undefined;
  #running: Promise<void> | undefined;
  #state: "watching" | "ended" = "watching";
  #failing = false;

  constructor(options: SocketWatchOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#stopTimer = options.timers.every(options.intervalMs, () => void this.check());
    this.#watchFolder();
  }

  get socket(): OwnSocket {
    return this.#socket;
  }

  check(): Promise<void> {
    this.#running ??= this.#look().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async dispose(): Promise<void> {
    this.#end();
    await this.#running;
  }

  #end(): void {
    this.#state = "ended";
    this.#stopTimer();
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  async #look(): Promise<void> {
    if (this.#state === "ended" || isStillOurs(this.#socket)) return;
    try {
      const claim = await claimSocket({ ...this.#options.claim, ...this.#options.locate(), server: this.#socket.server });
      this.#failing = false;
      if (claim.kind === "other") return this.#replaced(claim.socketPath);
      this.#socket = claim.socket;
      this.#watchFolder();
      this.#options.onEvent({ kind: "rebound", socket: claim.socket });
    } catch (cause) {
      if (this.#failing) return;
      this.#failing = true;
      this.#options.onEvent({ kind: "failed", error: explainFileError(cause, { doing: "listen at", path: this.#socket.path }) });
    }
  }

  #replaced(socketPath: string): void {
    this.#end();
    this.#options.onEvent({ kind: "replaced", socketPath });
  }

  /** Watches the folder and not the file: a watch on a file that is replaced goes blind. */
  #watchFolder(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    if (this.#state === "ended") return;
    try {
      this.#watcher = watch(path.dirname(this.#socket.path), { persistent: false }, () => void this.check());
      this.#watcher.on("error", () => {});
    } catch {
      // Without a watch, the interval is enough.
    }
  }
}
