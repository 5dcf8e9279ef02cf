/**
 * Asks where a tunnel is to listen: proposes a free port and checks the typed
 * address at once against the contract's validator, the tunnels of this window and
 * the system. Another program may still take the port first; the daemon then says so.
 */
import { draftFault, listenRival } from "../model/asking/ad-hoc.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { isFreePort } from "../ui/editor/free-port.ts";
import { type Answer, askText, type Step } from "./steps.ts";

/** How to ask. */
export interface ListenStep extends Step {
  readonly prompt: string;
  /** What stands in the box at first. */
  readonly suggested: string;
  /** The tunnel's target, if it is known: a tunnel can't lead to itself. */
  readonly target: string | undefined;
  /** The other tunnels; none of them may have the address. */
  readonly others: readonly TunnelItem[];
}

/** Asks for a listen address; resolves to the address as it was typed. */
export function askListen({ t }: Pick<Services, "t">, { suggested, target, others, ...step }: ListenStep): Promise<Answer<string>> {
  return askText({
    ...step,
    placeholder: suggested,
    value: suggested,
    validate: async (text) => {
      if (text.trim() === "") return t("Write a port, such as {0}.", suggested);
      const answers = { listen: text, ...(target === undefined ? {} : { target }) };
      const fault = draftFault(answers, { t, platform: process.platform }) ?? listenRival(text, { items: others, t });
      const port = Number(/^(?:127\.0\.0\.1:)?(\d{1,5})$/.exec(text.trim())?.[1] ?? 0);
      if (fault !== undefined || port === 0) return fault;
      return (await isFreePort(port)) ? undefined : t("Another program uses port {0}, or the system does not let you: choose another.", String(port));
    },
  });
}
