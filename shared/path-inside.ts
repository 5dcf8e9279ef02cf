/** Where a path lies; links are the caller's business. */
import { isAbsolute, relative, sep } from "node:path";

/** Whether an absolute path is the folder or lies below it, by their texts. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
