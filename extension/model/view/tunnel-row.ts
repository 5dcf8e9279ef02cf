/**
 * A tunnel as a row of the tree, of a quick pick and of the status bar's tooltip.
 * The icon is the service's; its colour is the state, which a word says, too:
 *
 *     green   verified              grey      closed
 *     plain   open, not verified    warning   it should work, and doesn't
 *     spinner on its way, or back   error     its entry has a mistake
 */

import { SERVICE_TITLES } from "../../../shared/contract/service-titles.ts";
import type { Service } from "../../../shared/contract/tunnels-file.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { problemText } from "../editor/problem-text.ts";
import type { Translate } from "../translate.ts";
import { isOn, stateOf, type TunnelItem } from "../tunnel-item.ts";
import { failureWord } from "./failure-word.ts";
import { ago, lasted, listenText, type View } from "./format.ts";
import { shortListen, shortTarget } from "./short-address.ts";
import { markOf, markText } from "./tunnel-mark.ts";

/** A row. Texts are plain: control characters, links and icons from files and peers are removed. */
export interface TunnelRow {
  /** A codicon's id. */
  readonly icon: string;
  /** A theme colour's id for the icon, or undefined. */
  readonly iconColor: string | undefined;
  readonly label: string;
  /** `:6579 → cache.example.com`, after the state in a word unless all is well: "wrong key · :6579 → cache.example.com". */
  readonly description: string;
  /** `127.0.0.1:6579 → cache.example.com:6479`, or the mistake of an entry that has no addresses. */
  readonly addresses: string;
  /** The state in words, such as "verified 3 min ago". */
  readonly stateText: string;
  /**
   * tunnel;SOURCE;ROLE;SERVICE;APPROVAL;PHASE with APPROVAL approved, pending or unknown, and PHASE closed, draining, busy,
   * open, trouble or fault: what package.json's menus look at.
   */
  readonly contextValue: string;
  /** Without ages: a screen reader would read the label again every second. */
  readonly accessibleLabel: string;
}

/** What can be done with a tunnel now. fault: its entry has a mistake and nothing runs. */
export type Phase = "closed" | "busy" | "open" | "trouble" | "fault";

/** The one of VS Code's greens that is also visible on white: testing.iconPassed has a contrast of 1.9 to 1 there. */
const VERIFIED = "charts.green";
const CLOSED = "disabledForeground";
/** With a colour in high contrast too, which list.warningForeground has not. */
const TROUBLE = "problemsWarningIcon.foreground";

/** Our choice: the text of a fault may be long; a row must be short. */
const MAX_FAULT_LENGTH = 200;

/** The row of `item`. */
export function tunnelRow(item: TunnelItem, view: View): TunnelRow {
  const { t } = view;
  const label = tunnelName(item);
  const role = roleOf(item);
  const service = item.entry?.service ?? item.status?.service;
  const listen = listenOf(item, t);
  const target = targetOf(item);
  const addresses = listen === undefined ? faultText(item, t) : `${listen} → ${target}`;
  return {
    ...iconOf(item),
    label,
    description: listen === undefined ? addresses : [...rowWord(item, t), shortAddresses(item, t)].join(" · "),
    addresses,
    stateText: stateText(item, view),
    contextValue: ["tunnel", item.source.kind, role ?? "unknown", service ?? "unknown", item.approval.at, menuPhase(item)].join(";"),
    accessibleLabel: spoken(item, t),
  };
}

function spoken(item: TunnelItem, t: Translate): string {
  const label = tunnelName(item);
  const listen = listenOf(item, t);
  const word = stateWord(item, t);
  const state = stateOf(item) === "degraded" && word !== t("not working") ? t("not working: {0}", word) : word;
  if (listen === undefined) return `${label}, ${state}: ${faultText(item, t)}`;
  const service = SERVICE_TITLES[item.entry?.service ?? item.status?.service ?? "tcp"];
  const target = targetOf(item);
  const text =
    roleOf(item) === "server"
      ? t("{0}, server end, {1}, from {2} to {3}", label, state, listen, target)
      : t("{0}, {1} tunnel, {2}, from {3} to {4}", label, service, state, listen, target);
  const mark = markOf(item);
  return mark ? `${text}, ${markText(mark, t)}` : text;
}

