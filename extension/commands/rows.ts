/**
 * Commands of the tree's rows: show a tunnel's entry in its file, with its name
 * selected, and copy what a row says.
 */
import * as vscode from "vscode";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { configOf, rangeOf } from "../ui/editor/open-files.ts";
import { pickTunnel } from "./pick-tunnel.ts";

/** Registers both commands. */
export function registerRows(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.reveal, (argument?: unknown) => reveal(services, argument)));
  owned.add(vscode.commands.registerCommand(COMMANDS.copyFact, (row?: unknown) => copyFact(services, row)));
  return owned;
}

async function reveal(services: Services, argument: unknown): Promise<void> {
  const { t } = services;
  const item = await pickTunnel(services, argument, { title: t("Show in tunnels.json"), none: t("No tunnels in this window.") });
  if (!item) return;
  const file = item.place?.path ?? item.source.configPath;
  try {
    const { document, range } = await placeOfName(item, file);
    // Nothing is selected if the text in the editor has no such entry: the entry may be only half written.
    await vscode.window.showTextDocument(document, range ? { selection: range } : {});
  } catch (error) {
    // The file was removed meanwhile, or is too large for an editor: VS Code says which.
    const message = plainText(error instanceof Error ? error.message : String(error), { maxLength: 200 });
    void vscode.window.showWarningMessage(t("The file {0} can't be shown: {1}", plainText(file), message));
  }
}

/** Found in the editor's text, which may not be saved yet. */
interface Place {
  readonly document: vscode.TextDocument;
  readonly range: vscode.Range | undefined;
}

async function placeOfName(item: TunnelItem, file: string): Promise<Place> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
  const entry = configOf(document).entries.get(item.name);
  return { document, range: entry && rangeOf(document, entry.key) };
}

async function copyFact({ t }: Services, row: unknown): Promise<void> {
  const text = copyOf(row);
  if (text === undefined) return;
  await vscode.env.clipboard.writeText(text);
  vscode.window.setStatusBarMessage(t("Copied: {0}", plainText(text, { maxLength: 60 })), 3_000);
}

/** The text that a row of the tree copies; undefined for any other argument. */
function copyOf(row: unknown): string | undefined {
  if (typeof row !== "object" || row === null || !("fact" in row)) return undefined;
  const { fact } = row as { readonly fact: { readonly copy?: unknown } | undefined };
  return typeof fact?.copy === "string" ? fact.copy : undefined;
}
