/**
 * Quick fixes in tunnels.json. The model `editor/quick-fixes.ts` decides which fix
 * belongs to which mistake; this file looks for a free port, and makes git ignore a
 * file.
 */
import * as vscode from "vscode";
import { localConfigPath } from "../../../shared/contract/config-file.ts";
import { type Disposable, Disposables } from "../../emitter.ts";
import { CHOOSE_KEY, PREFIX } from "../../ids.ts";
import { candidatePorts } from "../../model/asking/ad-hoc.ts";
import { KEY_FILE_SHARED, keyFileSpots, LISTEN_EXPOSED } from "../../model/editor/config-advice.ts";
import { editorMarks } from "../../model/editor/editor-marks.ts";
import { missingKey, needsOtherPort } from "../../model/editor/entry-condition.ts";
import type { TextEdit } from "../../model/editor/json-edit.ts";
import { type ListenSpot, portEdit, type QuickFix } from "../../model/editor/quick-fix.ts";
import { conditionFixes, conditionsAt, loopbackFix, problemFixes } from "../../model/editor/quick-fixes.ts";
import type { Services } from "../../services.ts";
import { shownFailures } from "../failures/shown-failures.ts";
import { DIAGNOSTIC_SOURCE } from "./diagnostics.ts";
import { findFreePort } from "./free-port.ts";
import { ignoreInGit, keyFileOf } from "./git-ignore.ts";
import { type AskKeys, keyAsker } from "./known-keys.ts";
import { keyForNewEntry } from "./newest-key.ts";
import { configOf, configSelector, currentText, placeOf, rangeOf } from "./open-files.ts";

/** Only quick fixes call this command: (file, workspace folder). */
const IGNORE_FILE = `${PREFIX}.ignoreFile`;

/** Registers the quick fixes. */
export function registerQuickFixes(services: Services): Disposable {
  const owned = new Disposables();
  const providedCodeActionKinds = [vscode.CodeActionKind.QuickFix];
  owned.add(vscode.languages.registerCodeActionsProvider(configSelector(services), new FixProvider(services), { providedCodeActionKinds }));
  owned.add(
    vscode.commands.registerCommand(IGNORE_FILE, async (file: unknown, folder: unknown) => {
      const isOurs = services.sources.configs.some(({ source }) => source.folder !== undefined && source.folder === folder);
      if (typeof file !== "string" || typeof folder !== "string" || !isOurs) return;
      await shownFailures(services, async () => {
        await ignoreInGit(file, folder, services.t);
        services.sources.refresh();
      });
    }),
  );
  return owned;
}

/** A fix that looks for a port when it is chosen. */
class FreePortAction extends vscode.CodeAction {
  readonly document: vscode.TextDocument;
  readonly listen: ListenSpot;

  constructor(title: string, { document, listen }: { readonly document: vscode.TextDocument; readonly listen: ListenSpot }) {
    super(title, vscode.CodeActionKind.QuickFix);
    this.document = document;
    this.listen = listen;
  }
}

class FixProvider implements vscode.CodeActionProvider {
  readonly #services: Services;
  readonly #askKeys: AskKeys;

  constructor(services: Services) {
    this.#services = services;
    this.#askKeys = keyAsker(services, Date.now);
  }

