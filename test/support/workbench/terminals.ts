/**
 * The integrated terminal. Its text is in the page only when it is drawn with plain elements: a workbench that tests
 * it is started with TERMINAL_SETTINGS. Lines are as wide as the panel: keep what is looked for short.
 */
import type { Locator, Page } from "playwright-core";
import { until } from "../process/until.ts";
import { matches, PATIENCE_MS, plain, type Wanted } from "./locators.ts";
import type { Palette } from "./palette.ts";

/** For `settings` of a workbench: drawn as elements, and a shell that reads no file of the user. */
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

  /** Opens a new one with the default shell, and waits for its prompt. */
  async create(): Promise<void> {
    const before = await this.#page.locator(".terminal-wrapper").count();
    await this.#palette.command("Terminal: Create New Terminal");
    await until(async () => (await this.#page.locator(".terminal-wrapper").count()) > before, { what: "there was a new terminal" });
    await this.says(/[$#]$/);
  }

  /** Types a line into the one that is shown, and Enter. */
  async type(line: string): Promise<void> {
    await this.#active.locator("textarea").focus();
    await this.#page.keyboard.type(line);
    await this.#page.keyboard.press("Enter");
  }

  /** What the one that is shown has on its screen, from top to bottom, in one line. */
  async text(): Promise<string> {
    const rows = await this.#active
      .locator(".xterm-rows > div")
      .evaluateAll((elements) => (elements as unknown as readonly ShownRow[]).map(({ textContent }) => textContent));
    return plain(rows.join("\n"));
  }

  /** Waits until the one that is shown has this on its screen. */
  async says(wanted: Wanted): Promise<void> {
    let last = "";
    const holds = async (): Promise<boolean> => {
      last = await this.text();
      return matches(last, wanted);
    };
    await until(holds, { what: `a terminal said ${wanted}`, timeoutMs: PATIENCE_MS }).catch((error: Error) => {
      throw new Error(`${error.message}; it says ${JSON.stringify(last)}`);
    });
  }

  /** Ends all of them. */
  async killAll(): Promise<void> {
    await this.#palette.command("Terminal: Kill All Terminals");
    await until(async () => (await this.#page.locator(".terminal-wrapper").count()) === 0, { what: "all terminals were gone" });
  }
}
