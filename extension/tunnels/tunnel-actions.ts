/**
 * What can be done with a tunnel: open it (with approval and one probe), close,
 * restart. The order of the steps stands here; asking, telling and progress are
 * handed in, so that this knows nothing of VS Code. Nothing here throws for what a
 * user may meet: it is shown, once, and comes back as a result.
 */
import type { ApprovalFacts, Result } from "../../shared/contract/methods.ts";
import type { TunnelStatus, TunnelUser } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { type ErrorCode, TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { Translate } from "../model/translate.ts";
import { refOf, type TunnelItem, type TunnelRef } from "../model/tunnel-item.ts";
import type { DaemonLink } from "./daemon-link.ts";
import type { TunnelStore } from "./tunnel-store.ts";

/** How the user is asked and told. */
export interface ActionsUi {
  /** Whether the workspace is trusted; asks for it when it is not. */
  requireTrust(): Promise<boolean>;
  /** The question of the design's security model: may exactly this be opened? */
  askApproval(facts: ApprovalFacts): Promise<boolean>;
  /** For an entry with `confirm`. */
  confirmOpen(item: TunnelItem): Promise<boolean>;
  /** Others use it: close it for them too? */
  confirmClose(item: TunnelItem, others: readonly TunnelUser[]): Promise<boolean>;
  /** Shows what went wrong with the actions that mend it; does not wait for an answer. `again`: does once more what failed. */
  showFailure(ref: TunnelRef | undefined, failure: TunnelError, again?: () => unknown): void;
  /** Shows that something takes long; the signal fires when the user cancels. */
  withProgress<T>(title: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** What came of opening. */
export type OpenResult =
  | { readonly at: "open"; readonly status: TunnelStatus }
  | { readonly at: "failed"; readonly error: TunnelError }
  /** The user said no, or stopped it. */
  | { readonly at: "cancelled" };

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

  constructor({ link, store, ui, t, wallMs }: ActionsContext) {
    this.#link = link;
    this.#store = store;
    this.#ui = ui;
    this.#t = t;
    this.#wallMs = wallMs;
  }

  /** Opens a tunnel on the user's word, verifies it by one connection and shows a failure. */
  async open(item: TunnelItem): Promise<OpenResult> {
    const open = async (): Promise<OpenResult> => {
      if (!(await this.#ui.requireTrust())) return { at: "cancelled" };
      if (!(await this.#approved(item))) return { at: "cancelled" };
      return await this.#ui.withProgress(this.#t("Opening the tunnel {0}", nameOf(item)), (signal) => this.#open(item, signal));
    };
    return await this.#shown(refOf(item), open, () => this.open(this.#fresh(item)));
  }

  /** Opens several: all questions first, then all at once. What is wrong with the daemon itself is shown once and ends it. */
  async openAll(items: readonly TunnelItem[]): Promise<readonly OpenResult[]> {
    if (items.length === 0 || !(await this.#ui.requireTrust())) return [];
    const asked: { readonly item: TunnelItem; readonly result: OpenResult | undefined }[] = [];
    let dead: OpenResult | undefined;
    for (const item of items) {
      const ask = async (): Promise<OpenResult | undefined> => ((await this.#approved(item)) ? undefined : { at: "cancelled" });
      const result: OpenResult | undefined = dead ?? (await this.#shown(refOf(item), ask, () => this.open(this.#fresh(item))));
      if (result?.at === "failed" && isOfDaemon(result.error)) dead = result;
      asked.push({ item, result });
    }
    const count = asked.filter(({ result }) => !result).length;
    if (dead || count === 0) return asked.map(({ result }) => result ?? (dead as OpenResult));
    return await this.#ui.withProgress(this.#t("Opening {0} tunnels", count), (signal) =>
      Promise.all(
        asked.map(
          ({ item, result }) =>
            result ??
            this.#shown(
              refOf(item),
              () => this.#open(item, signal),
              () => this.open(this.#fresh(item)),
            ),
        ),
      ),
    );
  }

  /** Gives the tunnel up for this window, and closes it unless others go on using it. Resolves to whether it is closed. */
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

  /** Cuts the tunnel's connections and opens it again; one that is closed is opened. */
  async restart(item: TunnelItem): Promise<OpenResult> {
    if (item.status === undefined || item.status.state === "closed") return await this.open(item);
    const ref = refOf(item);
    const restart = async (): Promise<OpenResult> => {
      if (!(await this.#ui.requireTrust())) return { at: "cancelled" };
      if (!(await this.#approved(item))) return { at: "cancelled" };
      return await this.#ui.withProgress(this.#t("Restarting the tunnel {0}", nameOf(item)), async (signal) => {
        await this.#link.request("tunnel/restart", ref);
        return await this.#open(item, signal);
      });
    };
    return await this.#shown(ref, restart, () => this.restart(this.#fresh(item)));
  }

  /**
   * What opens by itself with the workspace: only what is approved already, with no probe and no question.
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

  /** Asks for approval of an entry as it stands, if it needs any. False: it is not approved. */
  async approve(item: TunnelItem): Promise<boolean> {
    const approve = async (): Promise<{ readonly approved: boolean }> => {
      // What this window wants opens with its approval.
      if (!(await this.#ui.requireTrust())) return { approved: false };
      return { approved: (await this.#askApproval(item)) !== false };
    };
    const result = await this.#shown(refOf(item), approve, () => this.approve(this.#fresh(item)));
    return "approved" in result && result.approved;
  }

  async #approved(item: TunnelItem): Promise<boolean> {
    const asked = await this.#askApproval(item);
    if (asked === false) return false;
    // A fresh approval is a yes to opening, too.
    return asked === "now" || !item.entry?.confirm || (await this.#ui.confirmOpen(item));
  }

  /** "now": the user has just said yes. True: it was approved before. */
  async #askApproval(item: TunnelItem): Promise<boolean | "now"> {
    const ref = refOf(item);
    if (item.fault) throw new TunnelError("CONFIG_INVALID", item.fault.message);
    const { pending, approved, problems, unplannable = [] } = await this.#link.request("approvals/list", { configPath: ref.configPath, names: [ref.name] });
    const obstacle = unplannable.find(({ name }) => name === ref.name);
    if (obstacle) throw new TunnelError(obstacle.code as ErrorCode, obstacle.message);
    const facts = pending.find(({ name }) => name === ref.name);
    if (!facts) {
      if (approved.some(({ name }) => name === ref.name)) {
        // Perhaps in another window, of which the store has not heard.
        if (this.#store.find(ref)?.approval.at !== "approved") await this.#store.refreshApprovals(ref.configPath);
        return true;
      }
      // The daemon reads the file anew: the entry may have gone, or gone wrong, since it was shown.
      throw new TunnelError("CONFIG_INVALID", problems[0]?.message ?? `there is no tunnel ${ref.name} in ${ref.configPath}`);
    }
    if (!(await this.#ui.askApproval(facts))) return false;
    await this.#link.request("approvals/grant", { ...ref, digest: facts.digest });
    await this.#store.refreshApprovals(ref.configPath);
    return "now";
  }

  async #open(item: TunnelItem, signal: AbortSignal): Promise<OpenResult> {
    const ref = refOf(item);
    const sinceMs = this.#wallMs();
    // Of one that was open before, only this look at it is stopped.
    const wasWanted = this.#store.isWanted(ref);
    return await this.#store.whileBusy(ref, async () => {
      const opening = this.#wantAndOpen(ref, signal);
      const status = await Promise.race([opening, aborted(signal)]);
      if (status !== "aborted") return verdict(status, sinceMs);
      opening.catch(() => {});
      // Not waited for: whoever cancels may do so because the daemon does not answer.
      if (!wasWanted) void this.#release(ref, () => Promise.resolve()).catch(unlessTunnelError);
      return { at: "cancelled" };
    });
  }

  async #wantAndOpen(ref: TunnelRef, signal: AbortSignal): Promise<TunnelStatus | "aborted"> {
    // Stated first: this is what is stated again after the daemon's death.
    await this.#store.setWanted([ref], true);
    return signal.aborted ? "aborted" : await this.#link.request("tunnel/open", { ...ref, scope: ref.configPath, probe: true });
  }

  /** Whatever the daemon says to it, the tunnel is not to come back by itself. `then`: while this window still counts as its user. */
  async #release<T>(ref: TunnelRef, then: (answer: Result<"tunnel/close">) => Promise<T>): Promise<T> {
    try {
      return await then(await this.#link.request("tunnel/close", ref).catch(unknownIsClosed));
    } finally {
      await this.#store.setWanted([ref], false);
    }
  }

  /** The tunnel as it is by now. */
  #fresh(item: TunnelItem): TunnelItem {
    return this.#store.find(refOf(item)) ?? item;
  }

  /** A failure a user can meet is shown and is a result; anything else is a fault of ours and throws. */
  async #shown<T>(ref: TunnelRef, work: () => Promise<T>, again: () => unknown): Promise<T | OpenResult> {
    try {
      const result = await work();
      if (isFailure(result)) this.#ui.showFailure(ref, result.error, again);
      return result;
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#ui.showFailure(ref, error, again);
      return { at: "failed", error };
    }
  }
}

function isFailure(result: unknown): result is Extract<OpenResult, { readonly at: "failed" }> {
  return typeof result === "object" && result !== null && "at" in result && result.at === "failed";
}

/** What the probe has shown. A tunnel without evidence either way is open: its traffic will tell. */
function verdict(status: TunnelStatus, sinceMs: number): OpenResult {
  const { lastFailure, state } = status;
  const isFresh = lastFailure !== undefined && lastFailure.atMs >= sinceMs;
  if (isListening(state) && state !== "degraded" && !isFresh) return { at: "open", status };
  // Somebody else has closed it meanwhile: nothing has failed.
  if (!lastFailure) return state === "closed" || state === "draining" ? { at: "cancelled" } : { at: "failed", error: unexplained(status) };
  return { at: "failed", error: new TunnelError(lastFailure.code, lastFailure.message) };
}

function unexplained({ state }: TunnelStatus): TunnelError {
  return new TunnelError("DAEMON_UNREACHABLE", `the tunnel is ${state} and the daemon does not say why`);
}

/** Then it is no use asking for another tunnel. */
function isOfDaemon({ code }: TunnelError): boolean {
  return code === "DAEMON_UNREACHABLE" || code === "DAEMON_VERSION";
}

/** The user has stopped it: what the daemon says of that is of no more interest. */
function unlessTunnelError(error: unknown): void {
  if (!(error instanceof TunnelError)) throw error;
}

function nameOf({ name }: TunnelItem): string {
  return plainText(name, { maxLength: 64 });
}

/** The daemon may have forgotten a tunnel that nobody uses any more. */
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
