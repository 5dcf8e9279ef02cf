/**
 * A sentence for the user that can still be translated: a template, which is the
 * English text, and what goes into its places. Templates are literals, each
 * written as the first argument of a call of `message`, so that they can be
 * collected from the sources of contract/. Pure.
 */

/** A text with places {0}, {1} …; any other brace is itself. */
export interface Message {
  readonly template: string;
  readonly args: readonly MessageArgument[];
}

/** What goes into a place: taken as it is, or a message of its own, which is translated too. */
export type MessageArgument = string | number | Message;

/** A message; `template` must be a literal. */
export function message(template: string, ...args: readonly MessageArgument[]): Message {
  return { template, args };
}

/** The text, in English or as `translate` has the templates. A place without an argument stays as it is written. */
export function formatMessage({ template, args }: Message, translate: (template: string) => string = (english) => english): string {
  return translate(template).replace(/\{(\d+)\}/g, (place, digits: string) => {
    const argument = args[Number(digits)];
    if (argument === undefined) return place;
    return typeof argument === "object" ? formatMessage(argument, translate) : String(argument);
  });
}
