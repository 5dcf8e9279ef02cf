/**
 * Whether git would share a file, and what keeps it from that. Asks git itself,
 * only in a workspace that is trusted: a repository's settings can name programs.
 */
import { execFile } from "node:child_process";
import { homedir } from "node:os";
import * as path from "node:path";
import * as vscode from "vscode";
import { isInside } from "../../../shared/path-inside.ts";
import { addIgnoredFile } from "../../model/editor/ignore-file.ts";
import type { Translate } from "../../model/translate.ts";
import { changeFile } from "./write-config.ts";

/** Our choice: a git that takes longer is not waited for. */
const GIT_TIMEOUT_MS = 2_000;

/** Whether the file is in a repository and not ignored; false too when nobody can tell. Never rejects. */
export function isShared(file: string, folder: string): Promise<boolean> {
  if (!vscode.workspace.isTrusted || file === folder || !isInside(file, folder)) return Promise.resolve(false);
  const args = ["-c", "core.fsmonitor=false", "-C", folder, "check-ignore", "--quiet", "--", file];
  // Not started in the folder: Windows would look there for a git.exe first.
  const options = { cwd: homedir(), timeout: GIT_TIMEOUT_MS, windowsHide: true };
  return new Promise((resolve) => {
    try {
      execFile("git", args, options, (error) => resolve(error?.code === 1));
    } catch {
      // No argument of a program: too long, or with a NUL.
      resolve(false);
    }
  });
}

/**
 * Adds the file to the .gitignore of the workspace folder.
 * @throws TunnelError CONFIG_INVALID with cause and cure
 */
export async function ignoreInGit(file: string, folder: string, t: Translate): Promise<void> {
  const relative = path.relative(folder, file).split(path.sep).join("/");
  const change = (text: string | undefined): string => addIgnoredFile(text, relative) ?? text ?? "";
  await changeFile({ file: path.join(folder, ".gitignore"), change, isPrivate: false, t });
}

/** Where the key file is that an entry of this workspace folder names. */
export function keyFileOf(written: string, folder: string): string {
  return /^~[\\/]/.test(written) ? path.join(homedir(), written.slice(2)) : path.resolve(folder, written);
}