/** The state as the row has it; nothing where all is well. */
function rowWord(item: TunnelItem, t: Translate): string[] {
  const state = stateOf(item);
  if (!item.busy && (state === "verified" || state === "key-verified")) return [];
  if (!item.busy && state === "listening") return [t("not verified yet")];
  return [shortStateWord(item, t)];
}

/** {@link stateWord} without what a narrow row has no room for: that an approval is missing is said below the row. */
export function shortStateWord(item: TunnelItem, t: Translate): string {
  return stateWord({ ...item, approval: { at: "unknown" } }, t);
}

/** The tunnel's name, made safe to show. */
export function tunnelName({ name }: Pick<TunnelItem, "name">): string {
  return plainText(name, { maxLength: 64 });
}

/** Which end of the tunnel runs here; undefined when nothing is known. */
export function roleOf({ entry, status }: Pick<TunnelItem, "entry" | "status">): "client" | "server" | undefined {
  return entry?.role ?? status?.role;
}

/** Where clients connect: the real address of a running tunnel, else the entry's; undefined when nothing is known. */
export function listenOf(item: TunnelItem, t: Translate): string | undefined {
  const listen = shownOf(item).listen;
  return listen === undefined || listen === "" ? undefined : listenText(listen, t);
}

/** `:6579 → cache.example.com`; undefined when nothing is known. */
export function shortAddresses(item: TunnelItem, t: Translate): string | undefined {
  const { listen = "", target = "" } = shownOf(item);
  const backend = backendOf(item);
  return listen === "" ? undefined : `${shortListen(listen, t)} → ${shortTarget(target)}${backend === undefined ? "" : ` (${backend})`}`;
}

/** Where the tunnel leads; empty when nothing is known. */
export function targetOf(item: TunnelItem): string {
  return plainText(shownOf(item).target ?? "");
}

/** Which of the far end's backends is asked for; undefined: the target of its entry. */
export function backendOf(item: TunnelItem): string | undefined {
  const { backend } = shownOf(item);
  return backend === undefined ? undefined : plainText(backend, { maxLength: 64 });
}

/** While the tunnel runs, its status counts, whatever the file says now. */
function shownOf(item: TunnelItem): { readonly listen?: string | number; readonly target?: string; readonly backend?: string | undefined } {
  const { entry, status } = item;
  const runs = status !== undefined && (isOn(item) || status.state === "draining") && status.listen !== "";
  return (runs ? status : (entry ?? status)) ?? {};
}

/** See {@link Phase}. */
export function phaseOf(item: TunnelItem): Phase {
  if (item.busy) return "busy";
  const state = stateOf(item);
  switch (state) {
    case "closed":
    case "draining":
      return item.fault && state === "closed" ? "fault" : "closed";
    case "opening":
      return "busy";
    case "listening":
    case "key-verified":
    case "verified":
    case "reconnecting":
      return "open";
    case "waiting-for-key":
    case "not-approved":
    case "port-busy":
    case "degraded":
      return "trouble";
  }
}

/** What the menus look at: a tunnel that is closed for newcomers and still has connections offers to cut them. */
function menuPhase(item: TunnelItem): string {
  return stateOf(item) === "draining" && !item.busy ? "draining" : phaseOf(item);
}

/** Whether this window wants the tunnel, it does not work, and no action is working on it. */
export function isTroubled(item: TunnelItem): boolean {
  if (!item.wanted || item.busy) return false;
  const phase = phaseOf(item);
  return phase === "trouble" || (phase === "closed" && obstacleOf(item) !== undefined);
}

/** The failure that explains the tunnel's state; a tunnel that works has no current failure. */
export function currentFailure(item: TunnelItem): NonNullable<TunnelItem["status"]>["lastFailure"] {
  const phase = phaseOf(item);
  if (phase === "trouble") return item.status?.lastFailure;
  return phase === "closed" ? obstacleOf(item) : undefined;
}

