/** A window without VS Code: real link, store and actions over a daemon that answers as told and a user who does. */
import assert from "node:assert/strict";
import { Emitter } from "../../extension/emitter.ts";
import { english } from "../../extension/model/translate.ts";
import type { TunnelItem, TunnelRef } from "../../extension/model/tunnel-item.ts";
import type { DaemonLink } from "../../extension/tunnels/daemon-link.ts";
import { type ActionsUi, TunnelActions } from "../../extension/tunnels/tunnel-actions.ts";
import { TunnelStore } from "../../extension/tunnels/tunnel-store.ts";
import type { ApprovalFacts, Result } from "../../shared/contract/methods.ts";
import type { TunnelUser } from "../../shared/contract/state.ts";
import type { ErrorCode, TunnelError } from "../../shared/errors.ts";
import { FakeDaemon } from "./fake-client.ts";
import { tunnelStatus } from "./status.ts";
import { tunnelItem } from "./tunnel-item.ts";
import { CONFIG_PATH, entryText, fileText, parse } from "./tunnels-json.ts";

/** The clock of the window. */
export const NOW_MS = 50_000;

/** The tunnel that most tests are about. */
export const REF: TunnelRef = { configPath: CONFIG_PATH, name: "cache" };

/** A file with the tunnels cache, orders and prod, of which the last asks for confirmation. */
const FILE = fileText({ cache: entryText(), orders: entryText({ listen: 3307 }), prod: entryText({ listen: 3308, confirm: true }) });

/** The daemon's answer: these may open. */
export const approved = (...names: string[]): Result<"approvals/list"> => ({
  pending: [],
  approved: names.map((name) => ({ name, digest: "1" })),
  problems: [],
});

/** The daemon's answer: this one needs the user's approval. */
export const asksFor = (facts: ApprovalFacts): Result<"approvals/list"> => ({ pending: [facts], approved: [], problems: [] });

/** Remembers what was asked and shown, in order. */
class FakeUi implements ActionsUi {
  readonly log: string[] = [];
  isTrusted = true;
  answers = { approve: true, open: true, close: true };
  readonly failures: { readonly ref: TunnelRef | undefined; readonly code: ErrorCode }[] = [];
  /** What "Try Again" does at the newest failure. */
  again: (() => unknown) | undefined;
  readonly cancelling = new AbortController();

  async requireTrust(): Promise<boolean> {
    this.log.push("trust");
    return this.isTrusted;
  }
  async askApproval({ name }: ApprovalFacts): Promise<boolean> {
    this.log.push(`approve ${name}`);
    return this.answers.approve;
  }
  async confirmOpen({ name }: TunnelItem): Promise<boolean> {
    this.log.push(`confirm ${name}`);
    return this.answers.open;
  }
  async confirmClose({ name }: TunnelItem, others: readonly TunnelUser[]): Promise<boolean> {
    this.log.push(`close ${name} of ${others.length}`);
    return this.answers.close;
  }
  showFailure(ref: TunnelRef | undefined, { code }: TunnelError, again?: () => unknown): void {
    this.failures.push({ ref, code });
    this.again = again;
  }
  async withProgress<T>(title: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.log.push(title);
    return await work(this.cancelling.signal);
  }
}

/** See the file's header. */
export class FakeWindow {
  readonly daemon = new FakeDaemon();
  readonly ui = new FakeUi();
  readonly link: DaemonLink;
  readonly store: TunnelStore;
  readonly actions: TunnelActions;

  constructor(text = FILE) {
    this.daemon.answer("approvals/list", ({ names = [] }) => approved(...names));
    this.daemon.answer("tunnel/open", () => tunnelStatus({ state: "verified" }));
    this.link = this.daemon.link();
    const configs = { configs: [{ source: tunnelItem().source, config: parse(text) }], onDidChange: new Emitter<void>().event };
    this.store = new TunnelStore({ configs, link: this.link, memory: { load: () => [], save: () => {} } });
    this.actions = new TunnelActions({ link: this.link, store: this.store, ui: this.ui, t: english, wallMs: () => NOW_MS });
  }

  dispose(): void {
    this.store.dispose();
    this.link.dispose();
  }

  item(name = "cache"): TunnelItem {
    const found = this.store.find({ ...REF, name });
    assert.ok(found);
    return found;
  }

  /** Names of the requests, without what link and store ask for by themselves. */
  get requests(): string[] {
    return this.daemon.names.filter((name) => name !== "tunnels/list" && name !== "approvals/list" && !name.startsWith("stats/"));
  }
}
