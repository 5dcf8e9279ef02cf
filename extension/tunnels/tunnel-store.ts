/**
 * The tunnels of this window: what the files say, what the daemon says, what is
 * approved and what this window wants, combined and kept current. Everything that
 * is shown is made from `items`; every action goes through `tunnel-actions.ts`.
 * Does not use VS Code.
 */
import { approvedEntries } from "../../shared/contract/approved-entry.ts";
import type { ParsedConfig } from "../../shared/contract/config-text.ts";
import { refKey, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import type { TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { Disposables, Emitter, type Event } from "../emitter.ts";
import { type Approval, isOn, type TunnelItem, type TunnelSource } from "../model/tunnel-item.ts";
import type { DaemonLink } from "./daemon-link.ts";
import { firstMissing, type Judged, judgementOf, type KeyNames } from "./judged.ts";

/** The files, as `ConfigSources` has them. */
export interface Configs {
  readonly configs: readonly { readonly source: TunnelSource; readonly config: ParsedConfig | undefined }[];
  readonly onDidChange: Event<void>;
}

/** Remembers wanted tunnels across a reload of the window; in the extension, this is VS Code's workspace state. */
export interface WantedMemory {
  load(): readonly TunnelRef[];
  save(refs: readonly TunnelRef[]): void;
}

/** Our choice: changes within this time are reported together. */
const COALESCE_MS = 20;

/** What the store is made from. */
export interface StoreParts {
  readonly configs: Configs;
  readonly link: DaemonLink;
  readonly memory: WantedMemory;
  /** Which keys this machine has; without it, only the daemon's answers tell that one is missing. */
  readonly keys?: KeyNames;
  /** Whether the workspace is trusted; default: it is. To judge an entry, the daemon reads its key file and looks up its host name. */
  readonly isTrusted?: () => boolean;
}

/** See the file's header. Owns its listeners: `dispose`. */
export class TunnelStore {
  readonly #configs: Configs;
  readonly #link: DaemonLink;
  readonly #memory: WantedMemory;
  readonly #isTrusted: () => boolean;
  readonly #keys: KeyNames | undefined;
  readonly #owned = new Disposables();
  readonly #changed = this.#owned.add(new Emitter<void>());
  /** By file, then by name. */
  readonly #approvals = new Map<string, Map<string, Judged>>();
  /** The newest answer about approvals, received or pending, by file; undefined: the daemon gave no answer. */
  readonly #answers = new Map<string, Promise<Map<string, Judged> | undefined>>();
  readonly #wanted = new Map<string, TunnelRef>();
  /** Wants that are about to be told to the daemon, by file. */
  readonly #telling = new Map<string, Promise<void>>();
  readonly #busy = new Map<string, number>();
  /** undefined: made again at the next access. */
  #items: readonly TunnelItem[] | undefined;
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;

  constructor({ configs, link, memory, keys, isTrusted = () => true }: StoreParts) {
    this.#configs = configs;
    this.#link = link;
    this.#memory = memory;
    this.#isTrusted = isTrusted;
    this.#keys = keys;
    if (keys) this.#owned.add(keys.onDidChange(() => this.#soon()));
    this.#owned.add(link.onDidChange(() => this.#soon()));
    this.#owned.add(
      link.onDidChangeState(({ at }) => {
        this.#soon();
        if (at === "connected") void this.refreshApprovals();
      }),
    );
    this.#owned.add(
      link.onDidEnd(() => {
        this.#wanted.clear();
        this.#memory.save([]);
        this.#soon();
      }),
    );
    this.#owned.add(
      configs.onDidChange(() => {
        this.#soon();
        void this.#letGo();
        void this.refreshApprovals();
      }),
    );
    this.#owned.add(link.on("approval/needed", (facts) => this.#setApproval(facts, { at: "pending", facts })));
    this.#owned.add(
      link.on("tunnel/changed", (status) => {
        // Approved in another window or in a terminal: no other notification reports this.
        const isApprovedElsewhere = isListening(status.state) && this.#approvals.get(status.configPath)?.get(status.name)?.approval.at === "pending";
        if (status.state === "not-approved" || isApprovedElsewhere) void this.refreshApprovals(status.configPath);
      }),
    );
  }

  readonly onDidChange = this.#changed.event;

  /** All tunnels, by file in the files' order. */
  get items(): readonly TunnelItem[] {
    this.#items ??= this.#configs.configs.flatMap(({ source, config }) => this.#itemsOf(source, config));
    return this.#items;
  }

  find(ref: TunnelRef): TunnelItem | undefined {
    return this.items.find((item) => item.name === ref.name && item.source.configPath === ref.configPath);
  }

  /** The tunnels that this window keeps open. */
  get wanted(): readonly TunnelRef[] {
    return [...this.#wanted.values()];
  }

  isWanted(ref: TunnelRef): boolean {
    return this.#wanted.has(refKey(ref));
  }

  /** The tunnels that this window kept open before it was reloaded, and still has in its files or from the daemon. */
  get remembered(): readonly TunnelRef[] {
    return this.#memory.load().filter((ref) => this.find(ref) !== undefined);
  }

  /**
   * Adds tunnels to those that this window keeps open, or removes them, and tells the daemon.
   * @throws TunnelError as `DaemonLink.want`
   */
  async setWanted(refs: readonly TunnelRef[], wanted: boolean): Promise<void> {
    for (const ref of refs) {
      if (wanted) this.#wanted.set(refKey(ref), ref);
      else this.#wanted.delete(refKey(ref));
    }
    this.#soon();
    let failure: unknown;
    for (const configPath of new Set(refs.map((ref) => ref.configPath))) {
      // If the daemon refuses one file, the others are still stated.
      await this.#tell(configPath).catch((error: unknown) => {
        failure ??= error;
      });
    }
    if (failure !== undefined) throw failure;
  }

  /** All wants of a file from one turn of the event loop are told once. */
  #tell(configPath: string): Promise<void> {
    const told = this.#telling.get(configPath) ?? Promise.resolve().then(() => this.#tellNow(configPath));
    this.#telling.set(configPath, told);
    return told;
  }

  async #tellNow(configPath: string): Promise<void> {
    this.#telling.delete(configPath);
    this.#memory.save(this.wanted);
    const names = this.wanted.filter((ref) => ref.configPath === configPath).map(({ name }) => name);
    await this.#link.want(configPath, { configPath, names });
  }

  /** Shows a tunnel as busy while `work` runs. */
  async whileBusy<T>(ref: TunnelRef, work: () => Promise<T>): Promise<T> {
    const key = refKey(ref);
    this.#busy.set(key, (this.#busy.get(key) ?? 0) + 1);
    this.#soon();
    try {
      return await work();
    } finally {
      const left = (this.#busy.get(key) ?? 1) - 1;
      if (left === 0) this.#busy.delete(key);
      else this.#busy.set(key, left);
      this.#soon();
    }
  }

  /** Asks a running daemon what is approved, in one file or all; in workspace files only if the workspace is trusted. Never rejects. */
  async refreshApprovals(only?: string): Promise<void> {
    this.#keys?.refresh();
    if (this.#link.state.at !== "connected") return;
    for (const { source, config } of this.#configs.configs) {
      // The connection may be gone meanwhile: no daemon is started for this.
      if (this.#link.state.at !== "connected") break;
      if (source.kind === "workspace" && !this.#isTrusted()) continue;
      if (config && (only === undefined || only === source.configPath)) await this.#askApprovals(source.configPath);
    }
    this.#soon();
  }

  /** Resolves when the approvals come from the newest question: an answer is outdated if a later question has been asked. */
  async #askApprovals(configPath: string): Promise<void> {
    const answer = this.#answerOf(configPath);
    this.#answers.set(configPath, answer);
    const known = await answer;
    for (let newest = this.#answers.get(configPath); newest !== answer; newest = this.#answers.get(configPath)) {
      await newest;
      if (newest === this.#answers.get(configPath)) return;
    }
    if (known) this.#approvals.set(configPath, known);
    else this.#approvals.delete(configPath);
  }

  async #answerOf(configPath: string): Promise<Map<string, Judged> | undefined> {
    const entries = this.#entriesOf(configPath);
    const judged = (name: string, approval: Approval): readonly [string, Judged] => [name, { approval, entry: entries?.get(name) }];
    try {
      const answer = await this.#link.request("approvals/list", { configPath });
      const { pending, approved, unplannable = [] } = answer;
      // The daemon may have read a newer file than this window: its answer contains the approved entry.
      const read = approvedEntries(answer);
      return new Map([
        ...approved.map(({ name }): readonly [string, Judged] => [name, { approval: { at: "approved" }, entry: read.get(name) ?? entries?.get(name) }]),
        ...pending.map((facts) => judged(facts.name, { at: "pending", facts })),
        ...unplannable
          .filter(({ code }) => code === "KEY_NOT_FOUND")
          .map(({ name }): readonly [string, Judged] => [name, { approval: { at: "unknown" }, entry: entries?.get(name), lacksKey: true }]),
      ]);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      return undefined;
    }
  }

  /** When a folder has left the workspace, this window no longer wants the folder's tunnels. */
  async #letGo(): Promise<void> {
    const files = new Set(this.#configs.configs.map(({ source }) => source.configPath));
    const gone = this.wanted.filter(({ configPath }) => !files.has(configPath));
    try {
      if (gone.length > 0) await this.setWanted(gone, false);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
    }
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    this.#owned.dispose();
  }

  #setApproval(ref: TunnelRef, approval: Approval): void {
    const known = this.#approvals.get(ref.configPath) ?? new Map<string, Judged>();
    this.#approvals.set(ref.configPath, known.set(ref.name, { approval, entry: this.#entriesOf(ref.configPath)?.get(ref.name) }));
    this.#soon();
  }

  #entriesOf(configPath: string): ParsedConfig["entries"] | undefined {
    return this.#configs.configs.find(({ source }) => source.configPath === configPath)?.config?.entries;
  }

  /** Something has changed: `items` shows the change at once, and listeners are told soon. */
  #soon(): void {
    this.#items = undefined;
    if (!this.#disposed) this.#timer ??= setTimeout(() => this.#fire(), COALESCE_MS);
  }

  #fire(): void {
    this.#timer = undefined;
    this.#changed.fire();
  }

  /** Of a tunnel that takes no connections; in a workspace that is not trusted, nobody looks for what its files name. */
  #missingKey(ref: TunnelRef, entry: TunnelEntry | undefined, judged: Judged | undefined): string | undefined {
    const state = this.#link.statusOf(ref)?.state ?? "closed";
    if (!entry || !this.#isTrusted() || (state !== "closed" && state !== "waiting-for-key")) return undefined;
    return firstMissing(entry, judged, this.#keys);
  }

  #itemsOf(source: TunnelSource, config: ParsedConfig | undefined): TunnelItem[] {
    const { configPath } = source;
    const written = [...(config?.places.keys() ?? [])];
    // Tunnels of this file that the daemon still runs, although their names are gone or the file can't be read.
    const left = this.#link.statuses.filter((status) => status.configPath === configPath && !config?.places.has(status.name)).map(({ name }) => name);
    return [...written, ...left].flatMap((name) => {
      const ref = { configPath, name };
      const judged = judgementOf(this.#approvals.get(configPath)?.get(name), config?.entries.get(name));
      const missingKey = this.#missingKey(ref, config?.entries.get(name), judged);
      const item: TunnelItem = {
        source,
        name,
        entry: config?.entries.get(name),
        fault: config?.faults.get(name),
        place: config?.places.get(name),
        status: this.#link.statusOf(ref),
        approval: judged?.approval ?? { at: "unknown" },
        wanted: this.#wanted.has(refKey(ref)),
        busy: this.#busy.has(refKey(ref)),
        ...(missingKey !== undefined && { missingKey }),
        ...(this.#link.state.at !== "connected" && !this.#isTrusted() && { isUnknown: true }),
      };
      return item.place || isOn(item) || item.status?.state === "draining" ? [item] : [];
    });
  }
}
