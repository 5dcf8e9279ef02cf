/**
 * Ends of tunnels as real processes: ours (dist/tunneld.cjs) or Debian's spiped.
 */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort } from "../../../scripts/lib/ports.mjs";
import { tools } from "../servers.ts";
import type { Stage } from "../stage.ts";
import { isListening } from "./listening.ts";
import type { Program } from "./program.ts";
import { until } from "./until.ts";

/** The program under test. */
export const TUNNELD = fileURLToPath(new URL("../../../dist/tunneld.cjs", import.meta.url));

/** Whose spiped to use. */
export type Maker = "ours" | "Debian's";

/** The role of an end: -e takes plain connections, -d encrypted ones. */
export type RoleOption = "-e" | "-d";

/** spiped's own limit of 5 s is for people; a busy machine may need longer for many handshakes at once. */
export const PATIENT_SECONDS = 120;

/** This limit as options of spiped and spipe. */
export const PATIENT = ["-o", String(PATIENT_SECONDS)] as const;

/** A port can be taken by another program after it was found and before it is bound, so a start is tried again. */
const ATTEMPTS = 5;

/** Command and leading arguments of a program. */
export function commandOf(maker: Maker, name: "spiped" | "spipe"): readonly [string, ...string[]] {
  return maker === "ours" ? [process.execPath, TUNNELD, name] : [tools()[name]];
}

/** A key file of 32 random bytes. */
export function makeKey(stage: Stage, name = "key"): string {
  const path = stage.path(name);
  writeFileSync(path, randomBytes(32), { mode: 0o600 });
  return path;
}

/** An address of 127.0.0.1 where nobody listens and that stays reserved for us. */
export async function freeAddress(host = "127.0.0.1"): Promise<string> {
  return `[${host}]:${await freePort(host)}`;
}

/** How to start an end. */
export interface EndOptions {
  readonly maker?: Maker;
  readonly role: RoleOption;
  readonly target: string;
  readonly key: string;
  /** Where to listen; default: a free port of `host`. */
  readonly source?: string;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** More options; without -o among them PATIENT is added. */
  readonly args?: readonly string[];
  /** Started through `sh -c 'SHELL; exec …'`. */
  readonly shell?: string;
  /** Options of node itself (ours only). */
  readonly nodeArgs?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A running end. */
export interface End {
  readonly program: Program;
  readonly address: string;
}

/** Starts an end in the foreground; resolves when it listens. */
export async function startEnd(stage: Stage, options: EndOptions): Promise<End> {
  for (let attempt = 1; ; attempt++) {
    const address = options.source ?? (await freeAddress(options.host));
    const program = launch(stage, options, address);
    await until(() => !program.isRunning || isListening(program.pid, address), { what: `a spiped ${options.role} listened` });
    if (program.isRunning) return { program, address };
    if (options.source !== undefined || attempt === ATTEMPTS) throw new Error(`spiped ${options.role} did not start: ${program.stderr}`);
  }
}

function launch(stage: Stage, options: EndOptions, address: string): Program {
  const [command, ...first] = commandOf(options.maker ?? "ours", "spiped");
  const { args = [] } = options;
  const rest = ["-F", options.role, "-s", address, "-t", options.target, "-k", options.key, ...(args.includes("-o") ? [] : PATIENT), ...args];
  const all = [command, ...(options.nodeArgs ?? []), ...first, ...rest];
  return options.shell === undefined ? stage.spawn(command, all.slice(1)) : stage.spawn("/bin/sh", ["-c", `${options.shell}; exec "$0" "$@"`, ...all]);
}

/** How to start both ends. */
export interface TunnelOptions {
  readonly target: string;
  readonly makers?: { readonly client: Maker; readonly server: Maker };
  /** Options of both ends. */
  readonly args?: readonly string[];
}

/** A whole tunnel: a connection to `address` reaches the target. */
export interface Tunnel {
  readonly address: string;
  readonly client: End;
  readonly server: End;
  readonly key: string;
}

/** Starts a server end and a client end with one new key. */
export async function startTunnel(stage: Stage, { target, makers, args = [] }: TunnelOptions): Promise<Tunnel> {
  const key = makeKey(stage);
  const server = await startEnd(stage, { maker: makers?.server ?? "ours", role: "-d", target, key, args });
  const client = await startEnd(stage, { maker: makers?.client ?? "ours", role: "-e", target: server.address, key, args });
  return { address: client.address, client, server, key };
}
