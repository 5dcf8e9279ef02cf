/**
 * Reads one of the window's tunnels.json files, with its overrides. A file in a
 * workspace may come from a stranger: no link is followed out of the folder, and
 * reading never fails, whatever is at the file's path.
 */
import * as fs from "node:fs";
import { localConfigPath, readConfig } from "../../shared/contract/config-file.ts";
import type { ParsedConfig } from "../../shared/contract/config-text.ts";
import { isInside } from "../../shared/path-inside.ts";
import type { Translate } from "../model/translate.ts";
import type { TunnelSource } from "../model/tunnel-item.ts";

/** What the file says; undefined: there is no file. Never throws. */
export function readSource({ configPath, folder }: Pick<TunnelSource, "configPath" | "folder">, t: Translate): ParsedConfig | undefined {
  if (!isThere(configPath)) return undefined;
  const strayed = folder === undefined ? undefined : [configPath, localConfigPath(configPath)].find((file) => leavesFolder(file, folder));
  return strayed === undefined ? readConfig(configPath) : refused(strayed, t);
}

/** True also for a broken link, and for a path that can't be examined (circular links, an inaccessible folder): reading it says what is wrong. */
function isThere(file: string): boolean {
  try {
    return fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

/** A repository may contain a link to any file of the user: a link that leads out of the folder is not followed. */
function leavesFolder(file: string, folder: string): boolean {
  try {
    return !isInside(fs.realpathSync(file), fs.realpathSync(folder));
  } catch {
    return false;
  }
}

function refused(file: string, t: Translate): ParsedConfig {
  const message = t("this file is a link that leads out of the workspace folder, so it is not used: put the file itself here");
  const problem = { code: "CONFIG_INVALID", message, path: file, offset: 0, length: 0, line: 1, column: 1 };
  return { entries: new Map(), places: new Map(), faults: new Map(), broken: true, problems: [problem] };
}
