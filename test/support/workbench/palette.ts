/**
 * VS Code's quick input: the command palette, quick picks and input boxes, which share one widget. A list shows only
 * the rows that fit, so a row further down is found by filtering.
 */
import type { Locator, Page } from "playwright-core";
import { until } from "../process/until.ts";
import { clicked, find, matches, PATIENCE_MS, textOf, textsOf, type Wanted } from "./locators.ts";

/** A palette that was opened before the extensions were loaded never lists their commands: after this time it is closed and opened again. */
const LISTED_WITHIN_MS = 2_000;

/** See the file's header. */
export class Palette {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** The widget while it is visible. */
  get widget(): Locator {
    return this.#page.locator(".quick-input-widget:visible");
  }

  get #input(): Locator {
    return this.widget.locator('input[type="text"], input[type="password"]').first();
  }

  get #rows(): Locator {
    return this.widget.locator(".quick-input-list .monaco-list-row");
  }

  /** Opens the palette with F1 and fills in this text: ">" for commands, ":12:3" to go to a place, a path for a file. */
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
      // A list that is being filtered may have drawn the row again, so the row is located by its text.
      return await clicked(row);
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

  /** Waits for a row; if `wanted` is a text and its row is not visible, filters by the text. */
  async row(wanted: Wanted): Promise<Locator> {
    await this.#rows.first().waitFor({ timeout: PATIENCE_MS });
    const inSight = (await this.rows()).some((text) => matches(text, wanted));
    if (!inSight && typeof wanted === "string") await this.#input.fill(wanted);
    return find(this.#rows, wanted, { what: "the quick pick had a row" });
  }

  /** Texts of the visible rows: label, description and detail in one line. */
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

  /** Answers VS Code's own file dialog, which ignores Enter while it still reads the folder. */
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

  /** The text in the input box. */
  value(): Promise<string> {
    return this.#input.inputValue();
  }

  /** The title above the input box; `message` is the prompt or validation message below it. */
  async title(): Promise<string> {
    return textOf(this.widget.locator(".quick-input-title"));
  }

  async message(): Promise<string> {
    return textOf(this.widget.locator(".quick-input-message"));
  }

  /** Waits until a quick input with this title is shown. */
  async titled(wanted: Wanted): Promise<void> {
    await find(this.widget.locator(".quick-input-title"), wanted, { what: "a quick input had the title" });
  }

  async isOpen(): Promise<boolean> {
    return (await this.widget.count()) > 0;
  }

  /** Presses Escape and waits until the widget is gone. */
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
      // Rows are drawn again while the list is filtered: a row that is gone by now has no text.
      const label = await textOf(row.locator(".label-name"), LISTED_WITHIN_MS).catch(() => "");
      if (label === title || label.endsWith(`: ${title}`)) return this.#rows.filter({ has: this.#page.getByText(label, { exact: true }) }).first();
    }
    return undefined;
  }
}
