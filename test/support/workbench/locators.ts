/** Helpers for every part of the page object: texts without the workbench's odd blanks, and waiting for a text. */
import type { Locator } from "playwright-core";
import { until } from "../process/until.ts";

/** How long the workbench may take to show something. */
export const PATIENCE_MS = 120_000;

/** What to look for: a part of a text, or a pattern. */
export type Wanted = string | RegExp;

/** One line, with plain spaces: the workbench uses no-break spaces and puts parts of a row on lines of their own. */
export function plain(text: string): string {
  return text.replace(/\s+/gu, " ").trim();
}

export function matches(text: string, wanted: Wanted): boolean {
  return typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
}

/** The visible text of an element; waits for the element. */
export async function textOf(locator: Locator, timeoutMs = PATIENCE_MS): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: the text that is shown, not what is hidden beside it
  return plain(await locator.first().innerText({ timeout: timeoutMs }));
}

/** An element as the page knows it: the tests are compiled without the browser's types. */
interface ShownElement {
  readonly innerText: string;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<ShownElement>;
}

/** In lists there is no blank between label, description and detail: only the style sheet separates them. */
const ROW_PARTS = ".label-name, .label-description, .quick-input-list-separator";

/** An element's text and attributes at one moment. */
export interface Shown<Name extends string> {
  readonly text: string;
  readonly values: Readonly<Record<Name, string | null>>;
}

/** The texts and these attributes of everything the locator finds now. */
export async function allOf<Name extends string>(locator: Locator, names: readonly Name[]): Promise<readonly Shown<Name>[]> {
  const found = await locator.evaluateAll(
    (elements, { selector, attributes }) =>
      (elements as unknown as readonly ShownElement[]).map((element) => {
        const parts = [...element.querySelectorAll(selector)];
        // biome-ignore lint/performance/useDomNodeTextContent: the text that is shown, not what is hidden beside it
        const text = (parts.length > 0 ? parts : [element]).map((part) => part.innerText).join(" ");
        return { text, values: Object.fromEntries(attributes.map((name) => [name, element.getAttribute(name)])) };
      }),
    { selector: ROW_PARTS, attributes: [...names] as string[] },
  );
  return found.map(({ text, values }) => ({ text: plain(text), values: values as Record<Name, string | null> }));
}

/** The texts of everything the locator finds now. */
export async function textsOf(locator: Locator): Promise<string[]> {
  return (await allOf(locator, [])).map(({ text }) => text);
}

/** A selector for elements whose attribute has exactly this value. */
export function attributeIs(name: string, value: string): string {
  return `[${name}="${value.replace(/["\\]/g, "\\$&").replace(/[\n\r\f]/g, (char) => `\\${char.charCodeAt(0).toString(16)} `)}"]`;
}

/** What is looked for, for the error message. */
interface FindOptions {
  readonly what: string;
}

/** Waits for the first match of `locator` with the wanted text; the error lists the texts found instead. */
export async function find(locator: Locator, wanted: Wanted, options: FindOptions): Promise<Locator> {
  return locator.nth((await search(locator, wanted, options)).index);
}

/** Like {@link find}, but returns the text. */
export async function findText(locator: Locator, wanted: Wanted, options: FindOptions): Promise<string> {
  return (await search(locator, wanted, options)).text;
}

/** An element that has moved can't be clicked: after this time it is looked for again. */
const ACTED_WITHIN_MS = 5_000;

/**
 * Clicks an element that may have moved; returns whether it was clicked. A click that was sent counts even if a busy page
 * did not confirm it in time: a second click would do the same twice, or hit what the first one has opened.
 */
export function clicked(locator: Locator, { button = "left", twice = false }: ClickOptions = {}): Promise<boolean> {
  const options = { timeout: ACTED_WITHIN_MS };
  return (twice ? locator.dblclick(options) : locator.click({ ...options, button })).then(
    () => true,
    // The call log of Playwright's error shows how far the click got.
    ({ message }: Error) => message.lastIndexOf("performing ") > message.lastIndexOf("retrying "),
  );
}

/** How to click. */
interface ClickOptions {
  readonly button?: "left" | "right";
  readonly twice?: boolean;
}

/** Whether the element is shown within three seconds: for an action that is tried again otherwise. */
export function comesSoon(locator: Locator): Promise<boolean> {
  return locator.waitFor({ timeout: 3000 }).then(
    () => true,
    () => false,
  );
}

async function search(locator: Locator, wanted: Wanted, { what }: FindOptions): Promise<{ readonly index: number; readonly text: string }> {
  let texts: string[] = [];
  const holds = async (): Promise<boolean> => {
    texts = await textsOf(locator);
    return texts.some((text) => matches(text, wanted));
  };
  await until(holds, { what: () => `${what} ${wanted}; there is ${JSON.stringify(texts)}` });
  const index = texts.findIndex((text) => matches(text, wanted));
  return { index, text: texts[index] ?? "" };
}
