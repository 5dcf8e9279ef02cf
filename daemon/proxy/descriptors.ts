/**
 * Whether this process can still open files. Once accept(2) runs out of
 * descriptors, libuv closes newcomers by itself and tells nobody: so we look
 * before that, turn them away ourselves, and count and name what happens.
 */
import { closeSync, openSync } from "node:fs";

/** Our choice: kept free for what is under way: dials, log files, the key folder, the daemon's own clients. */
const RESERVE = 8;

/** What asks the system whether descriptors are left; false: fewer than a few. */
export type DescriptorCheck = () => boolean;

/** Asks by opening a few, for a few microseconds each; where there is no such limit (Windows) there are always enough. */
export const hasDescriptors: DescriptorCheck = () => {
  if (process.platform === "win32") return true;
  const opened: number[] = [];
  try {
    while (opened.length < RESERVE) opened.push(openSync("/dev/null", "r"));
    return true;
  } catch (error) {
    // Anything else (no /dev/null in a bare chroot) says nothing about descriptors.
    return !["EMFILE", "ENFILE"].includes((error as NodeJS.ErrnoException).code ?? "");
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
};
