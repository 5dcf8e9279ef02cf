/** How the workspace folders of a window are told apart. */
import { basename, dirname } from "node:path";

/** A workspace folder: the name it has in the window and its absolute path. */
export interface NamedFolder {
  readonly name: string;
  readonly path: string;
}

/** A label for each folder, in their order: its name; if several folders have that name, also its parent folder or its whole path. */
export function folderLabels(folders: readonly NamedFolder[]): string[] {
  const forms = [
    ({ name }: NamedFolder): string => name,
    ({ name, path }: NamedFolder): string => `${name} (${basename(dirname(path))})`,
    ({ name, path }: NamedFolder): string => `${name} (${path})`,
  ];
  return folders.map((folder) => {
    const rivals = folders.filter((other) => other !== folder && other.name === folder.name);
    const form = forms.find((made) => rivals.every((rival) => made(rival) !== made(folder)));
    return (form ?? forms[2])?.(folder) ?? folder.name;
  });
}
