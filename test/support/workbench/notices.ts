/** What VS Code shows to the user: toasts with their buttons, modal dialogs, progress. */
import type { Locator, Page } from "playwright-core";
import { until } from "../process/until.ts";
import { find, PATIENCE_MS, textOf, textsOf, type Wanted } from "./locators.ts";

/** A toast that is about to disappear can't be clicked. */
const DISMISSED_WITHIN_MS = 1_000;

/** The severity of a toast. */
export type Severity = "info" | "warning" | "error";

/** See the file's header. */
export class Notices {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get #toasts(): Locator {
    return this.#page.locator(".notifications-toasts .notification-list-item");
  }

  get #dialog(): Locator {
    return this.#page.locator(".monaco-dialog-box");
  }

  /** Waits for a toast with this text; the toast is located by its text, as others come and go above it. */
  async #toast(wanted: Wanted): Promise<Locator> {
    await find(this.#toasts, wanted, { what: "a notification said" });
    return this.#toasts.filter({ hasText: wanted }).first();
  }

  /** Texts of the visible toasts, including their buttons. */
  all(): Promise<string[]> {
    return textsOf(this.#toasts);
  }

  /** Waits for a toast; returns its message. */
  async message(wanted: Wanted): Promise<string> {
    const toast = await this.#toast(wanted);
    return textOf(toast.locator(".notification-list-item-message"));
  }

  async severity(wanted: Wanted): Promise<Severity> {
    const toast = await this.#toast(wanted);
    const icon = (await toast.locator(".notification-list-item-icon").getAttribute("class")) ?? "";
    return icon.includes("codicon-error") ? "error" : icon.includes("codicon-warning") ? "warning" : "info";
  }

  /** Labels of a toast's buttons. */
  async buttons(wanted: Wanted): Promise<string[]> {
    const toast = await this.#toast(wanted);
    return textsOf(toast.locator(".notification-list-item-buttons-container .monaco-button"));
  }

  /** Waits for a toast and presses one of its buttons. */
  async click(wanted: Wanted, button: Wanted): Promise<void> {
    const toast = await this.#toast(wanted);
    await (await find(toast.locator(".notification-list-item-buttons-container .monaco-button"), button, { what: "the notification had the button" })).click();
  }

  /** Waits until no toast has this text. */
  async gone(wanted: Wanted): Promise<void> {
    const says = async (): Promise<boolean> => (await this.all()).some((text) => (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text)));
    await until(async () => !(await says()), { what: `no notification said ${wanted}` });
  }

  /** Dismisses every toast; progress toasts disappear by themselves meanwhile. */
  async clear(): Promise<void> {
    const dismiss = async (): Promise<boolean> => {
      if ((await this.#toasts.count()) === 0) return true;
      const toast = this.#toasts.first();
      await toast.hover({ timeout: DISMISSED_WITHIN_MS }).catch(() => {});
      const button = toast.locator(".codicon-notifications-clear");
      await button.click({ timeout: DISMISSED_WITHIN_MS }).catch(() => {});
      return (await this.#toasts.count()) === 0;
    };
    await until(dismiss, { what: "all notifications were dismissed" });
  }

  /** Waits for a modal dialog; returns its message and detail. */
  async dialogText(): Promise<string> {
    return textOf(this.#dialog.locator(".dialog-message-container"));
  }

  async dialogButtons(): Promise<string[]> {
    await this.#dialog.waitFor({ timeout: PATIENCE_MS });
    return textsOf(this.#dialog.locator(".monaco-button"));
  }

  /** Waits for a modal dialog, presses a button and waits until the dialog is gone. */
  async dialog(button: Wanted): Promise<void> {
    await this.#dialog.waitFor({ timeout: PATIENCE_MS });
    await (await find(this.#dialog.locator(".monaco-button"), button, { what: "the dialog had the button" })).click();
    await this.#dialog.waitFor({ state: "hidden", timeout: PATIENCE_MS });
  }

  async hasDialog(): Promise<boolean> {
    return (await this.#dialog.count()) > 0;
  }
}
