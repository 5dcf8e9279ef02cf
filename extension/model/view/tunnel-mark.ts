/**
 * How an entry is set apart from the others: production ("confirm": true) and
 * everything with a "color". Colours are VS Code's theme colours. Pure.
 */
import type { TunnelColor } from "../../../shared/contract/tunnels-file.ts";
import type { Translate } from "../translate.ts";
import type { TunnelItem } from "../tunnel-item.ts";

/** A mark. */
export interface TunnelMark {
  readonly color: TunnelColor;
  /** The entry asks before it opens. */
  readonly isProduction: boolean;
}

/** undefined: the entry is like any other. */
export function markOf({ entry }: Pick<TunnelItem, "entry">): TunnelMark | undefined {
  if (!entry) return undefined;
  const isProduction = entry.confirm;
  const color = entry.color ?? (isProduction ? "red" : undefined);
  return color === undefined ? undefined : { color, isProduction };
}

/** The mark in words, for tooltips and screen readers: colour is not the only sign. */
export function markText({ color, isProduction }: TunnelMark, t: Translate): string {
  return isProduction ? t("production, asks before it opens") : t("marked {0}", colorName(color, t));
}

/** Of a name and its badge in the tree: contrasts with the side bar in all themes of VS Code. */
export function treeColor(color: TunnelColor): string {
  return `charts.${color}`;
}

/** Of a terminal's tab, where VS Code knows only the terminal's colours: of each the one that is clear on light and on black. */
export function terminalColor(color: TunnelColor): string {
  switch (color) {
    case "red":
      return "terminal.ansiBrightRed";
    case "yellow":
      return "terminal.ansiYellow";
    case "green":
      return "terminal.ansiGreen";
    case "blue":
      return "terminal.ansiBrightBlue";
    case "purple":
      return "terminal.ansiBrightMagenta";
  }
}

function colorName(color: TunnelColor, t: Translate): string {
  switch (color) {
    case "red":
      return t("red");
    case "yellow":
      return t("yellow");
    case "green":
      return t("green");
    case "blue":
      return t("blue");
    case "purple":
      return t("purple");
  }
}
