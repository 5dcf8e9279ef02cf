/**
 * Opens the tunnels that a program needs before it is debugged, and asks the two
 * questions about it: whether to open a closed tunnel first, and what to do when a
 * tunnel does not work. That second question is the only thing shown of a failure.
 */
import * as vscode from "vscode";
import { refKey } from "../../shared/contract/tunnel-ref.ts";
import { COMMANDS } from "../ids.ts";
import { approvedEntry } from "../model/approved-entry.ts";
import { wordsIn } from "../model/failures/daemon-words.ts";
import { type FailedTunnel, type NeededTunnel, openFirstQuestion, startAnywayQuestion } from "../model/programs/debug-offer.ts";
import type { Translate } from "../model/translate.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { type OpenResult, TunnelActions } from "../tunnels/tunnel-actions.ts";
import { freshItems, itemOf } from "./fresh-items.ts";

/** What the user wants to happen with tunnels that a program seems to need. */
export type OfferAnswer =
  | { readonly at: "once" | "always"; readonly items: readonly TunnelItem[] }
  /** The program starts, the tunnels stay closed. */
  | { readonly at: "without" }
  /** The program does not start. */
  | { readonly at: "cancel" };

/** Asks once for each tunnel whether it is to be opened before the program starts. */
export class LaunchOffer {
  readonly #services: Services;
  /** Tunnels that the user does not want opened for this, until the window is reloaded. */
  readonly #declined = new Set<string>();

  constructor(services: Services) {
    this.#services = services;
  }

  async ask(needed: readonly NeededTunnel[]): Promise<OfferAnswer> {
    const { t } = this.#services;
    const asked = (await this.#approved(needed)).filter(({ item }) => !this.#declined.has(keyOf(item)));
    if (asked.length === 0) return { at: "without" };
    const { message, detail } = openFirstQuestion(asked, t);
    const [once, always, without] = [t("Open"), t("Always Open Here"), t("Start Without")];
    const picked = await vscode.window.showInformationMessage(message, { modal: true, detail }, once, always, without);
    const items = asked.map(({ item }) => item);
    if (picked === once) return { at: "once", items };
    if (picked === always) return { at: "always", items };
    if (picked !== without) return { at: "cancel" };
    for (const item of items) this.#declined.add(keyOf(item));
    return { at: "without" };
  }

  /** Those whose entry is approved as it stands: nothing else of a file leads to a question. */
  async #approved(needed: readonly NeededTunnel[]): Promise<readonly NeededTunnel[]> {
    if (needed.length === 0) return [];
    const { link, store } = this.#services;
    // Only the daemon knows what is approved; it is asked when a program needs it. Without a daemon nothing is offered.
    if (link.state.at !== "connected") await link.request("tunnels/list", {}).catch(() => {});
    const items = await freshItems({ link, store });
    return needed.flatMap(({ item, variables }) => {
      const now = itemOf(items, refOf(item));
      return now && approvedEntry(now) ? [{ item: now, variables }] : [];
    });
  }
}

/** Opens tunnels and tells the result in one question. */
export class LaunchOpening {
  readonly #services: Services;
  readonly #actions: TunnelActions;

  constructor(services: Services) {
    this.#services = services;
    const { link, store, ui, t } = services;
    // The same actions without their notification of a failure: the question here says it.
    this.#actions = new TunnelActions({ link, store, ui: { ...ui, showFailure: () => {}, showFailures: () => {} }, t, wallMs: Date.now });
  }

  /** Whether the program may start: all tunnels are open, or the user wants to start without. */
  async open(items: readonly TunnelItem[]): Promise<boolean> {
    const { t, log, store } = this.#services;
    const [only, ...others] = items;
    if (!only) return true;
    const results = others.length === 0 ? [await this.#actions.open(only)] : await this.#actions.openAll(items);
    if (results.length < items.length || results.some(({ at }) => at === "cancelled")) return false;
    const failed = items.flatMap((item, index) => failureOf(item, results[index], t));
    const [first] = failed;
    if (!first) return true;
    for (const { item, code, message } of failed) log.warn(`${item.name}: ${message} [${code}]`);
    const { message, detail } = startAnywayQuestion(failed, t);
    const [again, diagnose, anyway] = [t("Try Again"), t("Diagnose"), t("Debug Anyway")];
    const picked = await vscode.window.showWarningMessage(message, { modal: true, detail }, again, diagnose, anyway);
    if (picked === again) return await this.open(failed.map(({ item }) => store.find(refOf(item)) ?? item));
    if (picked === diagnose) void vscode.commands.executeCommand(COMMANDS.diagnose, refOf(first.item));
    return picked === anyway;
  }
}

function failureOf(item: TunnelItem, result: OpenResult | undefined, t: Translate): FailedTunnel[] {
  return result?.at === "failed" ? [{ item, code: result.error.code, message: wordsIn(result.error, t) }] : [];
}

function keyOf(item: TunnelItem): string {
  return refKey(refOf(item));
}
