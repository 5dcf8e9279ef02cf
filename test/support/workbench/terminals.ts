/**
 * The integrated terminal. Its text is in the page only when it is drawn with plain elements, so start a workbench that
 * tests it with TERMINAL_SETTINGS. Lines are as wide as the panel, so look only for short texts.
 */
import type { Locator, Page } from "playwright-core";
import { until } from "../process/until.ts";
import { matches, plain, type Wanted } from "./locators.ts";
import type { Palette } from "./palette.ts";

/** For `settings` of a workbench: the terminal is drawn with elements, and its shell reads no files of the user. */
export const TERMINAL_SETTINGS: Readonly<Record<string, unknown>> = {
  "terminal.integrated.gpuAcceleration": "off",
  "terminal.integrated.profiles.linux": { plain: { path: "/bin/sh" } },
  "terminal.integrated.defaultProfile.linux": "plain",
  "terminal.integrated.suggest.enabled": false,
};

/** An element as the page knows it: the tests are compiled without the browser's types. */
interface ShownRow {
  readonly textContent: string;
}

/** See the file's header. */
export class Terminals {
  readonly #page: Page;
  readonly #palette: Palette;

  constructor(page: Page, palette: Palette) {
    this.#page = page;
    this.#palette = palette;
  }

  get #active(): Locator {
    return this.#page.locator(".terminal-wrapper.active .xterm");
  }

  /** Opens a new terminal with the default shell, and waits for its prompt. */
  async create(): Promise<void> {
    const before = await this.#page.locator(".terminal-wrapper").count();
    await this.#palette.command("Terminal: Create New Terminal");
    await until(async () => (await this.#page.locator(".terminal-wrapper").count()) > before, { what: "there was a new terminal" });
    await this.says(/[$#]$/);
  }

  /** Types a line and Enter into the visible terminal. */
  async type(line: string): Promise<void> {
    await this.#active.locator("textarea").focus();
    await this.#page.keyboard.type(line);
    await this.#page.keyboard.press("Enter");
  }

  /** The screen of the visible terminal, from top to bottom, in one line. */
  async text(): Promise<string> {
    const rows = await this.#active
      .locator(".xterm-rows > div")
      .evaluateAll((elements) => (elements as unknown as readonly ShownRow[]).map(({ textContent }) => textContent));
    return plain(rows.join("\n"));
  }

  /** Waits until the visible terminal shows this. */
  async says(wanted: Wanted): Promise<void> {
    let last = "";
    const holds = async (): Promise<boolean> => {
      last = await this.text();
      return matches(last, wanted);
    };
    await until(holds, { what: () => `a terminal said ${wanted}; it says ${JSON.stringify(last)}` });
  }

  /** Ends all terminals. */
  async killAll(): Promise<void> {
    await this.#palette.command("Terminal: Kill All Terminals");
    await until(async () => (await this.#page.locator(".terminal-wrapper").count()) === 0, { what: "all terminals were gone" });
  }
}
