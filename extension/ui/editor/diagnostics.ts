/**
 * Squiggles in tunnels.json and tunnels.local.json: what the contract's validator
 * says about the text in open editors, and about the other files on the disk. Each
 * mistake is marked once, in the file that has it. Needs no daemon.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";
import { localConfigPath, readConfig } from "../../../shared/contract/config-file.ts";
import { type ConfigText, mergeConfigs } from "../../../shared/contract/config-text.ts";
import type { Problem } from "../../../shared/contract/methods.ts";
import { type Disposable, Disposables } from "../../emitter.ts";
import { exposedSpots, KEY_FILE_SHARED, keyFileSpots, LISTEN_EXPOSED, type Spot } from "../../model/editor/config-advice.ts";
import { editorMarks } from "../../model/editor/editor-marks.ts";
import { problemText } from "../../model/editor/problem-text.ts";
import type { TunnelSource } from "../../model/tunnel-item.ts";
import type { Services } from "../../services.ts";
import { WORKSPACE_FILE } from "../../tunnels/config-sources.ts";
import { isShared, keyFileOf } from "./git-ignore.ts";
import { configOf, openDocument, placeOf, rangeOf } from "./open-files.ts";

/** Shown before each message; quick fixes recognize our diagnostics by it. */
export const DIAGNOSTIC_SOURCE = "Encrypted Tunnels";

/** Our choice: nobody wants to be corrected in the middle of a word. */
const SETTLE_MS = 150;

/** Registers the squiggles. */
export function registerDiagnostics(services: Services): Disposable {
  return new Diagnostics(services);
}

class Diagnostics implements Disposable {
  readonly #services: Services;
  readonly #owned = new Disposables();
  readonly #collection = this.#owned.add(vscode.languages.createDiagnosticCollection("encryptedTunnels"));
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** By file: whether git would share the file. */
  readonly #shared = new Map<string, Promise<boolean>>();
  /** By source: the number of the latest look. */
  readonly #looks = new Map<string, number>();

  constructor(services: Services) {
    this.#services = services;
    this.#owned.add(services.sources.onDidChange(() => this.#all()));
    this.#owned.add(vscode.workspace.onDidChangeTextDocument(({ document }) => this.#touched(document)));
    this.#owned.add(vscode.workspace.onDidOpenTextDocument((document) => this.#touched(document)));
    this.#owned.add(vscode.workspace.onDidCloseTextDocument((document) => this.#touched(document)));
    this.#owned.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.#all()));
    this.#owned.add(
      vscode.workspace.onDidSaveTextDocument(({ uri }) => {
        if (path.basename(uri.fsPath) === ".gitignore") this.#all();
      }),
    );
    this.#all();
    for (const document of vscode.workspace.textDocuments) this.#touched(document);
  }

  dispose(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#looks.clear();
    this.#owned.dispose();
  }

  #all(): void {
    this.#shared.clear();
    const sources = this.#services.sources.configs.map(({ source }) => source);
    this.#collection.forEach(({ scheme, fsPath }, diagnostics) => {
      // A folder has left the workspace.
      const ours = sources.some(({ configPath }) => fsPath === configPath || fsPath === localConfigPath(configPath));
      if (scheme === "file" && !ours && diagnostics.length > 0) this.#collection.delete(vscode.Uri.file(fsPath));
    });
    for (const source of sources) void this.#look(source);
  }

  #touched(document: vscode.TextDocument): void {
    if (isVirtualConfig(document.uri)) {
      this.#soon(document.uri.toString(), () => this.#lookVirtual(document));
      return;
    }
    const place = placeOf(this.#services, document.uri);
    if (place) this.#soon(place.source.configPath, () => void this.#look(place.source));
  }

  #soon(key: string, work: () => void): void {
    clearTimeout(this.#timers.get(key));
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      work();
    }, SETTLE_MS);
    this.#timers.set(key, timer);
  }

  /** Never rejects. */
  async #look(source: TunnelSource): Promise<void> {
    const { configPath } = source;
    const look = (this.#looks.get(configPath) ?? 0) + 1;
    this.#looks.set(configPath, look);
    const problems = this.#problemsOf(source);
    for (const file of [configPath, localConfigPath(configPath)]) {
      const document = openDocument(file);
      const isMarked = markedByEditor(document);
      const found = problems.filter((problem) => problem.path === file && !isMarked(problem)).map((problem) => this.#diagnostic(problem, document));
      const advice = document ? [...this.#exposed(document), ...(await this.#sharedKeys(document, source))] : [];
      // Another look has begun meanwhile, or this object has been disposed of.
      if (this.#looks.get(configPath) !== look || document?.isClosed) return;
      this.#collection.set(vscode.Uri.file(file), [...found, ...advice]);
    }
  }

  #problemsOf(source: TunnelSource): readonly Problem[] {
    const { configPath } = source;
    const files = [configPath, localConfigPath(configPath)];
    const texts = new Map(files.flatMap((file): [string, string][] => textOf(file)));
    const onDisk = this.#services.sources.find(configPath)?.config;
    // The problem of a link also applies to the text that an editor shows through the link.
    if (texts.size === 0 || files.some((file) => isLinked(file, source.folder))) return onDisk?.problems ?? [];
    // Overrides are not used without the file itself.
    return texts.has(configPath) || onDisk ? readConfig(configPath, { texts }).problems : [];
  }

  /** Judges only the document's own text: a virtual document has no readable file beside it, and nothing is opened. */
  #lookVirtual(document: vscode.TextDocument): void {
    if (document.isClosed) {
      this.#collection.delete(document.uri);
      return;
    }
    const texts: ConfigText[] = [{ path: document.uri.fsPath, text: document.getText() }];
    const { problems } = mergeConfigs(texts);
    const isMarked = markedByEditor(document);
    this.#collection.set(
      document.uri,
      problems.filter((problem) => !isMarked(problem)).map((problem) => this.#diagnostic(problem, document)),
    );
  }

  #diagnostic(problem: Problem, document: vscode.TextDocument | undefined): vscode.Diagnostic {
    const diagnostic = new vscode.Diagnostic(problemRange(problem, document), problemText(problem, this.#services.t), vscode.DiagnosticSeverity.Error);
    diagnostic.source = DIAGNOSTIC_SOURCE;
    diagnostic.code = problem.code;
    return diagnostic;
  }

  #exposed(document: vscode.TextDocument): vscode.Diagnostic[] {
    const message = this.#services.t(
      "Other machines can connect to this address, and what they send to it is not encrypted. Write 127.0.0.1 unless they are meant to.",
    );
    return exposedSpots(configOf(document)).map((spot) =>
      advice(document, { spot, message, code: LISTEN_EXPOSED, severity: vscode.DiagnosticSeverity.Information }),
    );
  }

  async #sharedKeys(document: vscode.TextDocument, { folder }: TunnelSource): Promise<vscode.Diagnostic[]> {
    const spots = folder === undefined ? [] : keyFileSpots(configOf(document));
    const found: vscode.Diagnostic[] = [];
    for (const spot of spots) {
      if (folder === undefined || !(await this.#isShared(keyFileOf(spot.value, folder), folder))) continue;
      const message = this.#services.t(
        "Git does not ignore this key file, so it could be shared with everybody. Add it to .gitignore, or keep it outside the workspace.",
      );
      found.push(advice(document, { spot, message, code: KEY_FILE_SHARED, severity: vscode.DiagnosticSeverity.Warning }));
    }
    return found;
  }

  #isShared(file: string, folder: string): Promise<boolean> {
    const known = this.#shared.get(file) ?? isShared(file, folder);
    this.#shared.set(file, known);
    return known;
  }
}

