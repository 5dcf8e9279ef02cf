/**
 * Finds the tunnels.json that a command means when it names none. Searches as git
 * does for its repository, but never takes a file that another user could have put
 * there.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { CONFIG_FOLDER_NAME, localConfigPath } from "../../shared/contract/config-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import { type OwnerUid, ownUid } from "../keys/key-file-access.ts";

const FILE_NAME = "tunnels.json";

/**
 * The nearest .vscode/tunnels.json in `folder` or above it, for the command line; undefined if there is none. A file in
 * a parent folder counts only if nobody else could have put it there or changed it.
 * @throws TunnelError CONFIG_INVALID when the first one found is not only the user's
 */
export function findConfig(folder: string, options: { readonly owner?: OwnerUid } = {}): string | undefined {
  const owner = "owner" in options ? options.owner : ownUid();
  for (let current = folder; ; current = dirname(current)) {
    const path = join(current, CONFIG_FOLDER_NAME, FILE_NAME);
    if (fs.existsSync(path)) {
      if (current !== folder) assertOwn(path, owner);
      return path;
    }
    if (dirname(current) === current) return undefined;
  }
}

/** Checks the file, its folder and the folder above, and the personal file if there is one. Windows has no mode bits: see key-file-access.ts. */
function assertOwn(path: string, owner: OwnerUid): void {
  if (owner === undefined) return;
  for (const one of [dirname(dirname(path)), dirname(path), path, localConfigPath(path)]) {
    const stat = fs.lstatSync(one, { throwIfNoEntry: false });
    if (!stat) continue;
    const shown = plainText(one);
    const isLoose = (stat.mode & 0o022) !== 0;
    const others = stat.uid !== owner ? "belongs to another user" : isLoose ? "can be written by others" : undefined;
    const fault = stat.isSymbolicLink() ? "is a symbolic link" : others;
    if (!fault) continue;
    // For another user's file, or a link, there is no command that we would advise.
    const cure = fault === others && stat.uid === owner ? `"chmod go-w ${shown}" mends that, or name it` : "name it";
    throw new TunnelError(
      "CONFIG_INVALID",
      `${shown} ${fault}, so ${plainText(path)} is not taken from a parent folder: ${cure} with --config if you trust it`,
    );
  }
}
