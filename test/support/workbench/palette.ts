/**
 * VS Code's quick input: the command palette, quick picks and input boxes, which share one widget. A list shows only
 * the rows that fit: a row further down is found by filtering.
 */
import type { Locator, Page } from "playwright-core";
import { until } from "../process/until.ts";
import { find, matches, PATIENCE_MS, textOf, textsOf, type Wanted } from "./locators.ts";

/** A palette opened before the extensions are known never lists their commands: it is closed and opened again. */
const LISTED_WITHIN_MS = 2_000;

/** See the file's header. */
export class Palette {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** The widget, when it is shown. */
  get widget(): Locator {
    return this.#page.locator(".quick-input-widget:visible");
  }

  get #input(): Locator {
    return this.widget.locator('input[type="text"], input[type="password"]').first();
  }

  get #rows(): Locator {
    return this.widget.locator(".quick-input-list .monaco-list-row");
  }

  /** Opens it with F1 and this text in it: ">" for commands, ":12:3" to go to a place, a path for a file. */
  async open(text = ">"): Promise<void> {
    const attempt = async (): Promise<boolean> => {
      await this.#page.keyboard.press("F1");
      // Another quick input may have come in between: only the palette begins with ">".
      await this.#input.waitFor({ state: "visible", timeout: LISTED_WITHIN_MS }).catch(() => {});
      return (await this.isOpen()) && (await this.value()).startsWith(">");
    };
    await until(attempt, { what: "the palette was open" });
    await this.#input.fill(text);
  }

  /** Runs a command by its title, with or without its category. */
  async command(title: string): Promise<void> {
    const attempt = async (): Promise<boolean> => {
      await this.open(`>${title}`);
      const row = await this.#commandRow(title);
      if (row === undefined) {
        await this.close();
        return false;
      }
      await row.click();
      return true;
    };
    await until(attempt, { what: `the palette listed the command "${title}"` });
  }

  /** Whether the palette lists the command now. */
  async hasCommand(title: string): Promise<boolean> {
    await this.open(`>${title}`);
    const row = await this.#commandRow(title);
    await this.close();
    return row !== undefined;
  }

  /** Waits for a quick pick's row and chooses it. */
  async pick(wanted: Wanted): Promise<void> {
    await (await this.row(wanted)).click();
  }

  /** Waits for a row; with a text, filters by it if it isn't in sight. */
  async row(wanted: Wanted): Promise<Locator> {
    await this.#rows.first().waitFor({ timeout: PATIENCE_MS });
    const inSight = (await this.rows()).some((text) => matches(text, wanted));
    if (!inSight && typeof wanted === "string") await this.#input.fill(wanted);
    return find(this.#rows, wanted, { what: "the quick pick had a row" });
  }

  /** Texts of the rows in sight: label, description and detail in one line. */
  rows(): Promise<string[]> {
    return textsOf(this.#rows);
  }

  /** Presses a button of a row, by its tooltip. */
  async rowButton(wanted: Wanted, button: string): Promise<void> {
    const row = await this.row(wanted);
    await row.hover();
    await row.locator(`.action-label[aria-label^=${JSON.stringify(button)}]`).click();
  }

  /** Waits for an input box, fills it in and confirms. */
  async input(text: string): Promise<void> {
    await this.#input.waitFor({ state: "visible", timeout: PATIENCE_MS });
    await this.#input.fill(text);
    await this.#page.keyboard.press("Enter");
  }

  /** Answers VS Code's own file dialog, which has no use for Enter while it still looks at the folder. */
  async file(path: string): Promise<void> {
    await this.fill(path);
    const confirm = this.widget.getByRole("button", { name: "OK", exact: true });
    const attempt = async (): Promise<boolean> => {
      await confirm.click({ timeout: LISTED_WITHIN_MS }).catch(() => {});
      await confirm.waitFor({ state: "hidden", timeout: LISTED_WITHIN_MS }).catch(() => {});
      return (await confirm.count()) === 0;
    };
    await until(attempt, { what: `the file dialog took ${path}` });
  }

  /** Fills the input box in without confirming. */
  async fill(text: string): Promise<void> {
    await this.#input.waitFor({ state: "visible", timeout: PATIENCE_MS });
    await this.#input.fill(text);
  }

  /** What stands in the input box. */
  value(): Promise<string> {
    return this.#input.inputValue();
  }

  /** Title above it, prompt or validation message below. */
  async title(): Promise<string> {
    return textOf(this.widget.locator(".quick-input-title"));
  }

  async message(): Promise<string> {
    return textOf(this.widget.locator(".quick-input-message"));
  }

  /** Waits until one with this title is shown. */
  async titled(wanted: Wanted): Promise<void> {
    await find(this.widget.locator(".quick-input-title"), wanted, { what: "a quick input had the title" });
  }

  async isOpen(): Promise<boolean> {
    return (await this.widget.count()) > 0;
  }

  /** Escape; waits until it is gone. */
  async close(): Promise<void> {
    await this.#page.keyboard.press("Escape");
    await this.widget.waitFor({ state: "hidden", timeout: PATIENCE_MS });
  }

  async #commandRow(title: string): Promise<Locator | undefined> {
    const labels = this.#rows.locator(".quick-input-list-row .label-name").first();
    await labels.waitFor({ timeout: LISTED_WITHIN_MS }).catch(() => {});
    const count = await this.#rows.count();
    for (let index = 0; index < count; index += 1) {
      const row = this.#rows.nth(index);
      // Rows are drawn anew while the list is filtered: one that is gone by now has no text.
      const label = await textOf(row.locator(".label-name"), LISTED_WITHIN_MS).catch(() => "");
      if (label === title || label.endsWith(`: ${title}`)) return row;
    }
    return undefined;
  }
}
