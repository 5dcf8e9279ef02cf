/**
 * One window of VS Code, with its parts. Every call waits for the elements it needs, and its error says what was there
 * instead; no call sleeps. Use `page` for anything that the parts don't cover.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import type { WorkbenchServer } from "../../../scripts/lib/workbench-server.mjs";
import { until } from "../process/until.ts";
import { artefactPath, writeArtefact } from "./artefacts.ts";
import { Editor } from "./editor.ts";
import { find, matches, PATIENCE_MS, plain, textOf, textsOf, type Wanted } from "./locators.ts";
import { Notices } from "./notices.ts";
import { Palette } from "./palette.ts";
import { Terminals } from "./terminals.ts";
import { Tree } from "./tree.ts";

/** An entry of the status bar. */
export interface StatusEntry {
  readonly text: string;
  /** The label for screen readers. */
  readonly label: string;
  readonly background: "error" | "warning" | "none";
}

/** The element that has the keyboard's focus. */
export interface Focus {
  readonly role: string;
  readonly label: string;
  readonly text: string;
}

/** See the file's header. */
export class Window {
  readonly page: Page;
  readonly server: WorkbenchServer;
  readonly workspace: string;
  readonly palette: Palette;
  readonly tree: Tree;
  readonly notices: Notices;
  readonly editor: Editor;
  readonly terminals: Terminals;
  /** Errors of the page's scripts and of its console. */
  readonly errors: string[] = [];

  constructor(page: Page, options: { readonly server: WorkbenchServer; readonly workspace: string }) {
    this.page = page;
    this.server = options.server;
    this.workspace = options.workspace;
    this.palette = new Palette(page);
    this.tree = new Tree(page);
    this.notices = new Notices(page);
    this.editor = new Editor(page, this.palette);
    this.terminals = new Terminals(page, this.palette);
    page.on("pageerror", (error) => this.errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && this.errors.push(message.text()));
  }

  /** Opens the workspace folder and waits for the workbench. */
  async show(): Promise<void> {
    await this.page.goto(this.server.urlOf(this.workspace), { timeout: PATIENCE_MS });
    await this.#shown();
  }

  /**
   * Reloads the window: the extension host starts again. VS Code in a browser saves its state a moment after a change, and
   * a reload before that loses the change; `stored` matches a value that must have been saved first.
   */
  async reload({ stored }: { readonly stored?: RegExp } = {}): Promise<void> {
    const isStored = async (text: RegExp): Promise<boolean> => (await this.page.evaluate<string[]>(STORED_VALUES)).some((value) => text.test(value));
    if (stored) await until(() => isStored(stored), { what: `VS Code had stored ${stored}` });
    await this.page.reload({ timeout: PATIENCE_MS });
    await this.#shown();
  }

  /** Runs a command of the palette by its title. */
  command(title: string): Promise<void> {
    return this.palette.command(title);
  }

  /** Opens a file of the workspace. */
  openFile(relative: string): Promise<void> {
    return this.editor.open(join(this.workspace, relative));
  }

  /** Waits for an entry of the status bar with this text, or, as "#…", with this id ("#publisher.name.item"). */
  async statusItem(wanted: Wanted): Promise<StatusEntry> {
    const item = await this.statusLocator(wanted);
    const classes = (await item.getAttribute("class")) ?? "";
    const text = await textOf(item);
    const label = (await item.locator("a").first().getAttribute("aria-label")) ?? (await item.getAttribute("aria-label")) ?? text;
    const background = classes.includes("error-kind") ? "error" : classes.includes("warning-kind") ? "warning" : "none";
    return { text, label: plain(label), background };
  }

  async statusLocator(wanted: Wanted): Promise<Locator> {
    if (typeof wanted !== "string" || !wanted.startsWith("#")) {
      return find(this.page.locator(".statusbar-item"), wanted, { what: "the status bar had" });
    }
    const item = this.page.locator(`.statusbar-item[id=${JSON.stringify(wanted.slice(1))}]`);
    await item.waitFor({ timeout: PATIENCE_MS });
    return item;
  }

  async clickStatusItem(wanted: Wanted): Promise<void> {
    await (await this.statusLocator(wanted)).click();
  }

