/** A tree view: its container in the activity bar, its rows, their inline actions and context menus. */
import type { Locator, Page } from "playwright-core";
import { until } from "../process/until.ts";
import { allOf, attributeIs, clicked, comesSoon, find, findText, matches, PATIENCE_MS, plain, type Shown, textOf, textsOf, type Wanted } from "./locators.ts";

const MENU_CLOSES_WITHIN_MS = 1_000;
const POINTED_AT_WITHIN_MS = 5_000;

const ROWS = '.pane-body .monaco-list-row[role="treeitem"]';

/** The attributes of a row that are read at the same moment: its index may change, as rows come and go above it. */
const READ = ["aria-label", "aria-level", "aria-expanded"] as const;

/** A row; every call finds it again by its text. */
export class TreeRow {
  readonly #page: Page;
  readonly #wanted: Wanted;

  constructor(page: Page, wanted: Wanted) {
    this.#page = page;
    this.#wanted = wanted;
  }

  /** Waits for the row; the locator follows it wherever it moves, as long as its text stays the same. */
  async locator(): Promise<Locator> {
    const { values } = await this.#now();
    return this.#page.locator(`${ROWS}${attributeIs("aria-label", values["aria-label"] ?? "")}`).first();
  }

  /** Label and description. */
  async text(): Promise<string> {
    return (await this.#now()).text;
  }

  /** The label for screen readers: the tooltip, when there is one. */
  async label(): Promise<string> {
    return plain((await this.#now()).values["aria-label"] ?? "");
  }

  async level(): Promise<number> {
    return Number((await this.#now()).values["aria-level"]);
  }

  /** undefined: it has no children. */
  async expanded(): Promise<boolean | undefined> {
    const expanded = (await this.#now()).values["aria-expanded"];
    return expanded === null ? undefined : expanded === "true";
  }

  async expand(): Promise<void> {
    await this.#toggle(true);
  }

  async collapse(): Promise<void> {
    await this.#toggle(false);
  }

  async click(): Promise<void> {
    await this.#act("was clicked", (row) => clicked(row));
  }

  async doubleClick(): Promise<void> {
    await this.#act("was double-clicked", (row) => clicked(row, { twice: true }));
  }

  /** Tooltips of the inline actions. */
  async actions(): Promise<string[]> {
    let labels: string[] = [];
    await this.#act("could be pointed at", async (row) => {
      if (!(await pointedAt(row))) return false;
      labels = (await allOf(row.locator(".actions .action-label"), ["aria-label"])).map(({ values }) => values["aria-label"] ?? "");
      return true;
    });
    return labels;
  }

  /** Clicks an inline action. */
  async action(label: string): Promise<void> {
    await this.#act(
      `had the action ${label}`,
      async (row) => (await pointedAt(row)) && (await clicked(row.locator(`.actions .action-label[aria-label^=${JSON.stringify(label)}]`))),
    );
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
    // A menu ignores clicks for a moment after it has opened. A menu that was opened while the row changed may lack the item.
    const attempt = async (): Promise<boolean> => {
      const index = (await textsOf(items)).findIndex((text) => matches(text, item));
      if (index < 0) {
        await this.#page.keyboard.press("Escape");
        await this.#openMenu();
        return false;
      }
      await items
        .nth(index)
        .click({ timeout: MENU_CLOSES_WITHIN_MS })
        .catch(() => {});
      await items
        .first()
        .waitFor({ state: "hidden", timeout: MENU_CLOSES_WITHIN_MS })
        .catch(() => {});
      return (await items.count()) === 0;
    };
    await until(attempt, { what: `the context menu took ${item}` });
  }

  /** Waits for the row; returns all its data at one moment. */
  async #now(): Promise<Shown<(typeof READ)[number]>> {
    let rows: readonly Shown<(typeof READ)[number]>[] = [];
    const found = (): (typeof rows)[number] | undefined => rows.find(({ text }) => matches(text, this.#wanted));
    const isThere = async (): Promise<boolean> => {
      rows = await allOf(this.#page.locator(ROWS), READ);
      return found() !== undefined;
    };
    await until(isThere, { what: () => `the tree had a row ${this.#wanted}; there is ${JSON.stringify(rows.map(({ text }) => text))}` });
    return found() as (typeof rows)[number];
  }

  async #openMenu(): Promise<Locator> {
    const items = this.#page.locator(".monaco-menu .action-item:not(.disabled) .action-menu-item");
    // A menu that opens late covers the rows: then no other menu can be opened.
    await this.#act(
      "had a context menu",
      async (row) => (await items.count()) > 0 || ((await clicked(row, { button: "right" })) && (await comesSoon(items.first()))),
    );
    return items;
  }

  /** Rows come and go above this one: an action on a row that has moved meanwhile is tried again. */
  async #act(what: string, action: (row: Locator) => Promise<boolean>): Promise<void> {
    await until(async () => action(await this.locator()), { what: `the row ${this.#wanted} ${what}` });
  }

  async #toggle(open: boolean): Promise<void> {
    const isDone = async (): Promise<boolean> => {
      if ((await this.expanded()) === open) return true;
      const row = await this.locator();
      await clicked(row.locator(".monaco-tl-twistie"));
      // Wait a moment for the row's children: another click would undo this one.
      return await comesSoon(row.and(this.#page.locator(attributeIs("aria-expanded", String(open)))));
    };
    await until(isDone, { what: `the row ${this.#wanted} was ${open ? "open" : "closed"}` });
  }
}

/** Whether the mouse reached the row: false when the row has moved. */
function pointedAt(row: Locator): Promise<boolean> {
  return row.hover({ timeout: POINTED_AT_WITHIN_MS }).then(
    () => true,
    () => false,
  );
}

/** See the file's header. */
export class Tree {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Shows a view container by its title, unless it is visible already. */
  async open(title: string): Promise<void> {
    const tab = this.#page.locator(`.activitybar a.action-label[aria-label^=${JSON.stringify(title)}]`);
    await tab.waitFor({ timeout: PATIENCE_MS });
    // Click beside the icon: a badge may cover it.
    const isShown = async (): Promise<boolean> => (await textOf(this.#page.locator(".sidebar .composite.title"))).toLowerCase().includes(title.toLowerCase());
    if (!(await isShown().catch(() => false))) await tab.locator("..").click({ position: { x: 5, y: 5 } });
    await until(() => isShown().catch(() => false), { what: `the view ${title} was shown` });
  }

  /** Texts of the visible rows: label and description in one line. */
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

  /** The content shown when there are no rows (viewsWelcome): texts, links and buttons. */
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
