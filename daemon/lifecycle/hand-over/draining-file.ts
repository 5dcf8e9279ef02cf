/**
 * How a daemon that has handed over stays visible while its last connections go
 * on. It has no socket any more, so it keeps a small file beside the successor's
 * file and rewrites it every few seconds. A file that was not rewritten for a
 * while belongs to a process that was killed, and its next reader removes it.
 */
import { readdirSync, rmSync, statSync } from "node:fs";
import * as path from "node:path";
import type { Dispose, Timers } from "../../../shared/time.ts";
import { readPrivateFile, writePrivateFile } from "../private-file.ts";

/** Our choice: how often the file is written, and how old an abandoned file is. */
const WRITE_MS = 2_000;
const STALE_MS = 10_000;

/** A daemon that only drains. */
export interface DrainingDaemon {
  readonly pid: number;
  readonly version: string;
  readonly openConnections: number;
}

/** Where these files are: beside the discovery file, one for each process. */
function fileOf(discoveryFile: string, pid: number): string {
  return `${discoveryFile}.draining.${pid}`;
}

/** Keeps the file until the result is called; `look` gives its current content. Never throws: without the file the daemon only drains unseen. */
export function showDraining(discoveryFile: string, look: () => DrainingDaemon, timers: Timers): Dispose {
  const file = fileOf(discoveryFile, look().pid);
  const write = (): void => {
    try {
      writePrivateFile(file, JSON.stringify(look()));
    } catch {
      // A full disk must not keep the daemon from draining.
    }
  };
  write();
  const stop = timers.every(WRITE_MS, write);
  return () => {
    stop();
    rmSync(file, { force: true });
  };
}

/** All daemons that drain beside this one, oldest process first. */
export function readDraining(discoveryFile: string, about: { readonly uid: number | undefined; readonly wallMs: number }): DrainingDaemon[] {
  const found: DrainingDaemon[] = [];
  for (const name of namesBeside(discoveryFile)) {
    const file = path.join(path.dirname(discoveryFile), name);
    const age = about.wallMs - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (age > STALE_MS) {
      rmSync(file, { force: true });
      continue;
    }
    const read = readPrivateFile(file, about.uid);
    const said = read.kind === "found" ? parse(read.text) : undefined;
    if (said) found.push(said);
  }
  return found.toSorted((a, b) => a.pid - b.pid);
}

function namesBeside(discoveryFile: string): string[] {
  try {
    return readdirSync(path.dirname(discoveryFile)).filter((name) => name.startsWith(`${path.basename(discoveryFile)}.draining.`) && /\d$/.test(name));
  } catch {
    return [];
  }
}

function parse(text: string): DrainingDaemon | undefined {
  try {
    const { pid, version, openConnections }: Partial<Record<keyof DrainingDaemon, unknown>> = JSON.parse(text);
    if (typeof pid !== "number" || typeof version !== "string" || typeof openConnections !== "number") return undefined;
    return { pid, version, openConnections };
  } catch {
    return undefined;
  }
}
