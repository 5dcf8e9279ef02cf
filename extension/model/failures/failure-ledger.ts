/**
 * Which failures are worth a notification: failures of tunnels that this window
 * wants and no action is working on, once each until the tunnel has recovered. An
 * explicit action shows its own failures. A failure must last a moment: after a
 * daemon's death, tunnels fail until their keys have been supplied again.
 */
import { CODES } from "../../../shared/contract/codes.ts";
import { refKey, type TunnelRef } from "../../../shared/contract/tunnel-ref.ts";
import { isErrorCode } from "../../../shared/errors.ts";
import { refOf, stateOf, type TunnelItem } from "../tunnel-item.ts";
import { currentFailure, isTroubled, phaseOf, tunnelName } from "../view/tunnel-row.ts";
import type { Failure } from "./failure-help.ts";

/** Our choice. */
const SETTLE_MS = 1_500;

/** Something to tell. */
export interface FailureNotice {
  readonly ref: TunnelRef;
  readonly name: string;
  readonly failure: Failure;
}

/** What to tell now, and when to look again; undefined: not before something changes. */
export interface LedgerVerdict {
  readonly due: readonly FailureNotice[];
  readonly againInMs: number | undefined;
}

interface Page {
  /** Codes that were told, by us or by an action, since the tunnel last worked. */
  readonly told: Set<string>;
  /** A failure that may not last. */
  pending: { readonly code: string; readonly sinceMs: number } | undefined;
  /** This window has seen the tunnel open: only then is a missing approval news. */
  wasOpen: boolean;
  /** An action was working on the tunnel when we last looked. */
  wasBusy: boolean;
}

/** See the file's header. */
export class FailureLedger {
  readonly #pages = new Map<string, Page>();

  /** Looks at all tunnels. Call it at each change, and again when a verdict says so. */
  look(items: readonly TunnelItem[], nowMs: number): LedgerVerdict {
    const due: FailureNotice[] = [];
    const waits: number[] = [];
    const known = new Set(items.map((item) => refKey(refOf(item))));
    for (const key of [...this.#pages.keys()]) if (!known.has(key)) this.#pages.delete(key);
    for (const item of items) {
      const page = this.#page(item);
      const failure = turn(item, page, nowMs);
      if (!failure || !page.pending) continue;
      const leftMs = page.pending.sinceMs + SETTLE_MS - nowMs;
      if (leftMs > 0) {
        waits.push(leftMs);
        continue;
      }
      page.told.add(failure.code);
      page.pending = undefined;
      due.push({ ref: refOf(item), name: tunnelName(item), failure });
    }
    return { due, againInMs: waits.length === 0 ? undefined : Math.min(...waits) };
  }

  #page(item: TunnelItem): Page {
    const key = refKey(refOf(item));
    const page = this.#pages.get(key) ?? { told: new Set(), pending: undefined, wasOpen: false, wasBusy: false };
    this.#pages.set(key, page);
    return page;
  }
}

/** Brings `page` up to date; returns a failure that was not told yet, if there is one. */
function turn(item: TunnelItem, page: Page, nowMs: number): Failure | undefined {
  if (item.busy || !item.wanted) {
    page.pending = undefined;
    page.wasBusy = item.busy;
    if (!item.busy) page.told.clear();
    return undefined;
  }
  const failure = failureOf(item);
  if (page.wasBusy && failure) page.told.add(failure.code);
  page.wasBusy = false;
  const isOpen = phaseOf(item) === "open";
  if (isOpen) recover(item, page);
  const isNews = failure && !page.told.has(failure.code) && (failure.code !== "NOT_APPROVED" || page.wasOpen);
  page.wasOpen ||= isOpen;
  if (!isNews) {
    page.pending = undefined;
    return undefined;
  }
  if (page.pending?.code !== failure.code) page.pending = { code: failure.code, sinceMs: nowMs };
  return failure;
}

/** Forgets told failures that are over. A tunnel that listens has its key and port; a working far side must have been seen. */
function recover(item: TunnelItem, page: Page): void {
  const isProven = stateOf(item) !== "listening";
  for (const code of page.told) {
    if (code === "NOT_APPROVED" ? item.approval.at !== "pending" : isProven || isOfSetUp(code)) page.told.delete(code);
  }
}

function isOfSetUp(code: string): boolean {
  return isErrorCode(code) && CODES[code].place === "set-up";
}

function failureOf(item: TunnelItem): Failure | undefined {
  if (isTroubled(item)) return currentFailure(item) ?? { code: stateOf(item) === "not-approved" ? "NOT_APPROVED" : "UNKNOWN", message: "" };
  // The tunnel keeps running in its approved form, but the file now says something else.
  const hasChanged = phaseOf(item) === "open" && item.approval.at === "pending" && item.approval.facts.approvedBefore;
  return hasChanged ? { code: "NOT_APPROVED", message: "" } : undefined;
}
