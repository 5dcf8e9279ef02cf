/**
 * The tunnels.json files in editors: which documents are ours, what is in them, and
 * ranges made from offsets.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";
import { boundsOf, maxBytes } from "../../../shared/contract/config-bounds.ts";
import { type ConfigDocument, readDocument } from "../../../shared/contract/config-document.ts";
import { localConfigPath } from "../../../shared/contract/config-file.ts";
import type { FolderFile } from "../../model/editor/config-offer.ts";
import type { TunnelSource } from "../../model/tunnel-item.ts";
import type { Services } from "../../services.ts";

/** A document's place among the sources. */
export interface ConfigPlace {
  readonly source: TunnelSource;
  /** The document is the tunnels.local.json beside the source's file. */
  readonly isOverride: boolean;
}

/** The documents that language features look at; {@link placeOf} says which source they belong to. */
export function configSelector({ local, adHocFile }: Pick<Services, "local" | "adHocFile">): vscode.DocumentFilter[] {
  const own = [local.paths.userTunnelsFile, adHocFile].map((file) => {
    return { scheme: "file", pattern: new vscode.RelativePattern(vscode.Uri.file(path.dirname(file)), path.basename(file)) };
  });
  return [{ pattern: "**/.vscode/tunnels.json" }, { pattern: "**/.vscode/tunnels.local.json" }, ...own];
}

/** The source that a document belongs to; undefined: none of this window's sources. */
export function placeOf({ sources }: Pick<Services, "sources">, uri: vscode.Uri): ConfigPlace | undefined {
  if (uri.scheme !== "file") return undefined;
  for (const { source } of sources.configs) {
    if (uri.fsPath === source.configPath) return { source, isOverride: false };
    if (uri.fsPath === localConfigPath(source.configPath)) return { source, isOverride: true };
  }
  return undefined;
}

const read = new WeakMap<vscode.TextDocument, { readonly version: number; readonly config: ConfigDocument }>();

/** The parsed document; each version is parsed once. Never throws. */
export function configOf(document: vscode.TextDocument): ConfigDocument {
  const known = read.get(document);
  if (known?.version === document.version) return known.config;
  const config = readDocument(document.getText(), document.uri.fsPath);
  read.set(document, { version: document.version, config });
  return config;
}

/** The open document of a file. */
export function openDocument(file: string): vscode.TextDocument | undefined {
  return vscode.workspace.textDocuments.find(({ uri, isClosed }) => !isClosed && uri.scheme === "file" && uri.fsPath === file);
}

/** A file's text, from its editor or from the disk; undefined: it has no text that could be a tunnels.json. */
export function currentText(file: string): string | undefined {
  return openDocument(file)?.getText() ?? savedText(file);
}

function savedText(file: string): string | undefined {
  try {
    const stat = fs.statSync(file);
    return stat.isFile() && stat.size <= maxBytes(boundsOf(file)) ? fs.readFileSync(file, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

/** A range of a document, from offset and length. */
export function rangeOf(document: vscode.TextDocument, { offset, length }: { readonly offset: number; readonly length: number }): vscode.Range {
  return new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
}

/** Opens a file in an editor; `select`: the text to select there. */
export async function showFile(file: string, select?: { readonly offset: number; readonly length: number }): Promise<vscode.TextEditor> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
  return await vscode.window.showTextDocument(document, select ? { selection: rangeOf(document, select) } : {});
}

/** The tunnels.json of each workspace folder on this machine, as it is on the disk: an editor follows the disk a moment later. */
export function folderFiles({ sources }: Pick<Services, "sources">): FolderFile[] {
  return sources.configs
    .filter(({ source }) => source.kind === "workspace")
    .map(({ source, config }) => {
      const hasTunnels = config !== undefined && config.places.size > 0;
      // A file with tunnels is not read again: this function is called whenever the view is drawn.
      const { configPath } = source;
      return { configPath, text: hasTunnels || !config ? undefined : savedText(configPath), isThere: config !== undefined, hasTunnels };
    });
}
