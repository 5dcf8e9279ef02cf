/**
 * Completion in tunnels.json: key names, targets and whole entries.
 * `editor/config-completions.ts` decides what is offered where. Nothing is offered
 * in a workspace that is not trusted: the daemon would be asked for its keys.
 */
import * as vscode from "vscode";
import type { Disposable } from "../../emitter.ts";
import { candidatePorts } from "../../model/asking/ad-hoc.ts";
import { type Completion, configCompletions, type UsedTarget } from "../../model/editor/config-completions.ts";
import type { Services } from "../../services.ts";
import { listedKeys } from "./known-keys.ts";
import { keysByAge } from "./newest-key.ts";
import { configSelector, placeOf, rangeOf } from "./open-files.ts";

const KINDS = { key: vscode.CompletionItemKind.Value, target: vscode.CompletionItemKind.Value, entry: vscode.CompletionItemKind.Snippet } as const;

/** Registers the completion. */
export function registerCompletions(services: Services): Disposable {
  return vscode.languages.registerCompletionItemProvider(
    configSelector(services),
    { provideCompletionItems: (document, position) => complete(document, position, services) },
    '"',
  );
}

async function complete(document: vscode.TextDocument, position: vscode.Position, services: Services): Promise<vscode.CompletionItem[]> {
  if (!vscode.workspace.isTrusted || !placeOf(services, document.uri)) return [];
  const { t, store } = services;
  const offers = await configCompletions(document.getText(), document.offsetAt(position), {
    keys: async () => keysByAge(services, await listedKeys(services.link)),
    targets: () => usedTargets(services),
    port: (service) => candidatePorts(service, store.items)[0] ?? 0,
    t,
  });
  return offers.map((offer) => itemOf(offer, document));
}

/** Of this window's files, and of what the daemon runs for other windows. */
function usedTargets({ store, link }: Services): UsedTarget[] {
  const ofFiles = store.items.flatMap(({ name, entry }) => (entry ? [{ target: entry.target, name }] : []));
  return [...ofFiles, ...link.statuses.map(({ name, target }) => ({ target, name }))].filter(({ target }) => target !== "");
}

function itemOf({ kind, label, detail, insert, filter, before, ...range }: Completion, document: vscode.TextDocument): vscode.CompletionItem {
  const item = new vscode.CompletionItem(label, KINDS[kind]);
  item.detail = detail;
  item.insertText = kind === "entry" ? new vscode.SnippetString(insert) : insert;
  item.filterText = filter;
  // Before what the schema offers.
  item.sortText = `0${label}`;
  item.range = rangeOf(document, range);
  item.additionalTextEdits = before.map((edit) => vscode.TextEdit.replace(rangeOf(document, edit), edit.content));
  return item;
}
