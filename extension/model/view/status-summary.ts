/**
 * The one item of the status bar: how many tunnels are open, whether something is
 * on its way, and a warning when something that should work doesn't. The tooltip
 * has no ages: it would be wrong a minute later.
 */
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";
import { isOpen, type TunnelItem } from "../tunnel-item.ts";
import { isTroubled, listenOf, phaseOf, stateWord, targetOf, tunnelName } from "./tunnel-row.ts";

/** What the item shows. */
export interface StatusSummary {
  /** `$(lock) 2`; the icon spins while something opens, and is another when something does not work. */
  readonly text: string;
  /** Warning background. */
  readonly isWarning: boolean;
  /** A table; file-derived text stands in code spans, where nothing of it acts. */
  readonly tooltipMarkdown: string;
  readonly accessibleLabel: string;
}

/** Our choice: a tooltip is no list view. */
const MAX_ROWS = 20;

/** undefined: the window has no tunnels, and no item. */
export function statusSummary(items: readonly TunnelItem[], t: Translate): StatusSummary | undefined {
  if (items.length === 0) return undefined;
  const open = items.filter(isOpen).length;
  const busy = items.filter((item) => phaseOf(item) === "busy").length;
  const troubled = items.filter(isTroubled).length;
  return {
    // High-contrast themes have no warning background.
    text: `${busy > 0 ? "$(sync~spin)" : troubled > 0 ? "$(warning)" : "$(lock)"} ${open}`,
    isWarning: troubled > 0,
    tooltipMarkdown: table(items, t),
    accessibleLabel: label({ open, busy, troubled, all: items.length }, t),
  };
}

interface Counts {
  readonly open: number;
  readonly busy: number;
  readonly troubled: number;
  readonly all: number;
}

function label({ open, busy, troubled, all }: Counts, t: Translate): string {
  const parts = [
    t("Encrypted tunnels: {0} of {1} open", open, all),
    ...(busy > 0 ? [t("{0} opening", busy)] : []),
    ...(troubled > 0 ? [t("{0} not working", troubled)] : []),
  ];
  return parts.join(", ");
}

function table(items: readonly TunnelItem[], t: Translate): string {
  const headings = [t("Tunnel"), t("Here"), t("Leads to"), t("State")];
  // What is wrong must not be among those left out.
  const shown = [...items.filter(isTroubled), ...items.filter((item) => !isTroubled(item))].slice(0, MAX_ROWS);
  const rows = shown.map((item) => [code(tunnelName(item)), code(listenOf(item, t) ?? ""), code(targetOf(item)), cell(stateWord(item, t))]);
  const left = items.length - shown.length;
  const lines = [headings.map(cell), headings.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [...lines, ...(left > 0 ? ["", t("and {0} more", left)] : [])].join("\n");
}

/** Our own words; a translation might have a bar. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** A code span in a table's cell: no link, no mark-up, no icon; a bar would end the cell even so. */
function code(text: string): string {
  const inside = plainText(text).replaceAll("`", "'").replaceAll("\\", "/").replaceAll("|", "\\|").trim();
  return inside === "" ? "" : `\`${inside}\``;
}