  async provideCodeActions(document: vscode.TextDocument, range: vscode.Range, context: vscode.CodeActionContext): Promise<vscode.CodeAction[]> {
    const { duplicates } = editorMarks(document.getText());
    // We also fix the mistakes that the editor's JSON support marks in our place.
    const isOurs = ({ source, range: { start } }: vscode.Diagnostic): boolean =>
      source === DIAGNOSTIC_SOURCE || duplicates.has(document.offsetAt(start)) || document.getText().trim() === "";
    const ours = context.diagnostics.filter(isOurs);
    const titles = new Set<string>();
    const actions = [...ours.flatMap((diagnostic) => this.#mend(document, diagnostic)), ...(await this.#conditions(document, range))];
    // Several problems at one place have the same fixes.
    return actions.filter(({ title }) => !titles.has(title) && titles.add(title));
  }

  async resolveCodeAction(action: vscode.CodeAction): Promise<vscode.CodeAction> {
    if (!(action instanceof FreePortAction)) return action;
    const port = await findFreePort(candidatePorts("tcp", this.#services.store.items));
    action.edit = workspaceEdit(action.document, [portEdit(action.listen, port)]);
    return action;
  }

  #mend(document: vscode.TextDocument, diagnostic: vscode.Diagnostic): vscode.CodeAction[] {
    const { t, store } = this.#services;
    const offset = document.offsetAt(diagnostic.range.start);
    const text = document.getText();
    if (diagnostic.code === KEY_FILE_SHARED) return this.#ignore(document, diagnostic);
    if (diagnostic.code === LISTEN_EXPOSED) {
      const fix = loopbackFix(offset, { text, t });
      return fix ? [action(fix, { document, diagnostic })] : [];
    }
    const overridesFile = localConfigPath(document.uri.fsPath);
    const overrides = overridesFile === document.uri.fsPath ? undefined : currentText(overridesFile);
    const [port = 0] = candidatePorts("redis", store.items);
    const key = keyForNewEntry(this.#services, undefined);
    return problemFixes(offset, { text, overrides, port, key, t }).map((fix) => action(fix, { document, diagnostic }));
  }

  #ignore(document: vscode.TextDocument, diagnostic: vscode.Diagnostic): vscode.CodeAction[] {
    const offset = document.offsetAt(diagnostic.range.start);
    const folder = placeOf(this.#services, document.uri)?.source.folder;
    const spot = keyFileSpots(configOf(document)).find((one) => one.offset === offset);
    if (folder === undefined || !spot) return [];
    const title = this.#services.t("Add the key file to .gitignore");
    const made = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
    made.command = { title, command: IGNORE_FILE, arguments: [keyFileOf(spot.value, folder), folder] };
    made.diagnostics = [diagnostic];
    made.isPreferred = true;
    return [made];
  }

  /** Fixes for conditions outside the text: a key that is not on this machine, a port that another program has. */
  async #conditions(document: vscode.TextDocument, range: vscode.Range): Promise<vscode.CodeAction[]> {
    const place = placeOf(this.#services, document.uri);
    const offset = document.offsetAt(range.start);
    const entry = place && [...configOf(document).entries.values()].find(({ key, value }) => offset >= key.offset && offset <= endOf(value ?? key));
    if (!entry) return [];
    const ref = { configPath: place.source.configPath, name: entry.name };
    const item = this.#services.store.find(ref);
    if (!item) return [];
    const at = conditionsAt(entry, offset);
    const missing = at.key ? missingKey(item, await this.#askKeys()) : undefined;
    const fixes = conditionFixes(ref, {
      text: document.getText(),
      missing,
      portTaken: at.listen && needsOtherPort(item),
      chooseKey: CHOOSE_KEY,
      t: this.#services.t,
    });
    return fixes.map((fix) => action(fix, { document, diagnostic: undefined }));
  }
}

function action(
  { title, preferred, does }: QuickFix,
  { document, diagnostic }: { readonly document: vscode.TextDocument; readonly diagnostic: vscode.Diagnostic | undefined },
): vscode.CodeAction {
  const made =
    does.at === "free-port" ? new FreePortAction(title, { document, listen: does.listen }) : new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  made.isPreferred = preferred;
  if (diagnostic) made.diagnostics = [diagnostic];
  if (does.at === "edit") made.edit = workspaceEdit(document, does.edits);
  if (does.at === "command") made.command = { title, command: does.command, arguments: [does.argument] };
  return made;
}

function workspaceEdit(document: vscode.TextDocument, edits: readonly TextEdit[]): vscode.WorkspaceEdit {
  const all = new vscode.WorkspaceEdit();
  for (const edit of edits) all.replace(document.uri, rangeOf(document, edit), edit.content);
  return all;
}

function endOf({ offset, length }: { readonly offset: number; readonly length: number }): number {
  return offset + length;
}
