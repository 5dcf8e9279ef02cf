/**
 * What Linux says about a process of ours: its CPU time, its resident memory and how many files it may open.
 * Sources: proc(5), /proc/PID/stat, /proc/PID/status, /proc/PID/limits.
 */
import { readFileSync } from "node:fs";

/** USER_HZ: 100 on every Linux that Node runs on, whatever the kernel's own HZ is. */
const TICKS_PER_SECOND = 100;
/** utime and stime are fields 14 and 15; the first field after the command's name is number 3. */
const UTIME = 14 - 3;
const STIME = 15 - 3;

/** User and system time of all the threads of these processes so far, in seconds (steps of 10 ms). */
export function cpuSeconds(pids) {
  const ticks = pids.map((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may contain spaces and parentheses itself: the fields start after the last parenthesis.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[UTIME]) + Number(fields[STIME]);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND;
}

/** Resident memory in bytes. */
export function residentBytes(pid) {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]) * 1024;
}

/** How many files the process may have open at once. */
export function openFilesLimit(pid) {
  const match = /^Max open files\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"));
  return match?.[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(match?.[1]);
}

/** How many TCP sockets of this machine are connected to the port; proc(5), /proc/net/tcp: 01 is ESTABLISHED. */
export function socketsTo(port) {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/tcp", "utf8").trim().split("\n").slice(1);
  return rows.map((row) => row.trim().split(/\s+/)).filter(([, , remote, state]) => remote.endsWith(wanted) && state === "01").length;
}
