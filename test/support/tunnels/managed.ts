/**
 * A manager in the test's process: files, approvals and state are in memory, the
 * test controls the time, and sockets and far end are real.
 */

import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { type DaemonState, daemonStateSchema, type StateChange, type StateStore } from "../../../daemon/tunnels/daemon-state.ts";
import { Manager, type Remark } from "../../../daemon/tunnels/manager.ts";
import type { ApprovalSource, Planned, Planner } from "../../../daemon/tunnels/plan.ts";
import { createPlanner } from "../../../daemon/tunnels/planner.ts";
import type { Holder } from "../../../daemon/tunnels/want.ts";
import { type ParsedConfig, parseTunnelsText } from "../../../shared/contract/config-text.ts";
import type { TunnelState, TunnelStatus } from "../../../shared/contract/state.ts";
import { refKey, type TunnelRef } from "../../../shared/contract/tunnel-ref.ts";
import type { KeyReference } from "../../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { FakeTime } from "../lifecycle/fake-time.ts";
import { until } from "../process/until.ts";
import type { Stage } from "../stage.ts";
import { fileText } from "../tunnels-json.ts";
import { keyOf } from "../wire/handshakes.ts";

/** Two workspaces. */
export const APP = "/srv/app/.vscode/tunnels.json";
export const CLONE = "/srv/clone/.vscode/tunnels.json";

/** Entries by name; the properties that every entry needs are filled in. */
export type Entries = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** How long the tunnels of a window stay open here. */
export const LINGER_MS = 60_000;

/** Everything that one user's daemons share, one after the other. */
export class Household {
  readonly time = new FakeTime();
  state: DaemonState = daemonStateSchema.parse({});
  /** Names of keys that can be loaded, and the text of each key. */
  readonly keys = new Map<string, string>([["one", "one"]]);
  readonly #files = new Map<string, ParsedConfig>();

  /** Writes a file with these entries; each has a port of its own, service redis and key "one" unless it says otherwise. */
  write(configPath: string, entries: Entries): void {
    const texts = Object.entries(entries).map(([name, entry]) => [name, JSON.stringify({ listen: 0, target: "127.0.0.1:1", key: "one", ...entry })]);
    this.writeText(configPath, fileText(Object.fromEntries(texts)));
  }

  writeText(configPath: string, text: string): void {
    this.#files.set(configPath, parseTunnelsText(text, { path: configPath, platform: "linux" }));
  }

  read(configPath: string): ParsedConfig {
    return this.#files.get(configPath) ?? parseTunnelsText(fileText({}), { path: configPath });
  }

  /** A planner that loads the keys in `keys`; a key file by its path. */
  planner(): Planner {
    const load = (reference: KeyReference) => {
      const name = typeof reference === "string" ? reference : reference.file;
      const text = this.keys.get(name);
      if (text === undefined) throw new TunnelError("KEY_NOT_FOUND", `there is no key "${name}"`);
      return { source: name, file: typeof reference === "string" ? undefined : name, key: keyOf(text), fingerprint: `print of ${text}` };
    };
    const wasApproved = (ref: TunnelRef): boolean => this.state.approvals.some((one) => refKey(one) === refKey(ref));
    return createPlanner({ suite: nodeSuite, keys: { load }, lookup: () => Promise.resolve(["127.0.0.1"]), wasApproved });
  }

  /** Changes the state; never fails here. */
  change(change: StateChange): Promise<undefined> {
    this.state = change(this.state);
    return Promise.resolve(undefined);
  }

  approve(ref: TunnelRef, digest: string): void {
    this.state.approvals = [...this.state.approvals.filter((one) => refKey(one) !== refKey(ref)), { ...ref, digest, atMs: 0 }];
  }
}

/** The tunnels of one daemon, from its start to its end. */
export class Managed {
  readonly house: Household;
  readonly manager: Manager;
  readonly changes: TunnelStatus[] = [];
  readonly removed: string[] = [];
  readonly asked: Planned["facts"][] = [];
  readonly remarks: Remark[] = [];
  /** Files that are being watched now. */
  readonly watched = new Set<string>();
  /** Whether every wanted tunnel is approved at once. */
  approveAll = true;
  #pids = 0;

  /** `kept`: where state and approvals are kept, if not in `house`. */
  constructor(scope: Stage, house = new Household(), kept?: { readonly store: StateStore; readonly approvals: ApprovalSource }) {
    const { time } = house;
    this.house = house;
    const after = (ms: number, action: () => void) => time.after(ms, action);
    this.manager = new Manager({
      tunnel: { suite: nodeSuite, random: systemRandom, clock: time, after },
      clock: time,
      configs: {
        get: (configPath) => {
          this.watched.add(configPath);
          return house.read(configPath);
        },
        release: (configPath) => void this.watched.delete(configPath),
      },
      planner: house.planner(),
      approvals: kept?.approvals ?? {
        isApproved: (ref, digest) => {
          if (this.approveAll) house.approve(ref, digest);
          return house.state.approvals.some((one) => refKey(one) === refKey(ref) && one.digest === digest);
        },
      },
      store: kept?.store ?? {
        get state() {
          return house.state;
        },
        commit: (change) => house.change(change),
        update: (change) => house.change(change),
      },
      observer: {
        changed: (status) => void this.changes.push(status),
        removed: (id) => void this.removed.push(id),
        approvalNeeded: ({ facts }) => void this.asked.push(facts),
        event: () => {},
        remark: (remark) => void this.remarks.push(remark),
        activity: () => {},
      },
    });
    scope.own(this.manager, (manager) => manager.shutdown());
  }

  /** A client that has connected. */
  client(kind = "vscode", lingerMs = kind === "vscode" ? LINGER_MS : 0): Holder {
    this.#pids += 1;
    return { user: { kind, name: `${kind} ${this.#pids}`, pid: this.#pids }, lingerMs };
  }

  /** `holder` wants these tunnels of a file, and no others of the file. */
  async want(holder: Holder, configPath: string, ...names: readonly string[]): Promise<TunnelStatus[]> {
    return await this.manager.set(holder, { scope: configPath, configPath, names });
  }

  /** Changes the file and reports the change like the watcher. */
  async rewrite(configPath: string, entries: Entries): Promise<void> {
    this.house.write(configPath, entries);
    await this.fileChanged(configPath);
  }

  async fileChanged(configPath: string): Promise<void> {
    await this.manager.refresh((ref) => ref.configPath === configPath);
  }

  /** A tunnel as it is listed; undefined: it is not listed. */
  find(configPath: string, name: string): TunnelStatus | undefined {
    return this.manager.list().find((one) => one.configPath === configPath && one.name === name);
  }

  status(configPath: string, name: string): TunnelStatus {
    const found = this.find(configPath, name);
    if (!found) throw new Error(`${name} of ${configPath} is not listed`);
    return found;
  }

  /** Waits until a tunnel is in this state. */
  async reaches(configPath: string, name: string, state: TunnelState): Promise<TunnelStatus> {
    await until(() => this.find(configPath, name)?.state === state, { what: `${name} was ${state}` });
    return this.status(configPath, name);
  }

  /** Waits until a tunnel is not listed any more. */
  async gone(configPath: string, name: string): Promise<void> {
    await until(() => this.find(configPath, name) === undefined, { what: `${name} was forgotten` });
  }
}

/** Where a tunnel listens, to connect to. */
export function portOf({ listen }: TunnelStatus): { readonly port: number } {
  return { port: Number(listen.slice(listen.lastIndexOf(":") + 1)) };
}
