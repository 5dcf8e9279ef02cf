/**
 * Finds a program on PATH, so that a terminal can be started with it directly and
 * no shell reads a line of ours. Relative entries of PATH are passed over: they
 * could lead into a workspace. The file system is handed in.
 */
import * as path from "node:path";

/** Where and how to look. */
export interface ProgramSearch {
  /** The variable PATH; undefined: there is none. */
  readonly path: string | undefined;
  /** Windows: the variable PATHEXT. */
  readonly pathExt: string | undefined;
  readonly platform: NodeJS.Platform;
  /** Whether there is a regular file that this user may run. Rejects never. */
  readonly isExecutable: (file: string) => Promise<boolean>;
}

/** Our choice: a longer PATH is not looked through to its end. */
const MAX_FOLDERS = 200;

/** What Windows runs without a command interpreter: a script would have its arguments read by one. */
const WITHOUT_SHELL = [".exe", ".com"];

/** The absolute path of the first of `names` that is there, by name first and then by PATH's order; undefined: none is. */
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
