/** Turns messages into the sentences of a verdict. */
import { formatMessage, type Message } from "../../shared/message.ts";
import type { Conclusion, Warning, WarningAbout } from "./report.ts";

/** What is concluded, before it is put into words. */
export type Conclusive = Pick<Conclusion, "stage" | "code" | "certain"> & {
  readonly cause: Message;
  /** Undefined: nothing is wrong. */
  readonly cure: Message | undefined;
};

/** A conclusion in English, with the reasons beside it. */
export function concluded({ cause, cure, ...rest }: Conclusive): Conclusion {
  return {
    ...rest,
    cause: capitalised(formatMessage(cause)),
    causeReason: cause,
    cure: cure === undefined ? "" : capitalised(formatMessage(cure)),
    ...(cure !== undefined && { cureReason: cure }),
  };
}

/** Advice in English, with the reason beside it. */
export function advice(about: WarningAbout, text: Message): Warning {
  return { about, text: formatMessage(text), textReason: text };
}

/** Ends the text with one full stop, unless it is a question or an exclamation: "did you mean …?" */
export function sentence(text: string): string {
  const trimmed = text.replace(/[.\s]+$/, "");
  return /[?!]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** With a capital letter, unless it begins with a name or an address: these stay as they are written. */
export function capitalised(text: string): string {
  return /^[a-z]+ /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
