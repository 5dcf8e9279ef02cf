/**
 * The actions on a tunnel: open it (with approval and one probe), close it, restart
 * it. This file decides the order of the steps; the caller supplies questions,
 * notifications and progress, so this file does not use VS Code. A failure that a
 * user can meet is not thrown: it is shown once and returned as a result.
 */
import type { Result } from "../../shared/contract/methods.ts";
import type { TunnelStatus, TunnelUser } from "../../shared/contract/state.ts";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { errorFrom, TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { Translate } from "../model/translate.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import { tunnelName } from "../model/view/tunnel-row.ts";
import { type ApprovalPurpose, type ApprovalUi, type Approved, Approving, isOfDaemon } from "./approving.ts";
import type { DaemonLink } from "./daemon-link.ts";
import type { TunnelStore } from "./tunnel-store.ts";

/** How the actions ask and inform the user. */
export interface ActionsUi extends ApprovalUi {
  /** Whether the workspace is trusted; if not, asks the user to trust it. */
  requireTrust(): Promise<boolean>;
  /** Asks before opening an entry with `confirm`. */
  confirmOpen(item: TunnelItem): Promise<boolean>;
  /** Others use the tunnel: asks whether to close it for them too. */
  confirmClose(item: TunnelItem, others: readonly TunnelUser[]): Promise<boolean>;
  /** Shows a failure and the actions that fix it; does not wait for an answer. `again`: repeats what failed. */
  showFailure(ref: TunnelRef | undefined, failure: TunnelError, again?: () => unknown): void;
  /** Shows in one notification what failed of `total` tunnels that were opened together. `again`: opens those once more. */
  showFailures(failed: readonly FailedOpening[], total: number, again?: () => unknown): void;
  /** Shows that something takes long; the signal fires when the user cancels. */
  withProgress<T>(title: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** The result of opening. */
export type OpenResult =
  | { readonly at: "open"; readonly status: TunnelStatus }
  | { readonly at: "failed"; readonly error: TunnelError }
  /** The user said no, or stopped the opening. */
  | { readonly at: "cancelled" };

/** A tunnel of several that did not open. */
export interface FailedOpening {
  readonly ref: TunnelRef;
  readonly error: TunnelError;
}

/** What the actions work on. */
export interface ActionsContext {
  readonly link: DaemonLink;
  readonly store: TunnelStore;
  readonly ui: ActionsUi;
  readonly t: Translate;
  readonly wallMs: () => number;
}

/** See the file's header. */
export class TunnelActions {
  readonly #link: DaemonLink;
  readonly #store: TunnelStore;
  readonly #ui: ActionsUi;
  readonly #t: Translate;
  readonly #wallMs: () => number;
  readonly #approving: Approving;

  constructor({ link, store, ui, t, wallMs }: ActionsContext) {
    this.#link = link;
    this.#store = store;
    this.#ui = ui;
    this.#t = t;
    this.#wallMs = wallMs;
    this.#approving = new Approving({ link, store, ui });
  }

  /** Opens a tunnel at the user's request, verifies it with one connection and shows a failure. */
  async open(item: TunnelItem): Promise<OpenResult> {
    const open = async (): Promise<OpenResult> => {
      if (!(await this.#ui.requireTrust())) return { at: "cancelled" };
      if (!(await this.#approved(item))) return { at: "cancelled" };
      return await this.#openShowing(item);
    };
    return await this.#shown(refOf(item), open, () => this.open(this.#fresh(item)));
  }

  /**
   * Opens several tunnels: all questions first, one about all approvals, then all tunnels at once. What fails is shown in one
   * notification. A failure of the daemon itself ends it all.
   */
  async openAll(items: readonly TunnelItem[]): Promise<readonly OpenResult[]> {
    if (items.length === 0 || !(await this.#ui.requireTrust())) return [];
    const results = await this.#openEach(items);
    this.#showTogether(items, results);
    return results;
  }

  async #openEach(items: readonly TunnelItem[]): Promise<readonly OpenResult[]> {
    const approvals = await this.#approving.askAll(items);
    const asked: { readonly item: TunnelItem; readonly result: OpenResult | undefined }[] = [];
    let dead: OpenResult | undefined;
    for (const item of items) {
      const ask = async (): Promise<OpenResult | undefined> => ((await this.#approved(item, approvals.get(item))) ? undefined : { at: "cancelled" });
      const result: OpenResult | undefined = dead ?? (await tried(ask));
      if (result?.at === "failed" && isOfDaemon(result.error)) dead = result;
      asked.push({ item, result });
    }
    const count = asked.filter(({ result }) => !result).length;
    if (dead || count === 0) return asked.map(({ result }) => result ?? (dead as OpenResult));
    return await this.#ui.withProgress(this.#t("Opening {0} tunnels", count), (signal) =>
      Promise.all(asked.map(({ item, result }) => result ?? tried(() => this.#open(item, signal)))),
    );
  }

  /** Gives the tunnel up for this window, and closes it unless others keep using it. Resolves to whether it is closed. */
  async close(item: TunnelItem): Promise<boolean> {
    const ref = refOf(item);
    const close = () =>
      this.#release(ref, async ({ closed, othersUsing }) => {
        if (closed || !(await this.#ui.confirmClose(item, othersUsing))) return { closed };
        return await this.#link.request("tunnel/close", { ...ref, force: true }).catch(unknownIsClosed);
      });
    const result = await this.#shown(ref, close, () => this.close(this.#fresh(item)));
    return "closed" in result && result.closed;
  }

  /** Cuts the tunnel's connections and opens it again; a closed tunnel is opened. */
  async restart(item: TunnelItem): Promise<OpenResult> {
    if (item.status === undefined || item.status.state === "closed") return await this.open(item);
    const ref = refOf(item);
    const restart = async (): Promise<OpenResult> => {
      if (!(await this.#ui.requireTrust())) return { at: "cancelled" };
      if (!(await this.#approved(item))) return { at: "cancelled" };
      return await this.#ui.withProgress(this.#t("Restarting the tunnel {0}", tunnelName(item)), async (signal) => {
        await this.#link.request("tunnel/restart", ref);
        return await this.#open(item, signal);
      });
    };
    return await this.#shown(ref, restart, () => this.restart(this.#fresh(item)));
  }

  /**
   * Opens tunnels automatically with the workspace: only those already approved, with no probe and no question.
   * @returns the entries that wait for the user's approval
   */
  async openAutomatic(items: readonly TunnelItem[]): Promise<readonly TunnelRef[]> {
    const refs = items.filter(({ entry }) => entry !== undefined).map(refOf);
    if (refs.length === 0) return [];
    try {
      await this.#store.setWanted(refs, true);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#ui.showFailure(undefined, error);
      return [];
    }
    await this.#store.refreshApprovals();
    return refs.filter((ref) => this.#store.find(ref)?.approval.at === "pending");
  }

  /** Asks for approval of an entry as it stands, if it needs approval; with the purpose "review" it may be opened, too. False: it is not approved. */
  async approve(item: TunnelItem, purpose: ApprovalPurpose = "use"): Promise<boolean> {
    let isApproved = false;
    const approve = async (): Promise<OpenResult | undefined> => {
      // Trust is needed: approving a tunnel that this window wants also opens it.
      if (!(await this.#ui.requireTrust())) return undefined;
      const approved = await this.#approving.ask(item, purpose);
      isApproved = approved !== "no";
      return approved === "open" ? await this.#openShowing(item) : undefined;
    };
    await this.#shown(refOf(item), approve, () => this.approve(this.#fresh(item), purpose));
    return isApproved;
  }

  /** Whether the tunnel may open now: it is approved and, where its entry wants that, confirmed. */
  async #approved(item: TunnelItem, ask: () => Promise<Approved> = () => this.#approving.ask(item, "open")): Promise<boolean> {
    const approved = await ask();
    if (approved !== "before") return approved !== "no";
    // A fresh approval is a yes to opening, too.
    return !item.entry?.confirm || (await this.#ui.confirmOpen(item));
  }

  async #openShowing(item: TunnelItem): Promise<OpenResult> {
    return await this.#ui.withProgress(this.#t("Opening the tunnel {0}", tunnelName(item)), (signal) => this.#open(item, signal));
  }

  async #open(item: TunnelItem, signal: AbortSignal): Promise<OpenResult> {
    const ref = refOf(item);
    const sinceMs = this.#wallMs();
    // If the tunnel was wanted before, cancelling stops only this attempt to verify it.
    const wasWanted = this.#store.isWanted(ref);
    return await this.#store.whileBusy(ref, async () => {
      const opening = this.#wantAndOpen(ref, signal);
      const status = await Promise.race([opening, aborted(signal)]);
      if (status !== "aborted") return verdict(status, sinceMs);
      opening.catch(() => {});
      // Not awaited: the user may cancel because the daemon does not answer.
      if (!wasWanted) void this.#release(ref, () => Promise.resolve()).catch(unlessTunnelError);
      return { at: "cancelled" };
    });
  }

  async #wantAndOpen(ref: TunnelRef, signal: AbortSignal): Promise<TunnelStatus | "aborted"> {
    // Wanted first: the wants are what is stated again after the daemon's death.
    await this.#store.setWanted([ref], true);
    return signal.aborted ? "aborted" : await this.#link.request("tunnel/open", { ...ref, scope: ref.configPath, probe: true });
  }

  /** Whatever the daemon answers, the tunnel must not come back by itself. `then` runs while this window still counts as its user. */
  async #release<T>(ref: TunnelRef, then: (answer: Result<"tunnel/close">) => Promise<T>): Promise<T> {
    try {
      return await then(await this.#link.request("tunnel/close", ref).catch(unknownIsClosed));
    } finally {
      await this.#store.setWanted([ref], false);
    }
  }

  /** The tunnel as it is now. */
  #fresh(item: TunnelItem): TunnelItem {
    return this.#store.find(refOf(item)) ?? item;
  }

  #showTogether(items: readonly TunnelItem[], results: readonly OpenResult[]): void {
    const failed = items.flatMap((item, index) => {
      const result = results[index];
      return result?.at === "failed" ? [{ ref: refOf(item), error: result.error, item }] : [];
    });
    const [first, ...others] = failed;
    if (!first) return;
    const again = (): unknown => this.openAll(failed.map(({ item }) => this.#fresh(item)));
    if (isOfDaemon(first.error)) this.#ui.showFailure(undefined, first.error, again);
    else if (others.length === 0) this.#ui.showFailure(first.ref, first.error, again);
    else this.#ui.showFailures(failed, items.length, again);
  }

  /** A failure that a user can meet is shown and returned; any other error is a bug of ours and is thrown. */
  async #shown<T>(ref: TunnelRef, work: () => Promise<T>, again: () => unknown): Promise<T | OpenResult> {
    const result = await tried(work);
    if (isFailure(result)) this.#ui.showFailure(ref, result.error, again);
    return result;
  }
}

/** A failure that a user can meet is returned; any other error is a bug of ours and is thrown. */
async function tried<T>(work: () => Promise<T>): Promise<T | OpenResult> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    return { at: "failed", error };
  }
}

function isFailure(result: unknown): result is Extract<OpenResult, { readonly at: "failed" }> {
  return typeof result === "object" && result !== null && "at" in result && result.at === "failed";
}

/** The result that the probe has shown. A tunnel without evidence either way counts as open: its traffic will show more. */
function verdict(status: TunnelStatus, sinceMs: number): OpenResult {
  const { lastFailure, state } = status;
  const isFresh = lastFailure !== undefined && lastFailure.atMs >= sinceMs;
  if (isListening(state) && state !== "degraded" && !isFresh) return { at: "open", status };
  // Closed without a failure: somebody else has closed the tunnel meanwhile.
  if (!lastFailure) return state === "closed" || state === "draining" ? { at: "cancelled" } : { at: "failed", error: unexplained(status) };
  return { at: "failed", error: errorFrom(lastFailure) };
}

function unexplained({ state }: TunnelStatus): TunnelError {
  return new TunnelError("DAEMON_UNREACHABLE", message("the tunnel is {0} and the daemon does not say why", state));
}

/** Ignores the daemon's errors: the user has cancelled, and no longer cares about its answer. */
function unlessTunnelError(error: unknown): void {
  if (!(error instanceof TunnelError)) throw error;
}

/** Treats an unknown tunnel as closed: the daemon may have forgotten a tunnel that nobody uses any more. */
function unknownIsClosed(error: unknown): Result<"tunnel/close"> {
  if (error instanceof TunnelError && error.code === "CONFIG_INVALID") return { closed: true, othersUsing: [] };
  throw error;
}

function aborted(signal: AbortSignal): Promise<"aborted"> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve("aborted");
    else signal.addEventListener("abort", () => resolve("aborted"), { once: true });
  });
}
