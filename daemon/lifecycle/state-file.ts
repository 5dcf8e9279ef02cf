/**
 * A small JSON file that outlives the daemon: pins, approvals, chosen ports. A
 * change is answered when it is on the disk, or with the reason why it is not.
 * There is one write at a time. Each write includes every change made before it
 * begins, and is whole or not at all (replace-file.ts). A file that can't be read
 * is renamed, a full disk is reported, and the daemon survives both.
 *
 *     change ──► waiting ──► being written ──► on the disk
 *                                 └─(failed)──► commit: undone;  update: held in memory, tried again
 */

import { renameSync } from "node:fs";
import { saidBy, TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { Dispose, Timers } from "../../shared/time.ts";
import { readPrivateFile } from "./private-file.ts";
import { explainFileError } from "./private-folder.ts";
import { type ReplaceOptions, replaceFile } from "./replace-file.ts";

/** Our choice: how soon a failed write is tried again by itself. */
const RETRY_MS = 30_000;

/** What the owner should log. Each is a sentence with cause and cure. */
export type StateProblem =
  /** The file could not be used and was renamed. */
  | { readonly kind: "set-aside"; readonly error: TunnelError }
  /** The file can't be written; reported once until it can be written again. */
  | { readonly kind: "unwritable"; readonly error: TunnelError }
  | { readonly kind: "writable-again" };

/** What is kept, and where. */
export interface StateFileOptions<T> {
  readonly path: string;
  readonly uid: number | undefined;
  /** Checks the value that was read and fills in missing parts; throws if it is not of this type. */
  readonly parse: (value: unknown) => T;
  /** The value before anything was kept. */
  readonly initial: () => T;
  /** Must not throw. */
  readonly onProblem: (problem: StateProblem) => void;
  readonly wallMs: () => number;
  readonly timers: Timers;
  /** Writes text to a path durably, or leaves the old content; an argument so that tests can simulate a full disk. */
  readonly write?: (path: string, text: string, options: ReplaceOptions) => Promise<void>;
}

/** Returns the changed value, or the same object when there is nothing to change. Pure: it may run several times. */
export type Change<T> = (value: T) => T;

/** How an update is made. */
export interface UpdateOptions {
  /** The update removes something that must not come back from the backup either. */
  readonly isTaken?: boolean;
}

/** undefined: the change is on the disk. Otherwise STATE_NOT_SAVED, why it is not. */
export type Outcome = TunnelError | undefined;

interface Waiting<T> {
  readonly change: Change<T>;
  /** The change is in effect already, and stays in effect when it can't be written. */
  readonly isHeld: boolean;
  readonly isTaken?: boolean;
  readonly settle: (outcome: Outcome) => void;
}

/** The value and its file; the caller owns it. */
export class StateFile<T> {
  readonly #options: StateFileOptions<T>;
  /** The value on the disk; undefined: unknown, because of how a write failed. */
  #saved: T | undefined;
  /** The value on the disk, plus changes held in memory because they could not be written. */
  #base: T;
  /** `#base`, plus those waiting changes that are in effect already. */
  #value: T;
  #waiting: Waiting<T>[] = [];
  #beingWritten: readonly Waiting<T>[] = [];
  #isClosed = false;
  /** Something was removed that the backup may still hold. */
  #isTaken = false;
  #failure: TunnelError | undefined;
  #writing: Promise<void> | undefined;
  #stopRetry: Dispose = () => {};

  /** Reads the file; problems go to `onProblem`, and the backup or the initial value is used. */
  constructor(options: StateFileOptions<T>) {
    this.#options = options;
    const { value, problems } = loadState(options);
    this.#saved = value;
    this.#base = value;
    this.#value = value;
    for (const error of problems) options.onProblem({ kind: "set-aside", error });
  }

  /** The value in effect now. Don't change it in place: use `commit` or `update`. */
  get value(): T {
    return this.#value;
  }

  /** Why changes in effect are not on the disk; undefined: all of them are on the disk, or about to be. */
  get unsaved(): Outcome {
    return this.#base === this.#saved ? undefined : this.#failure;
  }

  /** Makes a change that takes effect when it is on the disk, and not at all when it can't be written. */
  commit(change: Change<T>): Promise<Outcome> {
    return this.#add(change, { isHeld: false });
  }

  /** Makes a change that takes effect at once. If it can't be written, it is held in memory and tried again: it is lost when the process ends. */
  update(change: Change<T>, { isTaken = false }: UpdateOptions = {}): Promise<Outcome> {
    return this.#add(change, { isHeld: true, isTaken });
  }

  /** Resolves when every change made so far is on the disk (true), or could not be written (false). */
  async flush(): Promise<boolean> {
    if (this.#base !== this.#saved) this.#kick();
    await this.#writing;
    return this.#base === this.#saved;
  }

  /** Writes the changes made so far, then never writes again: a successor owns the file from here on. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.flush();
    this.#isClosed = true;
    this.#stopRetry();
  }

  #add(change: Change<T>, { isHeld, isTaken = false }: Pick<Waiting<T>, "isHeld" | "isTaken">): Promise<Outcome> {
    // The disk alone is not enough: a write that waits or is under way may change this value again.
    const newest = [...this.#beingWritten, ...this.#waiting].reduce((value, waiting) => waiting.change(value), this.#base);
    const isThere = this.#saved !== undefined && change(this.#saved) === this.#saved && change(newest) === newest;
    if (isThere) return Promise.resolve(undefined);
    if (isHeld) this.#value = change(this.#value);
    if (this.#isClosed) return Promise.resolve(new TunnelError("STATE_NOT_SAVED", message("this daemon has given up its state file: try again")));
    return new Promise((settle) => {
      this.#waiting.push({ change, isHeld, isTaken, settle });
      this.#kick();
    });
  }

  #kick(): void {
    if (this.#isClosed) return;
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    const { path: file, write = replaceFile } = this.#options;
    this.#stopRetry();
    do {
      const batch = this.#waiting;
      const next = batch.reduce((value, { change }) => change(value), this.#base);
      this.#waiting = [];
      this.#beingWritten = batch;
      this.#isTaken ||= batch.some(({ isTaken }) => isTaken);
      // Changes made from here on wait for a later write.
      const outcome = await write(file, `${JSON.stringify(next, undefined, 2)}\n`, { backup: this.#isTaken ? "same" : "before" }).then(
        () => undefined,
        (error: unknown) => this.#explain(error),
      );
      this.#beingWritten = [];
      if (outcome) {
        this.#base = batch.reduce((value, { change, isHeld }) => (isHeld ? change(value) : value), this.#base);
        if ((outcome.cause as NodeJS.ErrnoException | undefined)?.code === "EIO") this.#saved = undefined;
      } else {
        this.#base = next;
        this.#saved = next;
        this.#isTaken = false;
      }
      this.#value = this.#waiting.reduce((value, { change, isHeld }) => (isHeld ? change(value) : value), this.#base);
      this.#note(outcome);
      for (const { settle } of batch) settle(outcome);
    } while (this.#waiting.length > 0);
    // In the same turn as the check above: a change added from here on begins a new round.
    this.#writing = undefined;
    if (this.#failure && !this.#isClosed) this.#stopRetry = this.#options.timers.after(RETRY_MS, () => this.#kick());
  }

  #explain(error: unknown): TunnelError {
    return new TunnelError("STATE_NOT_SAVED", saidBy(explainFileError(error, { doing: "write", path: this.#options.path })), { cause: error });
  }

  #note(failure: Outcome): void {
    const { onProblem } = this.#options;
    if (failure && !this.#failure) onProblem({ kind: "unwritable", error: failure });
    if (!failure && this.#failure) onProblem({ kind: "writable-again" });
    this.#failure = failure;
  }
}

/** What reading needs. */
type LoadOptions<T> = Pick<StateFileOptions<T>, "path" | "uid" | "parse" | "initial" | "wallMs">;

/** Reads a state file at start-up: the file, else its backup, else the initial value. An unusable file is renamed, never changed or deleted; its problem has code CONFIG_INVALID, cause and cure. Never throws. */
function loadState<T>(options: LoadOptions<T>): { readonly value: T; readonly problems: readonly TunnelError[] } {
  const problems: TunnelError[] = [];
  for (const path of [options.path, `${options.path}.bak`]) {
    const read = readValue(path, options);
    if (read.kind === "value") return { value: read.value, problems };
    if (read.kind === "unusable") problems.push(setAside(path, read.cause, options));
  }
  return { value: options.initial(), problems };
}

type ReadValue<T> = { readonly kind: "missing" } | { readonly kind: "unusable"; readonly cause: Error } | { readonly kind: "value"; readonly value: T };

function readValue<T>(path: string, { uid, parse }: LoadOptions<T>): ReadValue<T> {
  try {
    const read = readPrivateFile(path, uid);
    if (read.kind === "missing") return read;
    if (read.kind === "untrusted") return { kind: "unusable", cause: new Error(read.reason) };
    return { kind: "value", value: parse(JSON.parse(read.text)) };
  } catch (cause) {
    return { kind: "unusable", cause: cause as Error };
  }
}

function setAside<T>(path: string, cause: Error, { wallMs }: LoadOptions<T>): TunnelError {
  const aside = `${path}.unusable-${wallMs()}`;
  const why = message("the state file {0} can't be used ({1})", path, cause.message.split("\n")[0] ?? "");
  try {
    renameSync(path, aside);
    return new TunnelError("CONFIG_INVALID", message("{0}: it is kept as {1}; what it held (pins, approvals, ports) may have to be given again", why, aside), {
      cause,
    });
  } catch {
    return new TunnelError("CONFIG_INVALID", message("{0}, nor renamed: move it away by hand", why), { cause });
  }
}
