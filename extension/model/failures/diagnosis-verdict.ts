/**
 * What a diagnosis has found, in the user's language: title, cause and fix. The
 * daemon's own sentences are particular; where they come without a template that is
 * known here, as from an older daemon, they are English, and users of another language
 * get the general text of the code besides. Pure.
 */
import type { Diagnosis } from "../../../shared/contract/diagnosis.ts";
import { isEnglish, type Translate } from "../translate.ts";
import { codeTitle } from "./code-names.ts";
import { isWorded } from "./daemon-words.ts";
import { type FailureAction, type FailureHelp, failureHelp, type MendingAction } from "./failure-help.ts";

/** Our choice: there is no room for many buttons, and a diagnosis has some of its own. */
const MAX_MENDS = 2;

/** A cure that names a terminal command: VS Code has a counterpart for each of these commands. */
const SHELL_COMMAND = /\btunneld (?:approve|diagnose|down|exec|keygen|keys|logs|restart|serve|service|status|stop|up|url|wait)\b/;

/** See the file's header. The texts may be the daemon's: whoever shows them makes them plain. */
export interface Verdict {
  /** "Wrong key (KEY_MISMATCH)", "All checks passed". */
  readonly title: string;
  readonly isFailure: boolean;
  readonly cause: string;
  /** Empty when there is nothing to do. */
  readonly cure: string;
  /** The daemon's English sentence, where `cause` is a general one. */
  readonly seen: string;
  /** What was seen allows another cause, too. */
  readonly isGuess: boolean;
}

/** What the diagnosis has found. */
export function verdictOf(diagnosis: Diagnosis, t: Translate): Verdict {
  const { code, cause, certain, causeReason, cureReason } = diagnosis;
  const help = helpOf(diagnosis, t);
  if (code === null || help === undefined) return { title: t("All checks passed"), isFailure: false, cause, cure: "", seen: "", isGuess: false };
  const isCauseSaid = isEnglish(t) || isWorded(causeReason, t);
  const isCureSaid = (isEnglish(t) || isWorded(cureReason, t)) && !namesShellCommand(diagnosis.cure);
  const title = codeTitle(code, t);
  return {
    title: certain ? title : t("Probably: {0}", title),
    isFailure: true,
    // The daemon's sentence without the commands for a terminal at its end.
    cause: isCauseSaid ? help.detail || cause : help.cause,
    cure: isCureSaid ? diagnosis.cure : help.cure,
    seen: isCauseSaid ? "" : help.detail || cause,
    isGuess: !certain,
  };
}

/** The explanation of the code that was found; undefined: nothing is wrong. */
export function helpOf({ code, cause, role }: Diagnosis, t: Translate): FailureHelp | undefined {
  return code === null ? undefined : failureHelp({ code, message: cause }, { t, isOfTunnel: true, role });
}

/** Whether a cure of the daemon is for a terminal, not for a window. */
export function namesShellCommand(cure: string): boolean {
  return SHELL_COMMAND.test(cure);
}

/** The actions that fix what was found, the most useful first; without those that a diagnosis has just done. */
export function mendsOf(diagnosis: Diagnosis, t: Translate): readonly MendingAction[] {
  return mending(helpOf(diagnosis, t)?.actions ?? []).slice(0, MAX_MENDS);
}

/** Those of the actions that a diagnosis has not just done. */
export function mending(actions: readonly FailureAction[]): readonly MendingAction[] {
  return actions.filter((action): action is MendingAction => action !== "retry" && action !== "diagnose");
}
