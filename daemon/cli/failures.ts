/**
 * How failures are told: `tunneld: message (CODE)`. The code is what scripts look
 * for, so it stands at the end of the line in a fixed form.
 */
import type { TunnelError } from "../../shared/errors.ts";

/** One failure in one line. */
export function failureLine({ code, message }: TunnelError): string {
  return `${message} (${code})`;
}
