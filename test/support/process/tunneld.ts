/**
 * Real daemons with their own state folders, and their clients. The client library
 * starts the daemons, as in windows and commands; they are ended by process id.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { type ClientState, DaemonClient, type DaemonClientOptions } from "../../../daemon/client/daemon-client.ts";
import { type DaemonPaths, daemonPaths, thisPlace } from "../../../daemon/lifecycle/paths.ts";
import { type DaemonState, daemonStateSchema } from "../../../daemon/tunnels/daemon-state.ts";
import { endProcessesOf } from "../../../scripts/lib/daemon-processes.mjs";
import type { TunnelState, TunnelStatus } from "../../../shared/contract/state.ts";
import { PROTOCOL_VERSION } from "../../../shared/contract/version.ts";
import type { Stage } from "../stage.ts";
import { fileText } from "../tunnels-json.ts";
import { PATIENT_SECONDS, TUNNELD } from "./ends.ts";
import { isAlive } from "./proc-info.ts";
import { until } from "./until.ts";

/** Entries by name; the properties that every entry needs are filled in. */
export type Entries = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A client that is closed with its stage. */
export interface TestClient {
  readonly daemon: DaemonClient;
  /** Every state that it has reported. */
  readonly states: ClientState[];
}

/** One user's home on a machine, with at most one daemon. */
export class Home {
  readonly paths: DaemonPaths;
  readonly #stage: Stage;
  readonly #daemonArgs: readonly string[];

  /** `daemonArgs` are options of every daemon that is started here; by default a daemon that nobody needs ends after two seconds. */
  constructor(stage: Stage, daemonArgs: readonly string[] = ["--linger", "1", "--idle", "2"]) {
    this.#stage = stage;
    this.#daemonArgs = daemonArgs;
    this.paths = daemonPaths({ stateDir: stage.path("home"), protocol: PROTOCOL_VERSION, place: thisPlace() });
    mkdirSync(this.paths.stateDir, { mode: 0o700 });
    mkdirSync(this.paths.keyDir, { mode: 0o700 });
    stage.own(() => endProcessesOf(this.paths.stateDir));
  }

  /** A client; it starts a daemon when there is none, and reconnects if the options say so. */
  client(options: Partial<DaemonClientOptions> = {}): TestClient {
    const states: ClientState[] = [];
    const daemon = new DaemonClient({
      ...{ paths: this.paths, place: thisPlace(), execPath: process.execPath, program: TUNNELD, daemonArgs: this.#daemonArgs },
      ...{ kind: "vscode", name: "a window", start: true, stay: false, wallMs: Date.now, onState: (state) => void states.push(state) },
      ...options,
    });
    this.#stage.own(() => daemon.close());
    return { daemon, states };
  }

  /** Writes a key of the key folder; returns its file, for the far end. */
  key(name: string, bytes: Uint8Array = randomBytes(32)): string {
    const file = path.join(this.paths.keyDir, name);
    writeFileSync(file, bytes, { mode: 0o600 });
    return file;
  }

  /** Writes WORKSPACE/.vscode/tunnels.json; every entry has key "team", any port and a long timeout unless it says otherwise. */
  workspace(workspace: string, entries: Entries): string {
    const texts = Object.entries(entries).map(([name, entry]) => [name, JSON.stringify({ listen: 0, key: "team", timeoutSeconds: PATIENT_SECONDS, ...entry })]);
    return this.workspaceText(workspace, fileText(Object.fromEntries(texts)));
  }

  workspaceText(workspace: string, text: string): string {
    const folder = path.join(this.#stage.path(workspace), ".vscode");
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, "tunnels.json");
    writeFileSync(file, text);
    return file;
  }

  /** The daemon's process id from its discovery file; undefined: there is no such file. */
  get pid(): number | undefined {
    const file = this.paths.door.discoveryFile;
    if (!existsSync(file)) return undefined;
    const { pid } = JSON.parse(readFileSync(file, "utf8")) as { pid: number };
    return isAlive(pid) ? pid : undefined;
  }

  /** Sends a signal to the daemon, if there is one. */
  kill(signal: NodeJS.Signals = "SIGKILL"): number | undefined {
    const { pid } = this;
    if (pid !== undefined) process.kill(pid, signal);
    return pid;
  }

  async ended(pid: number): Promise<void> {
    await until(() => !isAlive(pid), { what: `the daemon ${pid} had ended` });
  }

  /** The files in the runtime folder. */
  leftovers(): string[] {
    return readdirSync(this.paths.door.folder);
  }

  /** The state file's present content; a daemon writes a change a moment after it is made. */
  get state(): DaemonState {
    const { stateFile } = this.paths;
    return daemonStateSchema.parse(existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, "utf8")) : {});
  }

  /** The daemon's log. */
  get log(): string {
    return existsSync(this.paths.logFile) ? readFileSync(this.paths.logFile, "utf8") : "";
  }
}

/** Approves all entries of a file in their present form. */
export async function approveAll({ daemon }: TestClient, configPath: string): Promise<void> {
  const { pending } = await daemon.request("approvals/list", { configPath });
  for (const { name, digest } of pending) await daemon.request("approvals/grant", { configPath, name, digest });
}

/** Approves and wants these tunnels of a file. */
export async function approveAndWant(client: TestClient, configPath: string, names: readonly string[]): Promise<TunnelStatus[]> {
  await approveAll(client, configPath);
  return (await client.daemon.want(configPath, { configPath, names })).tunnels;
}

/** A tunnel as the daemon lists it; undefined: it is not listed. */
export async function find({ daemon }: TestClient, configPath: string, name: string): Promise<TunnelStatus | undefined> {
  const { tunnels } = await daemon.request("tunnels/list", {});
  return tunnels.find((one) => one.configPath === configPath && one.name === name);
}

/** Waits until a tunnel is listed in this state and `holds` accepts it. */
export async function reaches(
  client: TestClient,
  tunnel: { readonly configPath: string; readonly name: string },
  wanted: { readonly state: TunnelState; readonly holds?: (status: TunnelStatus) => boolean },
): Promise<TunnelStatus> {
  let found: TunnelStatus | undefined;
  const isThere = async (): Promise<boolean> => {
    found = await find(client, tunnel.configPath, tunnel.name);
    return found?.state === wanted.state && (wanted.holds?.(found) ?? true);
  };
  await until(isThere, { what: `${tunnel.name} was ${wanted.state}` }).catch((error: Error) => {
    throw new Error(`${error.message}; it is ${JSON.stringify(found)}`);
  });
  return found as TunnelStatus;
}

/** The port of an address, or the port at which a tunnel listens. */
export function portOf(where: string | Pick<TunnelStatus, "listen">): number {
  const address = typeof where === "string" ? where : where.listen;
  return Number(address.slice(address.lastIndexOf(":") + 1));
}
