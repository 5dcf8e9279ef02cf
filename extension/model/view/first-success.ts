/**
 * What is said once when a tunnel works for the first time: where it is, what
 * answered, and how fast. Pure.
 */
import { SERVICE_TITLES } from "../../../shared/contract/service-titles.ts";
import type { TunnelStatus } from "../../../shared/contract/state.ts";
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";
import { measured } from "./format.ts";

/** Our choice: with both at their longest, the text is a short notification in every language. */
const MAX_NAME = 32;
const MAX_ADDRESS = 48;

/** undefined: nothing was verified, so there is nothing to say. */
export function successText({ name, service, listen, state, dial, handshake }: TunnelStatus, t: Translate): string | undefined {
  const tunnel = plainText(name, { maxLength: MAX_NAME });
  const address = plainText(listen, { maxLength: MAX_ADDRESS });
  const ms = measured(dial.lastMs + handshake.lastMs, t);
  if (state === "key-verified" || (state === "verified" && service === "tcp"))
    return t("{0} works at {1}: the far end has the key, connected in {2}.", tunnel, address, ms);
  if (state !== "verified") return undefined;
  return t("{0} works at {1}: {2} answered, connected in {3}.", tunnel, address, SERVICE_TITLES[service], ms);
}
