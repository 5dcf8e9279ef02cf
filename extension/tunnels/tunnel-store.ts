/**
 * The tunnels of this window: what the files say, what the daemon says, what is
 * approved and what this window wants, put together and kept current. Everything
 * that is shown is made from `items`; everything that is done goes through
 * `tunnel-actions.ts`. Knows nothing of VS Code.
 */
import { isDeepStrictEqual } from "node:util";
import type { ParsedConfig } from "../../shared/contract/config-text.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import type { TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { Disposables, Emitter, type Event } from "../emitter.ts";
import { type Approval, isOn, refKey, type TunnelItem, type TunnelRef, type TunnelSource } from "../model/tunnel-item.ts";
import type { DaemonLink } from "./daemon-link.ts";

/** The files, as `ConfigSources` has them. */
export interface Configs {
  readonly configs: readonly { readonly source: TunnelSource; readonly config: ParsedConfig | undefined }[];
  readonly onDidChange: Event<void>;
}

/** Remembers names across a reload of the window; VS Code's workspace state in the extension. */
export interface WantedMemory {
  load(): readonly TunnelRef[];
  save(refs: readonly TunnelRef[]): void;
}

/** What the daemon said of an entry, and the entry as it was when it was asked. */
interface Judged {
  readonly approval: Approval;
  readonly entry: TunnelEntry | undefined;
}

/** Our choice: changes that come together are told together. */
const COALESCE_MS = 20;

/** What the store is made from. */
export interface StoreParts {
  readonly configs: Configs;
  readonly link: DaemonLink;
  readonly memory: WantedMemory;
  /** Whether the workspace is trusted; left out: it is. To judge an entry the daemon reads the key file and looks up the name it has. */
  readonly isTrusted?: () => boolean;
}

/** See the file's header. Owns its listeners: `dispose`. */
export class TunnelStore {
  readonly #configs: Configs;
  readonly #link: DaemonLink;
  readonly #memory: WantedMemory;
  readonly #isTrusted: () => boolean;
  readonly #owned = new Disposables();
  readonly #changed = this.#owned.add(new Emitter<void>());
  /** By file, then by name. */
  readonly #approvals = new Map<string, Map<string, Judged>>();
  /** The newest answer about approvals, come or on its way, by file; undefined: there was none. */
  readonly #answers = new Map<string, Promise<Map<string, Judged> | undefined>>();
  readonly #wanted = new Map<string, TunnelRef>();
  /** What is about to be told to the daemon, by file. */
  readonly #telling = new Map<string, Promise<void>>();
  readonly #busy = new Map<string, number>();
  /** undefined: put together when somebody looks next. */
  #items: readonly TunnelItem[] | undefined;
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;

  constructor({ configs, link, memory, isTrusted = () => true }: StoreParts) {
    this.#configs = configs;
    this.#link = link;
    this.#memory = memory;
    this.#isTrusted = isTrusted;
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
        // Approved in another window or at a terminal, which nothing else tells of.
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

  /** What this window keeps open. */
  get wanted(): readonly TunnelRef[] {
    return [...this.#wanted.values()];
  }

  isWanted(ref: TunnelRef): boolean {
    return this.#wanted.has(refKey(ref));
  }

  /** What this window kept open before it was reloaded, and the daemon still has open for it. */
  get remembered(): readonly TunnelRef[] {
    return this.#memory.load().filter((ref) => this.find(ref) !== undefined);
  }

  /**
   * Adds to or takes from what this window keeps open, and tells the daemon.
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
      // One file that is refused leaves the others stated.
      await this.#tell(configPath).catch((error: unknown) => {
        failure ??= error;
      });
    }
    if (failure !== undefined) throw failure;
  }

  /** What is wanted of a file in one turn, by however many, is told once. */
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

  /** Asks a daemon that runs what is approved, of one file or all; of a workspace's only when that is trusted. Never rejects. */
  async refreshApprovals(only?: string): Promise<void> {
    if (this.#link.state.at !== "connected") return;
    for (const { source, config } of this.#configs.configs) {
      // It may be let go of meanwhile: nothing is started for this.
      if (this.#link.state.at !== "connected") break;
      if (source.kind === "workspace" && !this.#isTrusted()) continue;
      if (config && (only === undefined || only === source.configPath)) await this.#askApprovals(source.configPath);
    }
    this.#soon();
  }

  /** Resolves when what is known is of the newest question: an answer that was overtaken is old. */
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
      const { pending, approved } = await this.#link.request("approvals/list", { configPath });
      return new Map([
        ...approved.map(({ name }) => judged(name, { at: "approved" })),
        ...pending.map((facts) => judged(facts.name, { at: "pending", facts })),
      ]);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      return undefined;
    }
  }

  /** A folder has left the workspace: what was wanted of it is not this window's any more. */
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

  /** Something has changed: whoever looks sees it at once, and is told soon. */
  #soon(): void {
    this.#items = undefined;
    if (!this.#disposed) this.#timer ??= setTimeout(() => this.#fire(), COALESCE_MS);
  }

  #fire(): void {
    this.#timer = undefined;
    this.#changed.fire();
  }

  #itemsOf(source: TunnelSource, config: ParsedConfig | undefined): TunnelItem[] {
    const { configPath } = source;
    const written = [...(config?.places.keys() ?? [])];
    // What the daemon still runs of this file under a name that is gone, or while the file can't be read.
    const left = this.#link.statuses.filter((status) => status.configPath === configPath && !config?.places.has(status.name)).map(({ name }) => name);
    return [...written, ...left].flatMap((name) => {
      const ref = { configPath, name };
      const item: TunnelItem = {
        source,
        name,
        entry: config?.entries.get(name),
        fault: config?.faults.get(name),
        place: config?.places.get(name),
        status: this.#link.statusOf(ref),
        approval: approvalOf(this.#approvals.get(configPath)?.get(name), config?.entries.get(name)),
        wanted: this.#wanted.has(refKey(ref)),
        busy: this.#busy.has(refKey(ref)),
      };
      return item.place || isOn(item) || item.status?.state === "draining" ? [item] : [];
    });
  }
}

/** An answer about another entry than the file has now says nothing of this one: nothing of it is used before it is judged. */
function approvalOf(judged: Judged | undefined, entry: TunnelEntry | undefined): Approval {
  return judged && isDeepStrictEqual(judged.entry, entry) ? judged.approval : { at: "unknown" };
}
