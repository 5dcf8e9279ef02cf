/**
 * A small JSON file that outlives the daemon: pins, approvals, chosen ports. The
 * value in memory is what counts; the file follows it, one write at a time, each
 * whole or not at all (temporary file, fsync, rename), the one before kept as
 * `.bak`. Nothing is lost silently: a file that can't be read is set aside under
 * another name, a disk that is full is reported, and both are survived.
 */
import { copyFile, link, open, rename, rm } from "node:fs/promises";
import * as path from "node:path";
import type { TunnelError } from "../../shared/errors.ts";
import type { Dispose, Timers } from "./clock.ts";
import { explainFileError } from "./private-folder.ts";
import { loadState } from "./state-load.ts";

/** Our choice: how soon a failed write is tried again by itself. */
const RETRY_MS = 30_000;

/** What the owner should log. Each is a sentence with cause and cure. */
export type StateProblem =
  /** The file could not be used and stands under another name now. */
  | { readonly kind: "set-aside"; readonly error: TunnelError }
  /** It can't be written; once until it can be again. */
  | { readonly kind: "unwritable"; readonly error: TunnelError }
  | { readonly kind: "writable-again" };

/** What is kept, and where. */
export interface StateFileOptions<T> {
  readonly path: string;
  readonly uid: number | undefined;
  /** Checks what was read and fills in what is missing; throws if it is no such value. */
  readonly parse: (value: unknown) => T;
  /** The value before anything was kept. */
  readonly initial: () => T;
  /** Must not throw. */
  readonly onProblem: (problem: StateProblem) => void;
  readonly wallMs: () => number;
  readonly timers: Timers;
  /** Writes text to a path for good; an argument so that a full disk can be acted. */
  readonly write?: (path: string, text: string) => Promise<void>;
}

/** The value and its file; the caller owns it. */
export class StateFile<T> {
  readonly #options: StateFileOptions<T>;
  #value: T;
  #isDirty = false;
  #isClosed = false;
  #isFailing = false;
  #writing: Promise<void> | undefined;
  #stopRetry: Dispose = () => {};

  /** Reads the file; problems go to `onProblem`, and the backup or the initial value is used. */
  constructor(options: StateFileOptions<T>) {
    this.#options = options;
    const { value, problems } = loadState(options);
    this.#value = value;
    for (const error of problems) options.onProblem({ kind: "set-aside", error });
  }

  /** The value as it is now. Not to be changed in place: use `set`. */
  get value(): T {
    return this.#value;
  }

  /** Takes a new value; it is written soon. After `close` it is only remembered. */
  set(value: T): void {
    this.#value = value;
    if (this.#isClosed) return;
    this.#isDirty = true;
    this.#kick();
  }

  /** Resolves when the newest value is on the disk (true), or could not be written (false). */
  async flush(): Promise<boolean> {
    if (this.#isDirty) this.#kick();
    await this.#writing;
    return !this.#isDirty;
  }

  /** Writes what is to be written, then never again: a successor owns the file from here on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#stopRetry();
  }

  #kick(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    const { path: file, onProblem, write = replaceFile } = this.#options;
    this.#stopRetry();
    while (this.#isDirty) {
      this.#isDirty = false;
      try {
        await write(file, `${JSON.stringify(this.#value, undefined, 2)}\n`);
      } catch (error) {
        this.#isDirty = true;
        this.#failed(explainFileError(error, { doing: "write", path: file }));
        return;
      }
      if (this.#isFailing) onProblem({ kind: "writable-again" });
      this.#isFailing = false;
    }
  }

  #failed(error: TunnelError): void {
    if (!this.#isFailing) this.#options.onProblem({ kind: "unwritable", error });
    this.#isFailing = true;
    if (!this.#isClosed) this.#stopRetry = this.#options.timers.after(RETRY_MS, () => this.#kick());
  }
}

/** Writes beside the file, makes that durable, keeps the present file as `.bak`, and puts the new one in its place. */
async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  await rm(temporary, { force: true });
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await keepBackup(file);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/** A second link and a rename: at no moment is there neither file nor backup. */
async function keepBackup(file: string): Promise<void> {
  const next = `${file}.${process.pid}.bak`;
  await rm(next, { force: true });
  try {
    await link(file, next).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") throw error;
      await copyFile(file, next);
    });
    await rename(next, `${file}.bak`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Makes the rename itself durable; not every system lets a folder be opened for that. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch {
    // The file is whole all the same.
  }
}
