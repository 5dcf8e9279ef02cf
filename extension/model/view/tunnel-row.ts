/**
 * A tunnel as a row of the tree, of a quick pick and of the status bar's tooltip.
 *
 *     circle           closed            service's icon   open; green once verified
 *     spinner          on its way        warning, key, shield   it should work, and doesn't
 */

import type { Service } from "../../../shared/contract/tunnels-file.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { problemText } from "../editor/problem-text.ts";
import type { Translate } from "../translate.ts";
import { isOn, stateOf, type TunnelItem } from "../tunnel-item.ts";
import { ago, listenText, span, type View } from "./format.ts";

/** A row. Texts are plain: control characters, links and icons of files and peers are taken out. */
export interface TunnelRow {
  /** A codicon's id. */
  readonly icon: string;
  /** A theme colour's id for the icon, or undefined. */
  readonly iconColor: string | undefined;
  readonly label: string;
  /** `127.0.0.1:6579 → cache.example.com:6479` */
  readonly description: string;
  /** The state in words, such as "verified 3 min ago". */
  readonly stateText: string;
  /**
   * tunnel;SOURCE;ROLE;SERVICE;APPROVAL;PHASE with APPROVAL approved, pending or unknown, and PHASE closed, busy, open,
   * trouble or fault: what package.json's menus look at.
   */
  readonly contextValue: string;
  /** Without ages: a screen reader would read it again every second. */
  readonly accessibleLabel: string;
}

/** What can be done with a tunnel now. fault: its entry has a mistake and nothing runs. */
export type Phase = "closed" | "busy" | "open" | "trouble" | "fault";

/** Of VS Code's greens the one that can be seen on white, too: testing.iconPassed has a contrast of 1.9 to 1 there. */
const VERIFIED = "charts.green";

/** Our choice: what is wrong with an entry may be long; a row isn't. */
const MAX_FAULT_LENGTH = 200;

/** The row of `item`. */
export function tunnelRow(item: TunnelItem, view: View): TunnelRow {
  const { t } = view;
  const label = tunnelName(item);
  const role = roleOf(item);
  const service = item.entry?.service ?? item.status?.service;
  const listen = listenOf(item, t);
  const target = targetOf(item);
  const state = stateWord(item, t);
  return {
    ...iconOf(item),
    label,
    description: listen === undefined ? faultText(item, t) : `${listen} → ${target}`,
    stateText: stateText(item, view),
    contextValue: ["tunnel", item.source.kind, role ?? "unknown", service ?? "unknown", item.approval.at, phaseOf(item)].join(";"),
    accessibleLabel:
      listen === undefined
        ? `${label}, ${state}: ${faultText(item, t)}`
        : role === "server"
          ? t("{0}, server end, {1}, from {2} to {3}", label, state, listen, target)
          : t("{0}, {1} tunnel, {2}, from {3} to {4}", label, serviceName(service), state, listen, target),
  };
}

/** Its name, fit to be shown. */
export function tunnelName({ name }: Pick<TunnelItem, "name">): string {
  return plainText(name, { maxLength: 64 });
}

/** Which end of it runs here; undefined when nothing is known. */
export function roleOf({ entry, status }: Pick<TunnelItem, "entry" | "status">): "client" | "server" | undefined {
  return entry?.role ?? status?.role;
}

/** Where clients connect: the real address of what runs, else what the entry says; undefined when nothing is known. */
export function listenOf(item: TunnelItem, t: Translate): string | undefined {
  const listen = shownOf(item).listen;
  return listen === undefined || listen === "" ? undefined : listenText(listen, t);
}

/** Where it leads; empty when nothing is known. */
export function targetOf(item: TunnelItem): string {
  return plainText(shownOf(item).target ?? "");
}

/** While something runs that is what counts, whatever the file says by now. */
function shownOf(item: TunnelItem): { readonly listen?: string | number; readonly target?: string } {
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
      return "open";
    case "waiting-for-key":
    case "not-approved":
    case "port-busy":
    case "degraded":
      return "trouble";
  }
}

/** Whether this window wants it and it does not work, and nobody is at it. */
export function isTroubled(item: TunnelItem): boolean {
  if (!item.wanted || item.busy) return false;
  const phase = phaseOf(item);
  return phase === "trouble" || (phase === "closed" && obstacleOf(item) !== undefined);
}

/** The failure that is why the tunnel is in its state; one that works has left its failures behind. */
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
      if (item.fault) return t("mistake in its entry");
      if (obstacleOf(item)) return t("can't open");
      return item.approval.at === "pending" ? t("closed, not approved") : t("closed");
    case "waiting-for-key":
      return t("waits for its key");
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
    case "degraded":
      return t("not working");
    case "draining":
      return t("closing when its connections end");
  }
}

/** Wanted, and kept from opening by something that is no state of its own. */
function obstacleOf({ wanted, status }: TunnelItem): NonNullable<TunnelItem["status"]>["lastFailure"] {
  return wanted && status?.state === "closed" && !status.closedByUser ? status.lastFailure : undefined;
}

function stateText(item: TunnelItem, view: View): string {
  const { t, nowMs } = view;
  const { status } = item;
  const state = stateOf(item);
  if (status && state === "verified" && status.backendVerifiedAtMs !== undefined) return t("verified {0}", ago(status.backendVerifiedAtMs, view));
  if (status && state === "key-verified" && status.keyVerifiedAtMs !== undefined) return t("key verified {0}", ago(status.keyVerifiedAtMs, view));
  if (status && state === "degraded") return t("not working for {0}", span(nowMs - status.sinceMs, t));
  return stateWord(item, t);
}

function faultText({ fault }: TunnelItem, t: Translate): string {
  return fault ? plainText(problemText(fault, t), { maxLength: MAX_FAULT_LENGTH }) : "";
}

/** The names are the products' own. */
function serviceName(service: Service | undefined): string {
  switch (service) {
    case "redis":
      return "Redis";
    case "mysql":
      return "MySQL";
    case "tcp":
    case undefined:
      return "TCP";
  }
}

function iconOf(item: TunnelItem): Pick<TunnelRow, "icon" | "iconColor"> {
  const state = stateOf(item);
  switch (phaseOf(item)) {
    case "busy":
      return { icon: "loading~spin", iconColor: undefined };
    case "fault":
      return { icon: "error", iconColor: "list.errorForeground" };
    case "closed":
      if (obstacleOf(item)) return { icon: "warning", iconColor: "list.warningForeground" };
      return { icon: state === "draining" ? "circle-slash" : "circle-outline", iconColor: undefined };
    case "open":
      return { icon: openIcon(item), iconColor: state === "listening" ? undefined : VERIFIED };
    case "trouble":
      return { icon: state === "waiting-for-key" ? "key" : state === "not-approved" ? "shield" : "warning", iconColor: "list.warningForeground" };
  }
}

function openIcon({ entry, status }: TunnelItem): string {
  if ((status?.role ?? entry?.role) === "server") return "server";
  return serviceIcon(status?.service ?? entry?.service);
}

/** A service's codicon, wherever one is named. */
export function serviceIcon(service: Service | undefined): string {
  switch (service) {
    case "redis":
      return "layers";
    case "mysql":
      return "database";
    case "tcp":
    case undefined:
      return "plug";
  }
}