/** The state in one or two words, without a time. */
export function stateWord(item: TunnelItem, t: Translate): string {
  const state = stateOf(item);
  switch (state) {
    case "closed":
      return closedWord(item, t);
    case "waiting-for-key":
      return failureWord(item.status?.lastFailure?.code ?? "", t) ?? t("key missing");
    case "not-approved":
      return t("not approved");
    case "port-busy":
      return t("port in use");
    case "opening":
      return t("opening");
    case "listening":
      return item.busy ? t("being verified") : t("open, not verified yet");
    case "key-verified":
      return t("key verified");
    case "verified":
      return t("verified");
    case "reconnecting":
      return t("reconnecting, {0} connected", item.status?.openConnections ?? 0);
    case "degraded":
      return failureWord(item.status?.lastFailure?.code ?? "", t) ?? t("not working");
    case "draining":
      return t("closed, {0} connected", item.status?.openConnections ?? 0);
  }
}

function closedWord(item: TunnelItem, t: Translate): string {
  if (item.fault) return t("mistake in its entry");
  const obstacle = obstacleOf(item);
  if (obstacle) return failureWord(obstacle.code, t) ?? t("can't open");
  if (item.missingKey !== undefined) return t("key missing");
  if (item.isUnknown) return t("unknown (Restricted Mode)");
  return item.approval.at === "pending" ? t("closed, not approved") : t("closed");
}

/** What keeps a wanted tunnel from opening, if no state of its own says so. */
function obstacleOf({ wanted, status }: TunnelItem): NonNullable<TunnelItem["status"]>["lastFailure"] {
  return wanted && status?.state === "closed" && !status.closedByUser ? status.lastFailure : undefined;
}

function stateText(item: TunnelItem, view: View): string {
  const { t, nowMs } = view;
  const { status } = item;
  const state = stateOf(item);
  if (status && state === "verified" && status.backendVerifiedAtMs !== undefined) return t("verified {0}", ago(status.backendVerifiedAtMs, view));
  if (status && state === "key-verified" && status.keyVerifiedAtMs !== undefined) return t("key verified {0}", ago(status.keyVerifiedAtMs, view));
  const word = stateWord(item, t);
  if (status && state === "reconnecting") return t("reconnecting for {0}, {1} connected", lasted(nowMs - status.sinceMs, view), status.openConnections);
  return status && state === "degraded" ? t("{0} for {1}", word, lasted(nowMs - status.sinceMs, view)) : word;
}

function faultText({ fault }: TunnelItem, t: Translate): string {
  return fault ? plainText(problemText(fault, t), { maxLength: MAX_FAULT_LENGTH }) : "";
}

function iconOf(item: TunnelItem): Pick<TunnelRow, "icon" | "iconColor"> {
  switch (phaseOf(item)) {
    case "busy":
      return { icon: "loading~spin", iconColor: undefined };
    case "fault":
      return { icon: "error", iconColor: "problemsErrorIcon.foreground" };
    case "closed":
      return { icon: ownIcon(item), iconColor: obstacleOf(item) || item.missingKey !== undefined ? TROUBLE : CLOSED };
    case "open":
      if (stateOf(item) === "reconnecting") return { icon: "sync~spin", iconColor: undefined };
      return { icon: ownIcon(item), iconColor: stateOf(item) === "listening" ? undefined : VERIFIED };
    case "trouble":
      return { icon: ownIcon(item), iconColor: TROUBLE };
  }
}

/** The icon that a tunnel has in every state. */
function ownIcon({ entry, status }: TunnelItem): string {
  if ((status?.role ?? entry?.role) === "server") return "server";
  return serviceIcon(status?.service ?? entry?.service);
}

/** A service's codicon, used wherever a service is shown. */
export function serviceIcon(service: Service | undefined): string {
  switch (service) {
    case "redis":
    case "redis-cluster":
      return "layers";
    case "mysql":
    case "postgres":
    case "mongodb":
      return "database";
    case "tcp":
    case undefined:
      return "plug";
  }
}
