/**
 * Whether git would share a file, and how to make git ignore it. Asks git itself, but
 * only in a trusted workspace: a repository's settings can name programs.
 */
import { execFile } from "node:child_process";
import { homedir } from "node:os";
import * as path from "node:path";
import * as vscode from "vscode";
import { isInside } from "../../../shared/path-inside.ts";
import { addIgnoredFile } from "../../model/editor/ignore-file.ts";
import type { Translate } from "../../model/translate.ts";
import { changeFile } from "./write-config.ts";

/** Our choice: git gets no more time than this. */
const GIT_TIMEOUT_MS = 2_000;

/** Whether the file is in a repository and not ignored; also false when this is unknown. Never rejects. */
export function isShared(file: string, folder: string): Promise<boolean> {
  if (!vscode.workspace.isTrusted || file === folder || !isInside(file, folder)) return Promise.resolve(false);
  const args = ["-c", "core.fsmonitor=false", "-C", folder, "check-ignore", "--quiet", "--", file];
  // Git is not started in the folder: Windows would look for a git.exe there first.
  const options = { cwd: homedir(), timeout: GIT_TIMEOUT_MS, windowsHide: true };
  return new Promise((resolve) => {
    try {
      execFile("git", args, options, (error) => resolve(error?.code === 1));
    } catch {
      // The path can't be an argument of a program: it is too long or contains a NUL.
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

/** The path of the key file that an entry of this workspace folder names. */
export function keyFileOf(written: string, folder: string): string {
  return /^~[\\/]/.test(written) ? path.join(homedir(), written.slice(2)) : path.resolve(folder, written);
}
