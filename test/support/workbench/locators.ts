/** Small things every part of the page object needs: texts without the workbench's odd blanks, and waiting for one. */
import type { Locator } from "playwright-core";
import { until } from "../process/until.ts";

/** How long the workbench may take to show something. */
export const PATIENCE_MS = 60_000;

/** A text to look for: a part of it, or a pattern. */
export type Wanted = string | RegExp;

/** One line, with plain spaces: the workbench uses no-break spaces and puts parts of a row on lines of their own. */
export function plain(text: string): string {
  return text.replace(/\s+/gu, " ").trim();
}

export function matches(text: string, wanted: Wanted): boolean {
  return typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
}

/** What a person reads there; waits for the element. */
export async function textOf(locator: Locator, timeoutMs = PATIENCE_MS): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: the text that is shown, not what is hidden beside it
  return plain(await locator.first().innerText({ timeout: timeoutMs }));
}

/** An element as the page knows it: the tests are compiled without the browser's types. */
interface ShownElement {
  readonly innerText: string;
  querySelectorAll(selector: string): Iterable<ShownElement>;
}

/** In lists, label, description and detail touch one another: only the style sheet keeps them apart. */
const ROW_PARTS = ".label-name, .label-description, .quick-input-list-separator";

/** The texts of everything the locator finds now. */
export async function textsOf(locator: Locator): Promise<string[]> {
  const texts = await locator.evaluateAll(
    (elements, selector) =>
      (elements as unknown as readonly ShownElement[]).map((element) => {
        const parts = [...element.querySelectorAll(selector)];
        // biome-ignore lint/performance/useDomNodeTextContent: the text that is shown, not what is hidden beside it
        return (parts.length > 0 ? parts : [element]).map((part) => part.innerText).join(" ");
      }),
    ROW_PARTS,
  );
  return texts.map(plain);
}

/** What is looked for, for the error's sentence, and for how long. */
interface FindOptions {
  readonly what: string;
  readonly timeoutMs?: number;
}

/** Waits for the first match of `locator` whose text is as wanted; says what there was instead. */
export async function find(locator: Locator, wanted: Wanted, options: FindOptions): Promise<Locator> {
  return locator.nth((await search(locator, wanted, options)).index);
}

/** The same; returns its text. */
export async function findText(locator: Locator, wanted: Wanted, options: FindOptions): Promise<string> {
  return (await search(locator, wanted, options)).text;
}

/** Whether it is shown within three seconds: for an action that is tried again when it is not. */
export function comesSoon(locator: Locator): Promise<boolean> {
  return locator.waitFor({ timeout: 3000 }).then(
    () => true,
    () => false,
  );
}

async function search(
  locator: Locator,
  wanted: Wanted,
  { what, timeoutMs = PATIENCE_MS }: FindOptions,
): Promise<{ readonly index: number; readonly text: string }> {
  let texts: string[] = [];
  const holds = async (): Promise<boolean> => {
    texts = await textsOf(locator);
    return texts.some((text) => matches(text, wanted));
  };
  await until(holds, { what: `${what} ${wanted}`, timeoutMs }).catch((error: Error) => {
    throw new Error(`${error.message}; there is ${JSON.stringify(texts)}`);
  });
  const index = texts.findIndex((text) => matches(text, wanted));
  return { index, text: texts[index] ?? "" };
}
