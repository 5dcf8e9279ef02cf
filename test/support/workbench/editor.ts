/**
 * The text editor: opening files, typing, and what extensions add (markers, code lenses, hovers, completions). The page
 * contains only the visible lines, so keep the files of a test short.
 */
import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";
import { until } from "../process/until.ts";
import { comesSoon, find, findText, matches, PATIENCE_MS, plain, textsOf, type Wanted } from "./locators.ts";
import type { Palette } from "./palette.ts";

/** An element as the page knows it: the tests are compiled without the browser's types. */
interface ShownLine {
  readonly style: { readonly top: string };
  readonly textContent: string;
}

/** See the file's header. */
export class Editor {
  readonly #page: Page;
  readonly #palette: Palette;
  #path = "";

  constructor(page: Page, palette: Palette) {
    this.#page = page;
    this.#palette = palette;
  }

  get #active(): Locator {
    return this.#page.locator(".editor-group-container.active .editor-instance .monaco-editor").first();
  }

  get #tab(): Locator {
    return this.#page.locator(".editor-group-container.active .tab.active");
  }

  /** Opens a file by its absolute path and waits for its text. */
  async open(path: string): Promise<void> {
    this.#path = path;
    const name = path.slice(path.lastIndexOf("/") + 1);
    await this.#palette.open(path);
    await this.#palette.pick(name);
    await until(async () => (await this.title()).startsWith(name), { what: `an editor showed ${name}` });
    await this.#active.locator(".view-line").first().waitFor({ timeout: PATIENCE_MS });
  }

  /** The text of the active tab: the name, and more when the file has problems or is not saved. */
  async title(): Promise<string> {
    if ((await this.#tab.count()) === 0) return "";
    return plain((await this.#tab.getAttribute("aria-label")) ?? "");
  }

  /** The visible lines, from top to bottom. */
  async lines(): Promise<string[]> {
    // Read in one call: while the text is edited, lines move and are drawn again.
    const placed = await this.#active
      .locator(".view-lines .view-line")
      .evaluateAll((elements) =>
        (elements as unknown as readonly ShownLine[]).map(({ style, textContent }) => ({ top: Number.parseFloat(style.top), text: textContent })),
      );
    return placed.sort((one, other) => one.top - other.top).map(({ text }) => text.replaceAll("\u00a0", " "));
  }

  /** Moves the cursor; line and column count from 1. */
  async goTo(line: number, column = 1): Promise<void> {
    await this.#palette.open(`:${line}:${column}`);
    await this.#page.keyboard.press("Enter");
    await this.#palette.widget.waitFor({ state: "hidden", timeout: PATIENCE_MS });
    await this.focus();
  }

  async focus(): Promise<void> {
    await this.#active.locator(".native-edit-context, textarea.inputarea").first().focus();
  }

  /** Types at the cursor, key by key: brackets close themselves, completions open. */
  async type(text: string): Promise<void> {
    await this.focus();
    await this.#page.keyboard.type(text);
  }

  /** Replaces the whole text through the clipboard, so that the editor does not indent or close anything. */
  async replaceAll(text: string): Promise<void> {
    await this.#page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`);
    await this.focus();
    await this.#page.keyboard.press("Control+A");
    await this.#page.keyboard.press("Control+V");
  }

  /** Saves the file that was opened last; waits until the disk has the visible text. */
  async save(): Promise<void> {
    await this.focus();
    await this.#page.keyboard.press("Control+S");
    // Typed text becomes visible one frame later.
    await this.#page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
    const isSaved = async (): Promise<boolean> => {
      const isDirty = ((await this.#tab.getAttribute("class")) ?? "").includes("dirty");
      return !isDirty && readFileSync(this.#path, "utf8").includes((await this.lines()).join("\n"));
    };
    await until(isSaved, { what: `${this.#path} was saved` });
  }

  /** Texts of the visible code lenses, including those without a command. */
  async codeLenses(): Promise<string[]> {
    const texts = await textsOf(this.#active.locator(".codelens-decoration > :is(a, span)"));
    return texts.filter((text) => text !== "" && text !== "|");
  }

  async clickCodeLens(wanted: Wanted): Promise<void> {
    await (await find(this.#active.locator(".codelens-decoration a"), wanted, { what: "there was a code lens" })).click();
  }

  /** Number of visible underlined places. */
  squiggles(severity: "error" | "warning" | "info" | "hint"): Promise<number> {
    return this.#active.locator(`.view-overlays .squiggly-${severity}`).count();
  }

  /** Opens the Problems panel and returns its rows: one for each file and below it one for each problem. */
  async problems(): Promise<string[]> {
    const panel = this.#page.locator(".markers-panel");
    if (!(await panel.isVisible())) {
      await this.#palette.command("Problems: Focus on Problems View");
      await panel.waitFor({ timeout: PATIENCE_MS });
    }
    return textsOf(panel.locator(".monaco-list-row"));
  }

  /** Waits for a problem. */
  async problem(wanted: Wanted): Promise<string> {
    await this.problems();
    return findText(this.#page.locator(".markers-panel .monaco-list-row"), wanted, { what: "there was a problem" });
  }

  /** Moves the mouse over a text that is coloured as one piece (a JSON string, a key); returns the hover's text. */
  async hover(text: string): Promise<string> {
    const hover = this.#page.locator(".monaco-hover:not(.hidden) .hover-row");
    const piece = this.#active.locator(".view-line > span > span", { hasText: text }).first();
    const attempt = async (): Promise<boolean> => {
      await this.#page.mouse.move(0, 0);
      await piece.hover();
      return comesSoon(hover.first());
    };
    await until(attempt, { what: `the editor had a hover at ${text}` });
    // A hover fills in as providers answer, so it is read once it no longer changes.
    let last = "";
    await until(
      async () => {
        const before = last;
        last = plain((await hover.allInnerTexts()).join("\n"));
        return last !== "" && last === before && !last.includes("Loading...");
      },
      { what: "the hover was complete" },
    );
    return last;
  }

  /** Asks for completions at the cursor; returns the visible labels. */
  async completions(): Promise<string[]> {
    const rows = this.#page.locator(".suggest-widget.visible .monaco-list-row");
    await this.focus();
    await this.#page.keyboard.press("Control+Space");
    await rows.first().waitFor({ timeout: PATIENCE_MS });
    return textsOf(rows.locator(".label-name"));
  }

  /** Waits for a completion whose row says this, label and detail one behind the other. */
  async completion(wanted: Wanted): Promise<void> {
    const rows = this.#page.locator(".suggest-widget.visible .monaco-list-row");
    let texts: string[] = [];
    const isThere = async (): Promise<boolean> => {
      texts = (await rows.allTextContents()).map(plain);
      return texts.some((text) => matches(text, wanted));
    };
    await until(isThere, { what: () => `there was a completion ${wanted}; there is ${JSON.stringify(texts)}` });
  }

  async pickCompletion(wanted: Wanted): Promise<void> {
    await (await find(this.#page.locator(".suggest-widget.visible .monaco-list-row"), wanted, { what: "there was a completion" })).click();
  }

  /** Picks one of the quick fixes at the cursor; by keyboard, as older workbenches take no clicks there. */
  async quickFix(wanted: Wanted): Promise<void> {
    const rows = this.#page.locator(".action-widget .monaco-list-row.action");
    // The list closes by itself when something else takes the focus, such as a panel that has just opened.
    const isShown = async (): Promise<boolean> => {
      await this.focus();
      await this.#page.keyboard.press("Control+Period");
      return await comesSoon(rows.first());
    };
    await until(isShown, { what: "the editor offered quick fixes" });
    const row = await find(rows, wanted, { what: "there was a quick fix" });
    const isFocused = async (): Promise<boolean> => {
      if (((await row.getAttribute("class")) ?? "").includes("focused")) return true;
      await this.#page.keyboard.press("ArrowDown");
      return false;
    };
    await until(isFocused, { what: `the quick fix ${wanted} was in focus` });
    await this.#page.keyboard.press("Enter");
  }
}
