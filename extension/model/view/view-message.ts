/**
 * The line above the tree. It is shown only for what no row can say: the daemon
 * can't be reached, or a whole file can't be read.
 */

import type { Problem } from "../../../shared/contract/methods.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { problemText } from "../editor/problem-text.ts";
import { type SaidWords, wordsIn } from "../failures/daemon-words.ts";
import type { Translate } from "../translate.ts";
import type { TunnelSource } from "../tunnel-item.ts";

/** What the message is made from. */
export interface ViewMessageParts {
  /** Why the daemon can't be reached; undefined: it can be reached, or nobody has tried. */
  readonly daemonError: SaidWords | undefined;
  readonly configs: readonly {
    readonly source: TunnelSource;
    readonly config: { readonly broken: boolean; readonly problems: readonly Problem[] } | undefined;
  }[];
}

/** Our choice: the view is narrow. */
const MAX_LENGTH = 240;

/** undefined: nothing to say. */
export function viewMessage({ daemonError, configs }: ViewMessageParts, t: Translate): string | undefined {
  const lines = daemonError ? [t("The daemon can't be reached: {0}", plainText(wordsIn(daemonError, t), { maxLength: MAX_LENGTH }))] : [];
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
