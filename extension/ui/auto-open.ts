/**
 * Tunnels that open automatically: those that this window had open before it was
 * reloaded, if the daemon still has them open, and approved entries with `autoOpen`.
 * For entries that are not approved, one notification asks once.
 */
import * as vscode from "vscode";
import { refKey, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { refOf } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";

/** Opens these tunnels now, and when files change or the workspace becomes trusted. Never rejects. */
export function registerAutoOpen(services: Services): Disposable {
  const owned = new Disposables();
  const auto = new AutoOpen(services);
  owned.add(vscode.workspace.onDidGrantWorkspaceTrust(() => void auto.start()));
  // Listens to the store, not to the files: the store has a changed file's entries a moment after the file has changed.
  owned.add(services.store.onDidChange(() => void auto.run()));
  void auto.start();
  return owned;
}

class AutoOpen {
  readonly #services: Services;
  /** Tunnels already handled in this window: a tunnel that the user closes does not open again. */
  readonly #seen = new Set<string>();
  #started = false;

  constructor(services: Services) {
    this.#services = services;
  }

  async start(): Promise<void> {
    const { link, store, log } = this.#services;
    if (vscode.workspace.isTrusted) {
      const remembered = store.remembered;
      if (await link.attach()) {
        // Asks the link: the store has the statuses only a moment later.
        const kept = remembered.filter((ref) => (link.statusOf(ref)?.state ?? "closed") !== "closed");
        await store.setWanted(kept, true).catch((error: unknown) => log.warn(messageOf(error)));
      }
    }
    this.#started = true;
    await this.run();
  }

  async run(): Promise<void> {
    const { store, actions, ui } = this.#services;
    if (!this.#started || !vscode.workspace.isTrusted) return;
    const fresh = store.items.filter((item) => item.entry?.autoOpen && !item.entry.confirm && !this.#seen.has(refKey(refOf(item))));
    if (fresh.length === 0) return;
    for (const item of fresh) this.#seen.add(refKey(refOf(item)));
    try {
      const pending = await actions.openAutomatic(fresh);
      if (pending.length > 0) await this.#ask(pending);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      ui.showFailure(undefined, error);
    }
  }

  async #ask(refs: readonly TunnelRef[]): Promise<void> {
    const { t, store, actions } = this.#services;
    const [first] = refs;
    const text =
      refs.length === 1 && first
        ? t("The tunnel {0} wants to open with this workspace. Look at what it does before you approve it.", first.name)
        : t("{0} tunnels want to open with this workspace. Look at what they do before you approve them.", refs.length);
    const review = t("Review");
    if ((await vscode.window.showInformationMessage(text, review)) !== review) return;
    await actions.openAll(refs.flatMap((ref) => store.find(ref) ?? []));
  }
}

function messageOf(error: unknown): string {
  return plainText(error instanceof Error ? error.message : String(error));
}
