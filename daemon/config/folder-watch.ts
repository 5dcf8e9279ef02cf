/**
 * Tells when something in a folder has changed: tunnels.json, its personal
 * overrides, a key. Falls back to looking once a second where the system can't
 * watch (out of watches, a folder that is not there yet, some network drives).
 */
import * as fs from "node:fs";
import { join } from "node:path";

/** Our choice: changes that come together are reported once, after this time. */
const DEBOUNCE_MS = 100;
/** Our choice: a folder that changes all the time is reported at most this often; the callback reads files. */
const AGAIN_MS = 500;
/** Our choice: how often to look where watching does not work. */
const POLL_MS = 1_000;
/** Our choice: looking compares at most this many entries of a folder. */
const MAX_LOOKED_AT = 1_000;

/** Watches one folder; returns a function that ends the watch. Throws if watching is not possible. */
export type WatchFolder = (folder: string, onChange: () => void, onError: () => void) => () => void;

interface Watched {
  count: number;
  close: () => void;
  timer: NodeJS.Timeout | undefined;
  /** When the folder was last reported, by the monotonic clock. */
  toldMs: number;
}

/** Watches folders. Owns watchers and timers: `dispose`. None of them keeps the process alive. */
export class FolderWatch {
  readonly #folders = new Map<string, Watched>();
  readonly #onChange: (folder: string) => void;
  readonly #watchFolder: WatchFolder;
  readonly #pollMs: number;

  /** `onChange` must not throw. */
  constructor(onChange: (folder: string) => void, options: { readonly watchFolder?: WatchFolder; readonly pollMs?: number } = {}) {
    this.#onChange = onChange;
    this.#watchFolder = options.watchFolder ?? systemWatch;
    this.#pollMs = options.pollMs ?? POLL_MS;
  }

  /** Watches `folder`; every `add` needs its own `remove`. */
  add(folder: string): void {
    const known = this.#folders.get(folder);
    if (known) {
      known.count += 1;
      return;
    }
    const watched: Watched = { count: 1, close: () => {}, timer: undefined, toldMs: Number.NEGATIVE_INFINITY };
    this.#folders.set(folder, watched);
    this.#arm(folder, watched);
  }

  remove(folder: string): void {
    const watched = this.#folders.get(folder);
    if (!watched) return;
    watched.count -= 1;
    if (watched.count > 0) return;
    this.#folders.delete(folder);
    clearTimeout(watched.timer);
    watched.close();
  }

  dispose(): void {
    for (const watched of this.#folders.values()) {
      clearTimeout(watched.timer);
      watched.close();
    }
    this.#folders.clear();
  }

  #arm(folder: string, watched: Watched): void {
    const changed = (): void => {
      if (this.#folders.get(folder) !== watched) return;
      const waitMs = Math.max(DEBOUNCE_MS, watched.toldMs + AGAIN_MS - performance.now());
      watched.timer ??= setTimeout(() => {
        watched.timer = undefined;
        watched.toldMs = performance.now();
        // The folder itself may be another one now, but the watch follows the old one.
        watched.close();
        this.#arm(folder, watched);
        this.#onChange(folder);
      }, waitMs).unref();
    };
    const poll = (): void => {
      let before = look(folder);
      const timer = setInterval(() => {
        const now = look(folder);
        if (now !== before) changed();
        before = now;
      }, this.#pollMs).unref();
      watched.close = () => clearInterval(timer);
    };
    try {
      watched.close = this.#watchFolder(folder, changed, () => {
        if (this.#folders.get(folder) !== watched) return;
        watched.close();
        poll();
        changed();
      });
    } catch {
      poll();
    }
  }
}

/** inotify and its kind. */
const systemWatch: WatchFolder = (folder, onChange, onError) => {
  const watcher = fs.watch(folder, { persistent: false }, onChange);
  watcher.once("error", onError);
  // A closed watcher may still emit errors.
  watcher.on("error", () => {});
  return () => watcher.close();
};

/** A text that changes when anything in the folder does, as far as names, sizes and times tell. */
function look(folder: string): string {
  try {
    const names = fs.readdirSync(folder).sort().slice(0, MAX_LOOKED_AT);
    return names.map((name) => `${name}\0${signatureOf(join(folder, name))}`).join("\n");
  } catch {
    return "";
  }
}

/** A text that changes when the file does; empty when the file is not there. */
export function signatureOf(file: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = fs.statSync(file);
    return [ino, size, mtimeMs, ctimeMs].join(" ");
  } catch {
    return "";
  }
}
