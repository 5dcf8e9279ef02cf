/**
 * The line above the tree: only when there is something that no row can say,
 * because the daemon or a whole file is out of reach.
 */

import type { Problem } from "../../../shared/contract/methods.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { problemText } from "../editor/problem-text.ts";
import type { Translate } from "../translate.ts";
import type { TunnelSource } from "../tunnel-item.ts";

/** What the message is made from. */
export interface ViewMessageParts {
  /** Why the daemon can't be reached; undefined: it can, or nobody has tried. */
  readonly daemonError: { readonly message: string } | undefined;
  readonly configs: readonly {
    readonly source: TunnelSource;
    readonly config: { readonly broken: boolean; readonly problems: readonly Problem[] } | undefined;
  }[];
}

/** Our choice: it stands in a narrow view. */
const MAX_LENGTH = 240;

/** undefined: nothing to say. */
export function viewMessage({ daemonError, configs }: ViewMessageParts, t: Translate): string | undefined {
  const lines = daemonError ? [t("The daemon can't be reached: {0}", plainText(daemonError.message, { maxLength: MAX_LENGTH }))] : [];
  for (const { source, config } of configs) {
    if (!config?.broken) continue;
    const [problem] = config.problems;
    const label = plainText(source.label, { maxLength: 80 });
    lines.push(
      problem
        ? t("{0}: tunnels.json, line {1}: {2}", label, problem.line, plainText(problemText(problem, t), { maxLength: MAX_LENGTH }))
        : t("{0}: tunnels.json can't be read.", label),
    );
  }
  return lines.length === 0 ? undefined : lines.join(" ");
}
