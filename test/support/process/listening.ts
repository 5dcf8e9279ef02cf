/**
 * Whether a process listens at an address. The kernel (/proc) is asked instead of connecting: a probe would be a normal
 * connection that is counted, logged and passed on. Without /proc a probe is used.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import * as net from "node:net";
import { type Address, parseAddress } from "../../../shared/address.ts";

const TCP_LISTEN = "0A";
/** __SO_ACCEPTCON of linux/net.h: a listening unix socket. */
const UNIX_LISTENING = 0x0001_0000;

/** True if process `pid` itself has a listening socket at `text`. */
export function isListening(pid: number, text: string): Promise<boolean> | boolean {
  const address = parseAddress(text);
  if (!existsSync("/proc/self/net/tcp")) return answers(address);
  const inodes = address.kind === "unix" ? unixListeners(address.path) : tcpListeners(address.port);
  return inodes.size > 0 && openSockets(pid).some((inode) => inodes.has(inode));
}

function tcpListeners(port: number): Set<string> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap(fields);
  return new Set(rows.filter((row) => row[1]?.endsWith(wanted) && row[3] === TCP_LISTEN).map((row) => row[9] ?? ""));
}

/** Every TCP port that process `pid` itself listens at, from /proc. */
export function listeningPorts(pid: number): readonly number[] {
  const own = new Set(openSockets(pid));
  const rows = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap(fields);
  return rows.filter((row) => row[3] === TCP_LISTEN && own.has(row[9] ?? "")).map((row) => Number.parseInt(row[1]?.split(":").at(-1) ?? "", 16));
}

function unixListeners(path: string): Set<string> {
  const rows = fields("/proc/self/net/unix");
  const listening = rows.filter((row) => row[7] === path && (Number.parseInt(row[3] ?? "0", 16) & UNIX_LISTENING) !== 0);
  return new Set(listening.map((row) => row[6] ?? ""));
}

function fields(file: string): string[][] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
}

/** Inodes of the sockets that a process has open. */
export function openSockets(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((name) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? [];
      } catch {
        return []; // Closed meanwhile.
      }
    });
  } catch {
    return []; // The process has ended.
  }
}

function answers(address: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}
