/**
 * What the daemon says, in the user's language: its reasons come as template and
 * arguments beside the English text. English stays where a template is not known
 * here, as with a newer daemon, or where an older daemon sends the text alone. Pure.
 */
import type { Diagnosis } from "../../../shared/contract/diagnosis.ts";
import { formatMessage, type Message } from "../../../shared/message.ts";
import type { Translate } from "../translate.ts";

/** Words of a failure: of an error or of a record. */
export interface SaidWords {
  readonly message: string;
  readonly reason?: Message | undefined;
  /** The end of `message` that is useful only in a terminal. */
  readonly hint?: string | undefined;
}

/** Whether `reason` can be said in the user's language. */
export function isWorded(reason: Message | undefined, t: Translate): reason is Message {
  return reason !== undefined && t(reason.template) !== reason.template;
}

/** `text`, which says in English what `reason` does, in the user's language; not plain yet. */
export function worded(text: string, reason: Message | undefined, t: Translate): string {
  return isWorded(reason, t) ? formatMessage(reason, t) : text;
}

/** What a failure says, without its hint; not plain yet. */
export function wordsIn({ message, reason, hint }: SaidWords, t: Translate): string {
  const english = hint !== undefined && message.endsWith(hint) ? message.slice(0, -hint.length) : message;
  return worded(english, reason, t);
}

/** Whether `reason` says, anywhere in it, what `part` says. */
export function says(reason: Message | undefined, part: Message): boolean {
  return reason !== undefined && (reason.template === part.template || reason.args.some((arg) => typeof arg === "object" && says(arg, part)));
}

/** A diagnosis with all its texts in the user's language. */
export function diagnosisIn(diagnosis: Diagnosis, t: Translate): Diagnosis {
  const { cause, causeReason, cure, cureReason, stages, addresses, warnings } = diagnosis;
  return {
    ...diagnosis,
    cause: worded(cause, causeReason, t),
    cure: worded(cure, cureReason, t),
    stages: stages.map((stage) => withDetail(stage, t)),
    addresses: addresses.map((address) => withDetail(address, t)),
    warnings: warnings.map((warning) => ({ ...warning, text: worded(warning.text, warning.textReason, t) })),
  };
}

/** A part of a diagnosis, such as a stage, with its text in the user's language. */
export function withDetail<T extends { readonly detail?: string | undefined; readonly detailReason?: Message | undefined }>(of: T, t: Translate): T {
  return of.detail === undefined ? of : { ...of, detail: worded(of.detail, of.detailReason, t) };
}
