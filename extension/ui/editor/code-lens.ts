/**
 * The line above each entry of a tunnels.json: Open, Close, Diagnose and the
 * state. `editor/config-lenses.ts` makes its text.
 */
import * as vscode from "vscode";
import { type Disposable, Disposables } from "../../emitter.ts";
import { CHOOSE_KEY } from "../../ids.ts";
import { configLenses, type Lens } from "../../model/editor/config-lenses.ts";
import { stateOf, type TunnelItem } from "../../model/tunnel-item.ts";
import { stateWord } from "../../model/view/tunnel-row.ts";
import type { Services } from "../../services.ts";
import { type AskKeys, keyAsker } from "./known-keys.ts";
import { configOf, configSelector, placeOf, rangeOf } from "./open-files.ts";

/** Registers the lines. */
export function registerCodeLens(services: Services): Disposable {
  const owned = new Disposables();
  const provider = owned.add(new LensProvider(services));
  owned.add(vscode.languages.registerCodeLensProvider(configSelector(services), provider));
  return owned;
}

class LensProvider implements vscode.CodeLensProvider {
  readonly #services: Services;
  readonly #owned = new Disposables();
  readonly #changed = this.#owned.add(new vscode.EventEmitter<void>());
  readonly #askKeys: AskKeys;
  #shown = "";

  constructor(services: Services) {
    this.#services = services;
    this.#askKeys = keyAsker(services, Date.now);
    this.#owned.add(services.store.onDidChange(() => this.#onChange()));
  }

  readonly onDidChangeCodeLenses = this.#changed.event;

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    const place = placeOf(this.#services, document.uri);
    if (!place) return [];
    const { configPath } = place.source;
    const { t, store } = this.#services;
    const keys = await this.#askKeys();
    const find = (name: string): TunnelItem | undefined => store.find({ configPath, name });
    const lenses = configLenses(configOf(document).entries.values(), { configPath, find, keys, chooseKey: CHOOSE_KEY, t });
    return lenses.map((lens) => new vscode.CodeLens(rangeOf(document, lens), commandOf(lens)));
  }

  dispose(): void {
    this.#owned.dispose();
  }

  /** Counters change all the time: lenses are redrawn only if something that they show has changed. */
  #onChange(): void {
    const { store, t } = this.#services;
    const now = JSON.stringify(
      store.items.map((item) => [
        ...[item.source.configPath, item.name, stateWord(item, t), stateOf(item), item.approval.at, item.busy],
        ...[item.fault?.message, item.missingKey, item.place === undefined],
      ]),
    );
    if (now === this.#shown) return;
    this.#shown = now;
    this.#changed.fire();
  }
}

function commandOf({ title, command, argument, tooltip }: Lens): vscode.Command {
  return { title, command: command ?? "", ...(tooltip === undefined ? {} : { tooltip }), ...(argument === undefined ? {} : { arguments: [argument] }) };
}
