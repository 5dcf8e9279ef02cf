/**
 * Finds a program on PATH, so that a terminal can run it directly and no shell
 * reads a line of ours. Relative entries of PATH are skipped: they could lead into
 * a workspace. The caller supplies the file system.
 */
import * as path from "node:path";

/** Where and how to look. */
export interface ProgramSearch {
  /** The variable PATH; undefined: there is none. */
  readonly path: string | undefined;
  /** Windows: the variable PATHEXT. */
  readonly pathExt: string | undefined;
  readonly platform: NodeJS.Platform;
  /** Whether there is a regular file that this user may run. Never rejects. */
  readonly isExecutable: (file: string) => Promise<boolean>;
}

/** Our choice: the rest of a longer PATH is not searched. */
const MAX_FOLDERS = 200;

/** What Windows runs without a command interpreter; for a script, an interpreter would read the arguments. */
const WITHOUT_SHELL = [".exe", ".com"];

/** The absolute path of the first of `names` that is found, in the order of the names, then of PATH; undefined: none is found. */
export async function findProgram(names: readonly string[], search: ProgramSearch): Promise<string | undefined> {
  const folders = foldersOf(search);
  for (const name of names) {
    if (/[\\/:]/.test(name) || name === "") continue;
    for (const folder of folders) {
      for (const file of fileNames(name, search)) {
        const candidate = flavour(search).join(folder, file);
        if (await search.isExecutable(candidate)) return candidate;
      }
    }
  }
  return undefined;
}

function foldersOf(search: ProgramSearch): string[] {
  const { delimiter, isAbsolute } = flavour(search);
  const folders = (search.path ?? "").split(delimiter).map((folder) => (search.platform === "win32" ? folder.replace(/^"(.*)"$/, "$1") : folder));
  return [...new Set(folders)].filter((folder) => isAbsolute(folder)).slice(0, MAX_FOLDERS);
}

function fileNames(name: string, { platform, pathExt }: ProgramSearch): string[] {
  if (platform !== "win32") return [name];
  const extensions = (pathExt || WITHOUT_SHELL.join(";")).toLowerCase().split(";");
  return WITHOUT_SHELL.filter((extension) => extensions.includes(extension)).map((extension) => name + extension);
}

function flavour({ platform }: ProgramSearch): path.PlatformPath {
  return platform === "win32" ? path.win32 : path.posix;
}