interface Advice {
  readonly spot: Spot;
  readonly message: string;
  readonly code: string;
  readonly severity: vscode.DiagnosticSeverity;
}

function advice(document: vscode.TextDocument, { spot, message, code, severity }: Advice): vscode.Diagnostic {
  const diagnostic = new vscode.Diagnostic(rangeOf(document, spot), message, severity);
  diagnostic.source = DIAGNOSTIC_SOURCE;
  diagnostic.code = code;
  return diagnostic;
}

/** Tells whether VS Code's JSON support, if active, has already marked a problem: see `editor/editor-marks.ts`. */
function markedByEditor(document: vscode.TextDocument | undefined): (problem: Problem) => boolean {
  const isJson = document !== undefined && (document.languageId === "jsonc" || document.languageId === "json");
  const validates = isJson && vscode.workspace.getConfiguration("json", document.uri).get("validate.enable") !== false;
  if (!validates || !vscode.extensions.getExtension("vscode.json-language-features")) return () => false;
  const { syntax, duplicates } = editorMarks(document.getText());
  // A problem of the whole file has no length, and only we report it.
  return ({ offset, length }) => (offset > 0 || length > 0) && (syntax.has(offset) || duplicates.has(offset));
}

/** The range on one line: an object with a fault is marked where it begins. */
function problemRange({ offset, length, line, column }: Problem, document: vscode.TextDocument | undefined): vscode.Range {
  if (!document) return new vscode.Range(line - 1, column - 1, line - 1, column - 1 + length);
  const range = rangeOf(document, { offset, length });
  return range.isSingleLine ? range : new vscode.Range(range.start, document.lineAt(range.start.line).range.end);
}

function textOf(file: string): [string, string][] {
  const document = openDocument(file);
  return document ? [[file, document.getText()]] : [];
}

/** Whether a link leads to the file; a link to the workspace folder as a whole does not count. */
function isLinked(file: string, folder: string | undefined): boolean {
  if (folder === undefined) return false;
  try {
    return fs.realpathSync(file) !== path.join(fs.realpathSync(folder), path.relative(folder, file));
  } catch {
    return false;
  }
}

function isVirtualConfig(uri: vscode.Uri): boolean {
  return uri.scheme !== "file" && uri.path.endsWith(`/${WORKSPACE_FILE}`) && vscode.workspace.getWorkspaceFolder(uri) !== undefined;
}
