/**
 * What is wrong with a file, in the user's language: the one place where a
 * problem of the contract's validator becomes text to show. Pure.
 */
import type { ConfigProblem } from "../../../shared/contract/config-document.ts";
import { formatMessage } from "../../../shared/message.ts";
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";

/** The problem's sentence, as plain text; in English when the problem came over the RPC, which carries only the English message. */
export function problemText(problem: ConfigProblem, t: Translate): string {
  return plainText(problem.text ? formatMessage(problem.text, t) : problem.message);
}
