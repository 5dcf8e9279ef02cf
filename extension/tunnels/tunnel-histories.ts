/**
 * The histories of all tunnels that this window has seen: made from each status as
 * it comes, not from the store's items, which several changes reach together. Does
 * not use VS Code.
 */
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { refKey, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { Disposables, Emitter } from "../emitter.ts";
import { type TunnelEvent, TunnelHistory } from "../model/view/tunnel-history.ts";
import type { DaemonLink } from "./daemon-link.ts";

/** An event, and whose it is. */
export interface HistoryEvent {
  readonly ref: TunnelRef;
  readonly event: TunnelEvent;
}

/** What of the link is used. */
type Source = Pick<DaemonLink, "on" | "onDidChange" | "statuses" | "state">;

/** See the file's header. Owns its listeners: `dispose`. */
export class TunnelHistories {
  readonly #link: Source;
  readonly #wallMs: () => number;
  readonly #owned = new Disposables();
  readonly #happened = this.#owned.add(new Emitter<HistoryEvent>());
  readonly #histories = new Map<string, { readonly ref: TunnelRef; readonly history: TunnelHistory }>();

  constructor(link: Source, wallMs: () => number) {
    this.#link = link;
    this.#wallMs = wallMs;
    this.#owned.add(link.on("tunnel/changed", (status) => this.#take(status)));
    this.#owned.add(link.onDidChange(() => this.#look()));
    this.#look();
  }

  readonly onDidHappen = this.#happened.event;

  /** The last events of a tunnel, the newest first. */
  eventsOf(ref: TunnelRef): readonly TunnelEvent[] {
    return this.#histories.get(refKey(ref))?.history.events ?? [];
  }

  dispose(): void {
    this.#owned.dispose();
  }

  /** While there is no daemon, nothing is known of its tunnels: that is no event. */
  #look(): void {
    if (this.#link.state.at !== "connected") return;
    const known = new Set(this.#link.statuses.map((status) => refKey(status)));
    for (const status of this.#link.statuses) this.#take(status);
    for (const [key, { ref, history }] of this.#histories) if (!known.has(key)) this.#note(ref, history.take(undefined, this.#wallMs()));
  }

  #take(status: TunnelStatus): void {
    const key = refKey(status);
    const known = this.#histories.get(key) ?? { ref: { configPath: status.configPath, name: status.name }, history: new TunnelHistory() };
    this.#histories.set(key, known);
    this.#note(known.ref, known.history.take(status, this.#wallMs()));
  }

  #note(ref: TunnelRef, event: TunnelEvent | undefined): void {
    if (event) this.#happened.fire({ ref, event });
  }
}
