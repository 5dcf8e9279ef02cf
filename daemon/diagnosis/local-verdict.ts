/**
 * The meaning of failures that a stage on this side reports by itself:
 * configuration, keys, ports, name service, connecting. They are facts, so all are
 * certain.
 */

import { CODES } from "../../shared/contract/codes.ts";
import { type ErrorCode, TunnelError } from "../../shared/errors.ts";
import { formatMessage, type Message, message } from "../../shared/message.ts";
import type { Conclusion, StageName } from "./report.ts";
import { capitalised, sentence } from "./words.ts";

const SEE_MESSAGE = message("See the message.");

/** The texts of the codes are templates, too. */
function cureAtHand(code: ErrorCode): Message {
  const { cureAtHand: template } = CODES[code];
  return template === undefined ? SEE_MESSAGE : { template, args: [] };
}

/** Concludes from what a stage threw, with the code's own cure unless the caller knows a better one; anything but a TunnelError is rethrown. */
export function judgeLocal(stage: StageName, error: unknown, better?: Message): Conclusion {
  if (!(error instanceof TunnelError)) throw error;
  const cure = better ?? cureAtHand(error.code);
  const { code, reason } = error;
  const said = { cause: sentence(capitalised(error.message)), ...(reason !== undefined && { causeReason: reason }) };
  return { stage, code, certain: true, ...said, cure: formatMessage(cure), cureReason: cure };
}
