/**
 * The two conventions between a service manager such as systemd and a service:
 * listening sockets are passed in (sd_listen_fds(3)), and the service reports
 * that it is ready (sd_notify(3)). Node has no unix datagram sockets, so the report
 * goes through the `systemd-notify` program; a unit needs NotifyAccess=all for it.
 */
import { spawn } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";

/** SD_LISTEN_FDS_START, sd_listen_fds(3). */
const FIRST_DESCRIPTOR = 3;

/** Descriptors of listening sockets that were passed to this process; removes the variables from the environment. */
export function passedDescriptors(env: NodeJS.ProcessEnv, pid: number): number[] {
  const isOurs = env["LISTEN_PID"] === String(pid);
  const count = isOurs && /^\d{1,3}$/.test(env["LISTEN_FDS"] ?? "") ? Number(env["LISTEN_FDS"]) : 0;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete env[name];
  return Array.from({ length: count }, (_, index) => FIRST_DESCRIPTOR + index);
}

/** Where a passed unix socket is bound; undefined for other sockets, and where /proc can't tell. proc(5): /proc/net/unix has the inode, then the path. */
export function unixPathOf(fd: number): string | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
    const bound = readFileSync("/proc/net/unix", "utf8").split("\n");
    return bound.map((line) => /^(?:\S+ +){6}(\d+) (\/.*)$/.exec(line)).find((match) => inode !== undefined && match?.[1] === inode)?.[2];
  } catch {
    return undefined;
  }
}

/** Tells the service manager the state, if there is a manager; resolves to what went wrong, if anything. */
export function notifyManager(env: NodeJS.ProcessEnv, what: "ready" | "stopping", status: string): Promise<string | undefined> {
  if (!env["NOTIFY_SOCKET"]) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const child = spawn("systemd-notify", [`--${what}`, `--pid=${process.pid}`, `--status=${status}`], { stdio: "ignore" });
    child.once("error", (error) => resolve(`the service manager can't be told: ${error.message}`));
    child.once("exit", (code) => resolve(code === 0 ? undefined : `systemd-notify ended with ${code}: the unit needs NotifyAccess=all`));
  });
}
