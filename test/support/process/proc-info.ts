/**
 * What the kernel says about a process (/proc, Linux).
 */
import { readdirSync, readFileSync } from "node:fs";

/** One field of /proc/PID/status, such as "VmHWM" or "Uid". */
export function statusField(pid: number, name: string): string {
  const match = new RegExp(`^${name}:\\s*(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (!match?.[1]) throw new Error(`/proc/${pid}/status has no ${name}`);
  return match[1].trim();
}

/** Resident memory now, in bytes. */
export function residentBytes(pid: number): number {
  return Number.parseInt(statusField(pid, "VmRSS"), 10) * 1024;
}

/** The peak of resident memory, in bytes. */
export function peakResidentBytes(pid: number): number {
  return Number.parseInt(statusField(pid, "VmHWM"), 10) * 1024;
}

/** The command line as `ps` shows it, joined by spaces. */
export function commandLine(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").replace(/\0+$/, "").replaceAll("\0", " ");
}

/** False once a process is gone (or only waits to be reaped). */
export function isAlive(pid: number): boolean {
  try {
    return !statusField(pid, "State").startsWith("Z");
  } catch {
    return false;
  }
}

/** Processes whose command line contains `text`: to find processes that were left behind, never to end them. */
export function processesWith(text: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      return pid !== process.pid && isAlive(pid) && commandLine(pid).includes(text);
    } catch {
      return false; // Gone meanwhile.
    }
  });
}
