/**
 * Whether a tunnels.json can be created, or only edited: for the view and for the
 * lists that lead to one. Pure.
 */

/** The tunnels.json of a workspace folder. */
export interface FolderFile {
  readonly configPath: string;
  /** undefined: there is none, or it can't be read; an error of its own says which. */
  readonly text: string | undefined;
  /** Something stands at its place, whatever it is. */
  readonly isThere: boolean;
  readonly hasTunnels: boolean;
}

/** Whether the template has a place there: there is no file, or nothing in it. */
export function isUnwritten({ text, isThere }: Pick<FolderFile, "text" | "isThere">): boolean {
  return !isThere || text?.trim() === "";
}

/** What the view has to say of files: nothing of a blank one while its welcome offers to fill it, which a message would hide. */
export function worthAMessage<T extends { readonly source: { readonly configPath: string } }>(
  configs: readonly T[],
  { files, isWelcomeShown }: { readonly files: readonly FolderFile[]; readonly isWelcomeShown: boolean },
): readonly T[] {
  const blank = new Set(files.filter(isUnwritten).map(({ configPath }) => configPath));
  return isWelcomeShown ? configs.filter(({ source }) => !blank.has(source.configPath)) : configs;
}

/**
 * create: a folder has none yet. edit: each has one, and no tunnel in it. undefined: there are tunnels in each of them,
 * or there is no folder.
 */
export function configOffer(files: readonly FolderFile[]): "create" | "edit" | undefined {
  if (files.some(isUnwritten)) return "create";
  return files.some(({ hasTunnels }) => !hasTunnels) ? "edit" : undefined;
}
