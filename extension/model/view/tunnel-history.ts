/**
 * What has happened to a tunnel: opened, verified, lost, recovered, closed. Made
 * from the states that the daemon reports, one after the other; what is the same as
 * before is no event. Kept for as long as the window is there. Pure.
 */
import type { TunnelState, TunnelStatus } from "../../../shared/contract/state.ts";
import type { Translate } from "../translate.ts";
import { failureWord } from "./failure-word.ts";
import { ago, span, type View } from "./format.ts";
import type { FactParts } from "./tunnel-fact.ts";

/** What can happen. failed: it does not work, and has not since it was opened; recovered: verified after it was lost. */
type TunnelEventKind = "opened" | "verified" | "failed" | "lost" | "recovered" | "closed";

/** Something that has happened. */
export interface TunnelEvent {
  readonly kind: TunnelEventKind;
  /** Wall clock, as the daemon says it. */
  readonly atMs: number;
  /** Why it failed or was lost. */
  readonly code?: string;
  /** Of what has recovered: how long it did not work. */
  readonly lostForMs?: number;
}

/** Our choice: as many as somebody looks through. */
const MAX_EVENTS = 100;

/** The states between which an event lies. unseen: the tunnel was not known before. */
type Condition = "unseen" | "closed" | "open" | "verified" | "lost";

/** The last events of one tunnel. */
export class TunnelHistory {
  #events: readonly TunnelEvent[] = [];
  #condition: Condition = "unseen";
  #lostAtMs: number | undefined;
  /** It was verified since it was opened. */
  #hasWorked = false;

  /** The last hundred, the newest first. */
  get events(): readonly TunnelEvent[] {
    return this.#events;
  }

  /** Takes the newest status; undefined: the daemon no longer knows the tunnel. Returns what has happened, if anything has. */
  take(status: TunnelStatus | undefined, nowMs: number): TunnelEvent | undefined {
    const before = this.#condition;
    const now = conditionOf(status?.state ?? "closed", before);
    if (now === before) return undefined;
    this.#condition = now;
    const event = this.#eventOf({ before, now, status, atMs: status && status.sinceMs > 0 ? status.sinceMs : nowMs });
    if (!event) return undefined;
    this.#events = [event, ...this.#events].slice(0, MAX_EVENTS);
    return event;
  }

  #eventOf({ before, now, status, atMs }: Change): TunnelEvent | undefined {
    switch (now) {
      case "unseen":
        return undefined;
      case "closed":
        this.#lostAtMs = undefined;
        this.#hasWorked = false;
        return before === "unseen" ? undefined : { kind: "closed", atMs };
      case "open":
        return { kind: "opened", atMs };
      case "lost": {
        this.#lostAtMs ??= atMs;
        const code = status?.lastFailure?.code;
        return { kind: this.#hasWorked ? "lost" : "failed", atMs, ...(code !== undefined && { code }) };
      }
      case "verified": {
        const lostAtMs = this.#hasWorked ? this.#lostAtMs : undefined;
        this.#lostAtMs = undefined;
        this.#hasWorked = true;
        return lostAtMs === undefined ? { kind: "verified", atMs } : { kind: "recovered", atMs, lostForMs: Math.max(0, atMs - lostAtMs) };
      }
    }
  }
}

interface Change {
  readonly before: Condition;
  readonly now: Condition;
  readonly status: TunnelStatus | undefined;
  readonly atMs: number;
}

function conditionOf(state: TunnelState, before: Condition): Condition {
  switch (state) {
    case "closed":
    case "draining":
      return "closed";
    case "opening":
    // The network is cut for a while: connections wait, and nothing is lost yet.
    case "reconnecting":
      return before;
    case "listening":
      // Lost until there is proof of the contrary: the daemon may open the same tunnel anew meanwhile.
      return before === "lost" || before === "verified" ? before : "open";
    case "key-verified":
    case "verified":
      return "verified";
    case "waiting-for-key":
    case "not-approved":
    case "port-busy":
    case "degraded":
      return "lost";
  }
}

/** An event in words: "lost: wrong key". */
function eventText({ kind, code }: TunnelEvent, t: Translate): string {
  const why = code === undefined ? undefined : (failureWord(code, t) ?? code);
  switch (kind) {
    case "opened":
      return t("opened");
    case "verified":
      return t("verified");
    case "failed":
      return why === undefined ? t("failed") : t("failed: {0}", why);
    case "lost":
      return why === undefined ? t("lost") : t("lost: {0}", why);
    case "recovered":
      return t("recovered");
    case "closed":
      return t("closed");
  }
}

/** A codicon of the event. */
function eventIcon(kind: TunnelEventKind): string {
  switch (kind) {
    case "opened":
      return "debug-start";
    case "verified":
    case "recovered":
      return "pass";
    case "failed":
    case "lost":
      return "warning";
    case "closed":
      return "debug-disconnect";
  }
}

/** The row of a history, and under it a row for each event with its time of day: ages would have to be drawn again each second. */
export function historyFacts(events: readonly TunnelEvent[], view: View): FactParts[] {
  const { t } = view;
  const [last] = events;
  if (!last) return [];
  const ids = new Map<string, number>();
  const children = events.map((event): FactParts => {
    const id = `${event.atMs} ${event.kind}`;
    const twins = ids.get(id) ?? 0;
    ids.set(id, twins + 1);
    const lasted = event.lostForMs === undefined ? eventText(event, t) : t("{0} after {1}", eventText(event, t), span(event.lostForMs, t));
    return { id: `${id} ${twins}`, icon: eventIcon(event.kind), label: clockTime(event.atMs, view.nowMs), description: lasted };
  });
  return [{ id: "history", icon: "history", label: t("History"), description: `${eventText(last, t)}, ${ago(last.atMs, view)}`, children }];
}

/** `14:02:11`, with the day before it unless it is today. Local time. */
function clockTime(atMs: number, nowMs: number): string {
  const local = (ms: number): string => {
    const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
    return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
  };
  const [day, time = ""] = local(atMs).split("T");
  const clock = time.slice(0, 8);
  return day === local(nowMs).split("T")[0] ? clock : `${day} ${clock}`;
}