  /** Texts of all entries of the status bar. */
  async statusItems(): Promise<string[]> {
    return (await textsOf(this.page.locator(".statusbar-item:visible"))).filter((text) => text !== "");
  }

  /** Presses keys one after the other: "Tab", "Shift+F10", "Control+K". */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** The element that has the keyboard's focus now; in a list, the row. */
  focus(): Promise<Focus> {
    return this.page.evaluate<Focus>(`(() => {
      let element = document.activeElement;
      while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
      const active = element?.getAttribute("aria-activedescendant");
      element = (active && document.getElementById(active)) || element?.querySelector(".monaco-list-row.focused") || element;
      const text = (element?.innerText ?? "").replace(/\\s+/gu, " ").trim();
      return { role: element?.getAttribute("role") ?? element?.tagName.toLowerCase() ?? "", label: element?.getAttribute("aria-label") ?? "", text };
    })()`);
  }

  /** Presses a key again and again until the wanted element has the focus. */
  async pressUntil(key: string, wanted: Wanted, atMost = 60): Promise<Focus> {
    const seen: string[] = [];
    for (let count = 0; count < atMost; count += 1) {
      await this.page.keyboard.press(key);
      const focus = await this.focus();
      if (matches(`${focus.role} ${focus.label} ${focus.text}`, wanted)) return focus;
      seen.push(focus.label || focus.role);
    }
    throw new Error(`${key} does not lead to ${wanted}: ${seen.join(" > ")}`);
  }

  /** Roles and names of an element and everything in it, as for a screen reader: the lines of an ARIA snapshot. */
  async accessible(selector: string): Promise<string> {
    return this.page.locator(selector).first().ariaSnapshot();
  }

  /** Accessible names of all elements that match; an empty text means an element without a name. */
  async accessibleNames(selector: string): Promise<string[]> {
    const found = await this.page.locator(selector).all();
    return Promise.all(
      found.map(async (one) => plain((await one.getAttribute("aria-label")) ?? (await one.getAttribute("title")) ?? (await one.textContent()) ?? "")),
    );
  }

  /** Waits for a condition of the test's own. */
  until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
    return until(condition, { what });
  }

  /** Writes a picture to the artefacts; returns its path. */
  async screenshot(name: string): Promise<string> {
    const path = `${artefactPath(name)}.png`;
    await this.page.screenshot({ path });
    return path;
  }

  /** The texts of the webviews, whose pages are separate frames. A frame that is still loading has no text yet. */
  async frameTexts(): Promise<string[]> {
    const texts = this.page.frames().map((frame) => frame.evaluate<string>("document.body?.innerText ?? ''").catch(() => ""));
    return (await Promise.all(texts)).map(plain);
  }

  /** The clipboard's text. */
  clipboard(): Promise<string> {
    return this.page.evaluate<string>("navigator.clipboard.readText()");
  }

  /** The logs of this server's extension hosts and of the extensions' output channels. */
  logs(): string {
    const folder = join(this.server.userDir, "logs");
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && entry.parentPath.includes("exthost")).map((entry) => join(entry.parentPath, entry.name));
    return files
      .sort()
      .map((file) => `== ${file.slice(folder.length + 1)}\n${readFileSync(file, "utf8")}`)
      .join("\n");
  }

  /** Writes a picture, and the logs beside it. */
  async testify(path: string): Promise<void> {
    writeArtefact(`${path}.log`, `${this.logs()}\n== page\n${this.errors.join("\n")}\n`);
    await this.page.screenshot({ path: `${path}.png` });
  }

  async #shown(): Promise<void> {
    await this.page.locator(".monaco-workbench .statusbar").waitFor({ timeout: PATIENCE_MS });
  }
}

/** A script as text, because it runs in the page: the values that VS Code keeps in the browser, for workspace and user. */
const STORED_VALUES = `(async () => {
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const names = (await indexedDB.databases()).map(({ name }) => name).filter((name) => name.startsWith("vscode-web-state-db-"));
  const values = names.map(async (name) => {
    const database = await done(indexedDB.open(name));
    try {
      return await done(database.transaction("ItemTable").objectStore("ItemTable").getAll());
    } finally {
      database.close();
    }
  });
  return (await Promise.all(values)).flat().map(String);
})()`;
