/**
 * Changes the user's files. If an editor has the file open, the change is made there,
 * so that it can be undone and no unsaved text is lost; else it is made on the disk,
 * completely or not at all. Links in a workspace are not followed: they may lead
 * anywhere.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";
import { boundsOf, maxBytes } from "../../../shared/contract/config-bounds.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { minimalEdit } from "../../model/editor/json-edit.ts";
import type { Translate } from "../../model/translate.ts";
import { openDocument, rangeOf } from "./open-files.ts";

/** A change of a file. */
export interface FileChange {
  readonly file: string;
  /** Makes the new text from the present text (undefined: there is no file); undefined: the change can't be made. */
  readonly change: (text: string | undefined) => string | undefined;
  /** Folder 0700 and file 0600, and links are followed: the location belongs to the user alone. */
  readonly isPrivate: boolean;
  readonly t: Translate;
}

/**
 * Makes the change and saves it.
 * @throws TunnelError CONFIG_INVALID with cause and cure
 */
export async function changeFile(how: FileChange): Promise<void> {
  const document = openDocument(how.file);
  // A file that was deleted while its editor is open comes back with the save.
  if (document) await changeDocument(document, how);
  else changeOnDisk(how);
}

async function changeDocument(document: vscode.TextDocument, { change, file, t }: FileChange): Promise<void> {
  const before = document.getText();
  const after = change(before);
  if (after === undefined) throw notEditable(file, t);
  const edit = minimalEdit(before, after);
  if (edit) {
    const all = new vscode.WorkspaceEdit();
    all.replace(document.uri, rangeOf(document, edit), edit.content);
    if (!(await vscode.workspace.applyEdit(all))) throw notWritten(file, t("the editor refused the change"), t);
  }
  if (document.isDirty && !(await document.save())) throw notWritten(file, t("it could not be saved"), t);
}

function changeOnDisk({ file, change, isPrivate, t }: FileChange): void {
  let target: string;
  let before: string | undefined;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, ...(isPrivate ? { mode: 0o700 } : {}) });
    target = targetOf(file, { follow: isPrivate, t });
    before = readIfThere(target, t);
  } catch (error) {
    throw notWritten(file, messageOf(error), t);
  }
  const bom = before?.startsWith("\ufeff") ? "\ufeff" : "";
  const after = change(before?.slice(bom.length));
  if (after === undefined) throw notEditable(file, t);
  try {
    replaceFile(target, bom + after, isPrivate);
  } catch (error) {
    throw notWritten(file, messageOf(error), t);
  }
}

/** The path of the file to write, after following a link if that is allowed. */
function targetOf(file: string, { follow, t }: { readonly follow: boolean; readonly t: Translate }): string {
  const isLink = (path: string): boolean => fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  if (follow) return isLink(file) ? fs.realpathSync(file) : file;
  const link = [path.dirname(file), file].find(isLink);
  if (link !== undefined) throw new Error(t("{0} is a link, which may lead anywhere", link));
  return file;
}

function readIfThere(file: string, t: Translate): string | undefined {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) return undefined;
  if (!stat.isFile()) throw new Error(t("it is not a regular file"));
  const bounds = boundsOf(file);
  if (stat.size > maxBytes(bounds)) throw new Error(t("it is larger than {0} KiB", bounds.kibibytes));
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(fs.readFileSync(file));
}

function replaceFile(file: string, text: string, isPrivate: boolean): void {
  const known = fs.statSync(file, { throwIfNoEntry: false })?.mode;
  const mode = isPrivate ? 0o600 : known === undefined ? 0o666 : known & 0o777;
  const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    // "wx" for a new file, whose mode follows the umask as in an editor.
    const handle = fs.openSync(temporary, "wx", mode);
    try {
      fs.writeFileSync(handle, text);
      fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
    if (known !== undefined && !isPrivate) fs.chmodSync(temporary, mode);
    fs.renameSync(temporary, file);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

function notEditable(file: string, t: Translate): TunnelError {
  return new TunnelError("CONFIG_INVALID", t("{0} has mistakes: correct them first, then try again.", plainText(file)));
}

function notWritten(file: string, why: string, t: Translate): TunnelError {
  return new TunnelError("CONFIG_INVALID", t("{0} can't be changed: {1}", plainText(file), plainText(why)));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
