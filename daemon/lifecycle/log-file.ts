/**
 * The log on disk: whole lines, appended, 0600, rotated by size. It never throws
 * and never waits. On a full disk it counts the lines it loses, and logs their
 * number once it can write again. Two daemons may write the same file while one
 * hands over to the other: appends don't mix, and a daemon that finds the file
 * rotated opens the new one.
 */
import { closeSync, fstatSync, openSync, renameSync, statSync, writeSync } from "node:fs";

/** Our choice: fits in a mail, and holds a day of a chatty tunnel. */
const MAX_BYTES = 5 * 1024 * 1024;
/** Our choice: tunneld.log, .1 and .2. */
const MAX_FILES = 3;

/** The file operations; an argument so that tests can simulate a full disk. */
export interface LogFiles {
  /** Opens for appending, 0600 when created. */
  open(path: string): number;
  write(file: number, bytes: Uint8Array): number;
  /** Length and identity of the file at a descriptor or a path. */
  stat(file: number | string): { readonly size: number; readonly ino: number };
  rename(from: string, to: string): void;
  close(file: number): void;
}

const machineFiles: LogFiles = {
  open: (path) => openSync(path, "a", 0o600),
  write: (file, bytes) => writeSync(file, bytes),
  stat: (file) => (typeof file === "number" ? fstatSync(file) : statSync(file)),
  rename: renameSync,
  close: closeSync,
};

/** Where and how to log. */
export interface LogFileOptions {
  readonly path: string;
  /** The line that reports lost lines, without its newline. */
  readonly lossLine: (lost: number, reason: string) => string;
  /** Longest file; a single line may be longer. */
  readonly maxBytes?: number;
  /** Counts the current file and the rotated ones. */
  readonly maxFiles?: number;
  readonly files?: LogFiles;
}

/** A log file that is open; the caller owns it. */
export class LogFile {
  readonly #options: LogFileOptions;
  readonly #files: LogFiles;
  readonly #maxBytes: number;
  #file: number | undefined;
  /** Length as far as we know; another process may have added to it. */
  #bytes = 0;
  #lost = 0;
  #lossReason = "";
  /** The last write stopped within a line. */
  #isTorn = false;
  #isClosed = false;

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#files = options.files ?? machineFiles;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
  }

  /** Lines lost since the last one that was written. */
  get lost(): number {
    return this.#lost;
  }

  /** Appends one line, given without its newline. */
  write(line: string): void {
    if (this.#isClosed) return;
    try {
      const notice = this.#lost > 0 ? `${this.#options.lossLine(this.#lost, this.#lossReason)}\n` : "";
      const text = Buffer.from(`${this.#isTorn ? "\n" : ""}${notice}${line}\n`);
      this.#append(this.#fileFor(text.length), text);
      this.#lost = 0;
    } catch (error) {
      this.#lost += 1;
      this.#lossReason = (error as Error).message;
    }
  }

  /** Closes the file; later lines go nowhere. */
  close(): void {
    this.#isClosed = true;
    this.#closeFile();
  }

  #append(file: number, text: Uint8Array): void {
    let done = 0;
    try {
      while (done < text.length) done += this.#files.write(file, text.subarray(done));
      this.#isTorn = false;
    } finally {
      if (done > 0 && done < text.length) this.#isTorn = true;
      this.#bytes += done;
    }
  }

  /** The open file, after a rotation if `bytes` more would make it too long. */
  #fileFor(bytes: number): number {
    const file = this.#file ?? this.#open();
    if (this.#bytes + bytes <= this.#maxBytes) return file;
    const { path } = this.#options;
    if (this.#isCurrent(file)) {
      this.#bytes = this.#files.stat(file).size;
      if (this.#bytes === 0 || this.#bytes + bytes <= this.#maxBytes) return file;
      if (!this.#shift(path)) return file;
    }
    this.#closeFile();
    return this.#open();
  }

  /** Whether the path still leads to the file we have open. */
  #isCurrent(file: number): boolean {
    try {
      return this.#files.stat(this.#options.path).ino === this.#files.stat(file).ino;
    } catch {
      return false;
    }
  }

  /** tunneld.log.1 → .2, tunneld.log → .1; false if the rename fails: then we go on with the present file. */
  #shift(path: string): boolean {
    const oldest = (this.#options.maxFiles ?? MAX_FILES) - 1;
    for (let number = oldest; number > 0; number -= 1) {
      try {
        this.#files.rename(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
      } catch {
        if (number > 1) continue;
        // Don't try again with every line.
        this.#bytes = 0;
        return false;
      }
    }
    return true;
  }

  #open(): number {
    const file = this.#files.open(this.#options.path);
    this.#file = file;
    this.#bytes = this.#files.stat(file).size;
    return file;
  }

  #closeFile(): void {
    if (this.#file === undefined) return;
    try {
      this.#files.close(this.#file);
    } catch {
      // Unwritten lines are lost, and there is no place left to report it.
    }
    this.#file = undefined;
  }
}
