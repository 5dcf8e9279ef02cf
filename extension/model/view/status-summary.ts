/**
 * The one item of the status bar: how many tunnels work, whether one is being
 * opened, and how many of those that should work don't. The tooltip is a table,
 * the state first; a tunnel's name and the word behind it are links that run a
 * command. It has no ages: they would be wrong a minute later.
 */
import { plainText } from "../../../shared/plain-text.ts";
import { COMMANDS } from "../../ids.ts";
import type { Translate } from "../translate.ts";
import { isOn, isWorking, refOf, stateOf, type TunnelItem } from "../tunnel-item.ts";
import { isTroubled, phaseOf, shortAddresses, shortStateWord, tunnelName } from "./tunnel-row.ts";

/** What the item shows. */
export interface StatusSummary {
  /** `$(lock) 2 $(warning) 5`: those that work, and those that should; the lock spins while one opens or reconnects. */
  readonly text: string;
  /** Warning background. */
  readonly isWarning: boolean;
  /** A table; text from files is in code spans, where it has no effect as Markdown. */
  readonly tooltipMarkdown: string;
  readonly accessibleLabel: string;
}

/** The commands that the tooltip's links may run, and no other. */
export const TOOLTIP_COMMANDS: readonly string[] = [
  COMMANDS.open,
  COMMANDS.close,
  COMMANDS.diagnose,
  COMMANDS.reveal,
  COMMANDS.showTunnel,
  COMMANDS.showTunnels,
];

/** Our choice: a tooltip is not a list view. */
const MAX_ROWS = 20;
/** Our choice: VS Code's tooltips are 500 pixels wide, and a row that is broken is no table any more. */
const MAX_NAME = 20;
const MAX_ADDRESSES = 32;

/** A line is broken at any other. */
const NO_BREAK_HYPHEN = "\u2011";

/** undefined: the window has no tunnels, and no item. */
export function statusSummary(items: readonly TunnelItem[], t: Translate): StatusSummary | undefined {
  if (items.length === 0) return undefined;
  const working = items.filter(isWorking).length;
  const busy = items.filter((item) => phaseOf(item) === "busy").length;
  const troubled = items.filter(isTroubled).length;
  const reconnecting = items.filter((item) => stateOf(item) === "reconnecting").length;
  const isUnknown = items.every((item) => item.isUnknown === true);
  const open = `${busy + reconnecting > 0 ? "$(sync~spin)" : "$(lock)"} ${isUnknown ? "?" : working}`;
  return {
    // High-contrast themes have no warning background.
    text: troubled > 0 ? `${open} $(warning) ${troubled}` : open,
    isWarning: troubled > 0,
    tooltipMarkdown: table(items, t),
    accessibleLabel: isUnknown
      ? t("Encrypted tunnels: unknown (Restricted Mode)")
      : label({ open: working, busy, reconnecting, troubled, all: items.length }, t),
  };
}

interface Counts {
  readonly open: number;
  readonly busy: number;
  readonly reconnecting: number;
  readonly troubled: number;
  readonly all: number;
}

function label({ open, busy, reconnecting, troubled, all }: Counts, t: Translate): string {
  const parts = [
    t("Encrypted tunnels: {0} of {1} open", open, all),
    ...(busy > 0 ? [t("{0} opening", busy)] : []),
    ...(reconnecting > 0 ? [t("{0} reconnecting", reconnecting)] : []),
    ...(troubled > 0 ? [t("{0} not working", troubled)] : []),
  ];
  return parts.join(", ");
}

function table(items: readonly TunnelItem[], t: Translate): string {
  const headings = [t("State"), t("Tunnel"), t("Address"), ""];
  // Troubled tunnels come first, then those that are on, so that they are not left out.
  const shown = items.toSorted((one, other) => rank(one) - rank(other)).slice(0, MAX_ROWS);
  const rows = shown.map((item) => [
    `$(${stateIcon(item)}) ${cell(shortStateWord(item, t))}`,
    // A bracket could end the text of a link; only the name of an entry with a mistake can have one.
    link(code(tunnelName(item).replaceAll(/[[\]]/g, " "), MAX_NAME), COMMANDS.showTunnel, item),
    code(shortAddresses(item, t) ?? "", MAX_ADDRESSES),
    actionLink(item, t),
  ]);
  const left = items.length - shown.length;
  const lines = [headings.map(cell), headings.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [...lines, ...(left > 0 ? ["", `[${t("and {0} more", left)}](command:${COMMANDS.showTunnels})`] : [])].join("\n");
}

function rank(item: TunnelItem): number {
  if (isTroubled(item)) return 0;
  return isOn(item) ? 1 : 2;
}

function stateIcon(item: TunnelItem): string {
  switch (phaseOf(item)) {
    case "busy":
      return "sync";
    case "open":
      return stateOf(item) === "reconnecting" ? "sync" : "pass";
    case "trouble":
      return "warning";
    case "fault":
      return "error";
    case "closed":
      if (item.missingKey !== undefined) return "key";
      return isTroubled(item) ? "warning" : item.isUnknown ? "question" : "circle-outline";
  }
}

/** What most people want next. */
function actionLink(item: TunnelItem, t: Translate): string {
  switch (phaseOf(item)) {
    case "closed":
      return link(cell(t("Open")), COMMANDS.open, item);
    case "open":
      return link(cell(t("Close")), COMMANDS.close, item);
    case "trouble":
      return link(cell(t("Diagnose")), COMMANDS.diagnose, item);
    case "fault":
      return link(cell(t("Show")), COMMANDS.reveal, item);
    case "busy":
      return "";
  }
}

/**
 * A link that runs a command for the tunnel. VS Code decodes the argument twice, so a percent sign of a path is encoded
 * twice; a parenthesis would end the link.
 */
function link(text: string, command: string, item: TunnelItem): string {
  const argument = encodeURIComponent(JSON.stringify([refOf(item)]).replaceAll("%", "%25"));
  return `[${text}](command:${command}?${argument.replaceAll("(", "%28").replaceAll(")", "%29")})`;
}

/** A cell with our own words; a translation might contain a bar. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** A code span in a table's cell: no link, no mark-up, no icon. A bar would still end the cell, so it is escaped. */
function code(text: string, maxLength: number): string {
  const inside = plainText(text, { maxLength }).replaceAll("`", "'").replaceAll("\\", "/").replaceAll("|", "\\|").replaceAll("-", NO_BREAK_HYPHEN).trim();
  return inside === "" ? "" : `\`${inside}\``;
}
