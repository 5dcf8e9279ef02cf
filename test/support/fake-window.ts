/** A window without VS Code: real link, store and actions, with a fake daemon and a fake user who answer as a test says. */
import assert from "node:assert/strict";
import { Emitter } from "../../extension/emitter.ts";
import { english } from "../../extension/model/translate.ts";
import type { TunnelItem } from "../../extension/model/tunnel-item.ts";
import type { ApprovalPurpose } from "../../extension/tunnels/approving.ts";
import type { DaemonLink } from "../../extension/tunnels/daemon-link.ts";
import { type ActionsUi, type FailedOpening, TunnelActions } from "../../extension/tunnels/tunnel-actions.ts";
import { TunnelStore } from "../../extension/tunnels/tunnel-store.ts";
import type { ApprovalFacts, Result } from "../../shared/contract/methods.ts";
import type { TunnelUser } from "../../shared/contract/state.ts";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import type { ErrorCode, TunnelError } from "../../shared/errors.ts";
import { FakeDaemon } from "./fake-client.ts";
import { tunnelStatus } from "./status.ts";
import { tunnelItem } from "./tunnel-item.ts";
import { CONFIG_PATH, entryText, fileText, parse } from "./tunnels-json.ts";

/** The clock of the window. */
export const NOW_MS = 50_000;

/** The tunnel that most tests are about. */
export const REF: TunnelRef = { configPath: CONFIG_PATH, name: "cache" };

/** A file with the tunnels cache, orders and prod; prod asks for confirmation. */
const FILE = fileText({ cache: entryText(), orders: entryText({ listen: 3307 }), prod: entryText({ listen: 3308, confirm: true }) });

/** The daemon's answer that these tunnels may open. */
export const approved = (...names: string[]): Result<"approvals/list"> => ({
  pending: [],
  approved: names.map((name) => ({ name, digest: "1" })),
  problems: [],
});

/** The daemon's answer that this tunnel needs the user's approval. */
export const asksFor = (facts: ApprovalFacts): Result<"approvals/list"> => ({ pending: [facts], approved: [], problems: [] });

/** Remembers what was asked and shown, in order. */
class FakeUi implements ActionsUi {
  readonly log: string[] = [];
  isTrusted = true;
  answers: { approve: boolean | "open"; open: boolean; close: boolean; ticked?: readonly string[] } = { approve: true, open: true, close: true };
  readonly failures: { readonly ref: TunnelRef | undefined; readonly code: ErrorCode }[] = [];
  /** Failures that were shown in one notification. */
  readonly together: { readonly names: readonly string[]; readonly total: number }[] = [];
  /** What "Try Again" does at the newest failure. */
  again: (() => unknown) | undefined;
  readonly cancelling = new AbortController();

  async requireTrust(): Promise<boolean> {
    this.log.push("trust");
    return this.isTrusted;
  }
  /** What followed a yes, as the button said it. */
  readonly purposes: ApprovalPurpose[] = [];

  async askApproval({ name }: ApprovalFacts, purpose: ApprovalPurpose): Promise<boolean | "open"> {
    this.log.push(`approve ${name}`);
    this.purposes.push(purpose);
    return this.answers.approve;
  }
  async askApprovals(facts: readonly ApprovalFacts[]): Promise<readonly ApprovalFacts[]> {
    this.log.push(`approve ${facts.map(({ name }) => name).join(" ")}`);
    const { approve, ticked } = this.answers;
    if (!approve) return [];
    return ticked ? facts.filter(({ name }) => ticked.includes(name)) : facts;
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
  showFailures(failed: readonly FailedOpening[], total: number, again?: () => unknown): void {
    this.together.push({ names: failed.map(({ ref, error }) => `${ref.name} (${error.code})`), total });
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

  /** Names of the requests, without those that link and store make by themselves. */
  get requests(): string[] {
    return this.daemon.names.filter((name) => name !== "tunnels/list" && name !== "approvals/list" && !name.startsWith("stats/"));
  }
}
