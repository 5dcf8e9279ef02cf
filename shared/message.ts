/**
 * A sentence for the user that can still be translated: a template, which is the
 * English text, and what goes into its places. Templates are literals, each
 * written as the first argument of a call of `message`, so that they can be
 * collected from the sources. A daemon's reasons cross the RPC in this form,
 * beside their English text, so that a window says them in its own language. Pure.
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

/** Our choice: messages within messages, so far down; what comes over a wire is not trusted with more. */
const MAX_DEPTH = 8;

/** A message that says nothing, for a place that may stay empty. */
export const NOTHING = message("{0}", "");

/** What goes into a place, as text. */
export function textOf(argument: MessageArgument, translate?: (template: string) => string): string {
  return typeof argument === "object" ? formatMessage(argument, translate) : String(argument);
}

/** A message that came over a wire; undefined: it is none. */
export function messageFrom(value: unknown, depth = 0): Message | undefined {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return undefined;
  const { template, args } = value as Partial<Record<keyof Message, unknown>>;
  if (typeof template !== "string" || !Array.isArray(args)) return undefined;
  const known = args.map((one: unknown) => (typeof one === "string" || typeof one === "number" ? one : messageFrom(one, depth + 1)));
  return known.every((one) => one !== undefined) ? { template, args: known } : undefined;
}

/** Several one after the other, with semicolons between them; undefined: there is none. */
export function joined(parts: readonly MessageArgument[]): Message | undefined {
  const [first, ...rest] = parts;
  if (first === undefined) return undefined;
  const start = typeof first === "object" ? first : message("{0}", first);
  return rest.reduce<Message>((before, next) => message("{0}; {1}", before, next), start);
}

/** The text, in English or as `translate` has the templates. A place without an argument stays as it is written. */
export function formatMessage({ template, args }: Message, translate: (template: string) => string = (english) => english): string {
  return translate(template).replace(/\{(\d+)\}/g, (place, digits: string) => {
    const argument = args[Number(digits)];
    if (argument === undefined) return place;
    return textOf(argument, translate);
  });
}
