/** A tree view: its container in the activity bar, its rows, their inline actions and context menus. */
import type { Locator, Page } from "playwright-core";
import { until } from "../process/until.ts";
import { find, findText, PATIENCE_MS, plain, textOf, textsOf, type Wanted } from "./locators.ts";

const MENU_CLOSES_WITHIN_MS = 1_000;
/** A row that has moved takes no clicks. */
const ACTED_WITHIN_MS = 2_000;

const ROWS = '.pane-body .monaco-list-row[role="treeitem"]';

/** A row, found again by its text for every call. */
export class TreeRow {
  readonly #page: Page;
  readonly #wanted: Wanted;

  constructor(page: Page, wanted: Wanted) {
    this.#page = page;
    this.#wanted = wanted;
  }

  /** Waits for it. */
  locator(): Promise<Locator> {
    return find(this.#page.locator(ROWS), this.#wanted, { what: "the tree had a row" });
  }

  /** Label and description. */
  async text(): Promise<string> {
    return findText(this.#page.locator(ROWS), this.#wanted, { what: "the tree had a row" });
  }

  /** What a screen reader is told: the tooltip, when there is one. */
  async label(): Promise<string> {
    return plain((await (await this.locator()).getAttribute("aria-label")) ?? "");
  }

  async level(): Promise<number> {
    return Number(await (await this.locator()).getAttribute("aria-level"));
  }

  /** undefined: it has no children. */
  async expanded(): Promise<boolean | undefined> {
    const value = await (await this.locator()).getAttribute("aria-expanded");
    return value === null ? undefined : value === "true";
  }

  async expand(): Promise<void> {
    await this.#toggle(true);
  }

  async collapse(): Promise<void> {
    await this.#toggle(false);
  }

  async click(): Promise<void> {
    await this.#act("was clicked", async (row) => row.click({ timeout: ACTED_WITHIN_MS }));
  }

  async doubleClick(): Promise<void> {
    await this.#act("was double-clicked", async (row) => row.dblclick({ timeout: ACTED_WITHIN_MS }));
  }

  /** Tooltips of the inline actions. */
  async actions(): Promise<string[]> {
    const row = await this.locator();
    await row.hover();
    const labels = await row.locator(".actions .action-label").all();
    return Promise.all(labels.map(async (label) => (await label.getAttribute("aria-label")) ?? ""));
  }

  /** Clicks an inline action. */
  async action(label: string): Promise<void> {
    await this.#act(`had the action ${label}`, async (row) => {
      await row.hover({ timeout: ACTED_WITHIN_MS });
      await row.locator(`.actions .action-label[aria-label^=${JSON.stringify(label)}]`).click({ timeout: ACTED_WITHIN_MS });
    });
  }

  /** Texts of the context menu; closes it again. */
  async menu(): Promise<string[]> {
    const items = await this.#openMenu();
    const texts = (await textsOf(items)).filter((text) => text !== "");
    await this.#page.keyboard.press("Escape");
    return texts;
  }

  /** Chooses from the context menu. */
  async choose(item: Wanted): Promise<void> {
    const items = await this.#openMenu();
    const wanted = await find(items, item, { what: "the context menu had" });
    // A menu ignores clicks for a moment after it has opened.
    const attempt = async (): Promise<boolean> => {
      await wanted.click({ timeout: MENU_CLOSES_WITHIN_MS }).catch(() => {});
      await items
        .first()
        .waitFor({ state: "hidden", timeout: MENU_CLOSES_WITHIN_MS })
        .catch(() => {});
      return (await items.count()) === 0;
    };
    await until(attempt, { what: `the context menu took ${item}` });
  }

  /** Class names of the row's icon: "codicon-debug-start" and the like; for a colour, see the style. */
  async icon(): Promise<string> {
    const icon = (await this.locator()).locator(".custom-view-tree-node-item-icon").first();
    return (await icon.count()) === 0 ? "" : `${await icon.getAttribute("class")} ${(await icon.getAttribute("style")) ?? ""}`.trim();
  }

  async #openMenu(): Promise<Locator> {
    const items = this.#page.locator(".monaco-menu .action-item:not(.disabled) .action-menu-item");
    await this.#act("had a context menu", async (row) => {
      await row.click({ button: "right", timeout: ACTED_WITHIN_MS });
      await items.first().waitFor({ timeout: ACTED_WITHIN_MS });
    });
    return items;
  }

  /** Rows come and go above it: what is tried on a row that has moved meanwhile is tried again. */
  async #act(what: string, action: (row: Locator) => Promise<void>): Promise<void> {
    const attempt = async (): Promise<boolean> =>
      action(await this.locator()).then(
        () => true,
        () => false,
      );
    await until(attempt, { what: `the row ${this.#wanted} ${what}` });
  }

  async #toggle(open: boolean): Promise<void> {
    const state = await this.expanded();
    if (state === open) return;
    if (state === undefined) throw new Error(`the row ${this.#wanted} has no children`);
    await (await this.locator()).locator(".monaco-tl-twistie").click();
    await until(async () => (await this.expanded()) === open, { what: `the row ${this.#wanted} was ${open ? "open" : "closed"}` });
  }
}

/** See the file's header. */
export class Tree {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Shows a view container by its title, unless it is the one that is shown. */
  async open(title: string): Promise<void> {
    const tab = this.#page.locator(`.activitybar a.action-label[aria-label^=${JSON.stringify(title)}]`);
    await tab.waitFor({ timeout: PATIENCE_MS });
    // Not the icon itself: a badge may lie on it.
    const isShown = async (): Promise<boolean> => (await textOf(this.#page.locator(".sidebar .composite.title"))).toLowerCase().includes(title.toLowerCase());
    if (!(await isShown().catch(() => false))) await tab.locator("..").click({ position: { x: 5, y: 5 } });
    await until(() => isShown().catch(() => false), { what: `the view ${title} was shown` });
  }

  /** Texts of the rows in sight: label and description in one line. */
  rows(): Promise<string[]> {
    return textsOf(this.#page.locator(ROWS));
  }

  row(wanted: Wanted): TreeRow {
    return new TreeRow(this.#page, wanted);
  }

  /** Clicks an action in the title of the pane (or of the container, when it has a single pane). */
  async titleAction(label: string): Promise<void> {
    const action = this.#page.locator(`.sidebar .action-label[aria-label^=${JSON.stringify(label)}]`).first();
    await this.#page.locator(".sidebar .pane-body").first().hover();
    await action.click();
  }

  /** What stands where there are no rows (viewsWelcome): texts, links and buttons. */
  async welcome(): Promise<string> {
    return findText(this.#page.locator(".sidebar .welcome-view-content"), /\S/, { what: "a view without rows had a text" });
  }

  async clickWelcome(button: Wanted): Promise<void> {
    await (await find(this.#page.locator(".sidebar .welcome-view-content :is(.monaco-button, a)"), button, { what: "the welcome had" })).click();
  }

  /** The badge on the container's icon. */
  async badge(title: string): Promise<string> {
    const item = this.#page.locator(".activitybar .action-item", { has: this.#page.locator(`a.action-label[aria-label^=${JSON.stringify(title)}]`) });
    return textOf(item.locator(".badge-content"));
  }
}
