/**
 * Finds the process that listens at a taken address, as far as this user may know:
 * on Linux the kernel lists listening sockets with their inodes (/proc/net), and
 * the descriptors of this user's processes. Used only after a bind has failed,
 * with pauses for the event loop between processes. Elsewhere: unknown.
 */
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { basename } from "node:path";
import { type Message, message } from "../../shared/message.ts";
import type { ResolvedAddress } from "./target.ts";

/** Who listens somewhere. */
export interface PortOwner {
  /** Its program, for people: letters, digits, ".", "_", "+" and "-" only. */
  readonly program: string;
  readonly pid: number;
  /** The process has been told to end, and ends with its last connection. */
  readonly isDraining: boolean;
}

/** TCP_LISTEN of net/tcp_states.h, as /proc/net/tcp prints it; proc(5). */
const TCP_LISTEN = "0A";
/** __SO_ACCEPTCON of linux/net.h: a unix socket that listens. */
const UNIX_LISTENING = 0x0001_0000;
/** The bit of SIGTERM in a signal mask of /proc/PID/status; signal(7), proc(5). */
const SIGTERM_BIT = 1n << 14n;
/** Our choice: no more processes and descriptors than this are looked at; then the owner stays unknown. */
const MAX_PROCESSES = 10_000;
const MAX_DESCRIPTORS = 100_000;

/** The process that listens at `address`; undefined if it can't be found. Never rejects. */
export async function portOwner(address: ResolvedAddress): Promise<PortOwner | undefined> {
  try {
    const inodes = address.kind === "unix" ? await unixListeners(address.path) : await tcpListeners(address);
    const pid = inodes.size === 0 ? undefined : await holderOf(inodes);
    return pid === undefined ? undefined : await describe(pid);
  } catch {
    return undefined;
  }
}

/** Text for people, such as "spiped (pid 4312, draining)". */
export function ownerText({ program, pid, isDraining }: PortOwner): Message {
  return isDraining ? message("{0} (pid {1}, draining)", program, pid) : message("{0} (pid {1})", program, pid);
}

async function tcpListeners({ host, port }: Extract<ResolvedAddress, { kind: "tcp" }>): Promise<Set<string>> {
  const rows = (await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(rowsOf))).flat();
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const listening = rows.filter((row) => row[3] === TCP_LISTEN && row[1]?.endsWith(`:${hex}`));
  // Usually the listener of this very address keeps it from us, else a listener of all addresses, else any that has the port.
  const wanted = isIPv4(host) ? ipv4Hex(host) : undefined;
  const nearest = listening.filter((row) => row[1]?.startsWith(`${wanted}:`));
  return new Set((nearest.length > 0 ? nearest : listening).map((row) => row[9] ?? ""));
}

/** The address as /proc/net/tcp prints it: one little-endian word on the machines that Node runs on. */
function ipv4Hex(ip: string): string {
  const bytes = ip.split(".").map((part) => Number(part).toString(16).toUpperCase().padStart(2, "0"));
  return bytes.toReversed().join("");
}

/** The kernel still names a socket by the path where it was made when another file has taken that path (socket-file.ts). */
async function unixListeners(path: string): Promise<Set<string>> {
  if (!(await lstat(path)).isSocket()) return new Set();
  const rows = await rowsOf("/proc/net/unix");
  const listening = rows.filter((row) => row.slice(7).join(" ") === path && (Number.parseInt(row[3] ?? "0", 16) & UNIX_LISTENING) !== 0);
  return new Set(listening.map((row) => row[6] ?? ""));
}

async function rowsOf(file: string): Promise<string[][]> {
  const text = await readFile(file, "latin1").catch(() => "");
  return text.split("\n").map((line) => line.trim().split(/\s+/));
}

/** The first process that has one of these sockets open. */
async function holderOf(inodes: ReadonlySet<string>): Promise<number | undefined> {
  const sockets = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).slice(0, MAX_PROCESSES);
  // This process comes last: it may have had the path before another process.
  pids.sort((a, b) => Number(a === String(process.pid)) - Number(b === String(process.pid)));
  let left = MAX_DESCRIPTORS;
  for (const pid of pids) {
    // Another user's process can't be read, and a process may end meanwhile.
    const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
    left -= names.length;
    if (left < 0) return undefined;
    for (const name of names) {
      if (sockets.has(await readlink(`/proc/${pid}/fd/${name}`).catch(() => ""))) return Number(pid);
    }
  }
  return undefined;
}

async function describe(pid: number): Promise<PortOwner> {
  const [commandLine, name, status] = await Promise.all(["cmdline", "comm", "status"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")));
  const program = programOf(commandLine ?? "", (name ?? "").trim());
  return { program, pid, isDraining: basename(program) === "spiped" && !catchesSigterm(status ?? "") };
}

/** A program's name from its argv, or the kernel's name for it; for our own program the command too. */
function programOf(commandLine: string, comm: string): string {
  const words = commandLine.split("\0");
  const [first = ""] = words;
  const script = words.findIndex((word) => basename(word) === "tunneld.cjs");
  if (script > 0) return plain(`tunneld ${words[script + 1] ?? ""}`, "tunneld");
  // Programs that set their title put all of it into the first word.
  return plain(basename(first.split(" ")[0] ?? ""), plain(comm, "a program"));
}

/** A process may have any name: this lets nothing through that a terminal or a window would act on. */
function plain(text: string, otherwise: string): string {
  const clean = text.replace(/[^\w.+ -]/g, "").trim();
  return clean === "" ? otherwise : clean.slice(0, 40);
}

/** spiped, and `tunneld spiped`, catch one SIGTERM, drain, and leave the next one to the system. */
function catchesSigterm(status: string): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return caught === undefined || (BigInt(`0x${caught}`) & SIGTERM_BIT) !== 0n;
}
