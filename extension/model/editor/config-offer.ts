/**
 * Whether a tunnels.json can be created, or only edited: for the view and for the
 * lists that lead to one. Pure.
 */

/** The tunnels.json of a workspace folder. */
export interface FolderFile {
  readonly configPath: string;
  /** undefined: there is no file, or it can't be read; a separate error says which. */
  readonly text: string | undefined;
  /** Something exists at the file's path, whatever it is. */
  readonly isThere: boolean;
  readonly hasTunnels: boolean;
}

/** Whether the template may be written: there is no file, or nothing in it. */
export function isUnwritten({ text, isThere }: Pick<FolderFile, "text" | "isThere">): boolean {
  return !isThere || text?.trim() === "";
}

/** The files that a message may be about: not the blank ones while the welcome offers to fill them, because a message hides the welcome. */
export function worthAMessage<T extends { readonly source: { readonly configPath: string } }>(
  configs: readonly T[],
  { files, isWelcomeShown }: { readonly files: readonly FolderFile[]; readonly isWelcomeShown: boolean },
): readonly T[] {
  const blank = new Set(files.filter(isUnwritten).map(({ configPath }) => configPath));
  return isWelcomeShown ? configs.filter(({ source }) => !blank.has(source.configPath)) : configs;
}

/**
 * create: a folder has no file yet. edit: each folder has a file, and one of the files has no tunnels. undefined: each file
 * has tunnels, or there is no folder.
 */
export function configOffer(files: readonly FolderFile[]): "create" | "edit" | undefined {
  if (files.some(isUnwritten)) return "create";
  return files.some(({ hasTunnels }) => !hasTunnels) ? "edit" : undefined;
}
