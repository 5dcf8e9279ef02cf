/**
 * A row under a tunnel, and the parts that it is made from. Ids are stable while
 * the tunnel exists, so that the tree remembers which rows are expanded.
 */

/** What a click on a row does. */
export type FactCommand = "approve" | "reveal";

/** What a row says; texts are plain. */
export interface FactParts {
  /** Unique among its siblings. */
  readonly id: string;
  /** A codicon's id. */
  readonly icon?: string;
  readonly label: string;
  readonly description: string;
  /** The text that can be copied from the row. */
  readonly copy?: string;
  readonly tooltip?: string;
  readonly command?: FactCommand;
  readonly children?: readonly FactParts[];
}

/** A row. */
export interface TunnelFact {
  /** Unique under its tunnel. */
  readonly id: string;
  readonly icon: string | undefined;
  readonly label: string;
  readonly description: string;
  readonly copy: string | undefined;
  readonly tooltip: string;
  readonly command: FactCommand | undefined;
  /** `fact;copy` or `fact`: what package.json's menus look at. */
  readonly contextValue: string;
  readonly accessibleLabel: string;
  readonly children: readonly TunnelFact[];
}

/** The row made from `parts`; `above` is the id of the parent row. */
export function makeFact(parts: FactParts, above?: string): TunnelFact {
  const { label, description } = parts;
  const id = above === undefined ? parts.id : `${above}/${parts.id}`;
  const text = description === "" ? label : `${label}: ${description}`;
  return {
    id,
    icon: parts.icon,
    label,
    description,
    copy: parts.copy,
    tooltip: parts.tooltip === undefined ? text : `${text}\n\n${parts.tooltip}`,
    command: parts.command,
    contextValue: parts.copy === undefined ? "fact" : "fact;copy",
    accessibleLabel: text,
    children: (parts.children ?? []).map((child) => makeFact(child, id)),
  };
}
