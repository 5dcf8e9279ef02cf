/**
 * Replaces a file with new text, whole or not at all. The new text survives a
 * kill and a loss of power (temporary file, fsync, rename, fsync of the folder).
 * A `.bak` is kept: the old file or, where the old file holds something that must
 * not come back, a copy of the new text. Any failure leaves the file as it was,
 * except for the folder's own fsync (EIO): after that the outcome is unknown.
 */
import { copyFile, link, open, rename, rm } from "node:fs/promises";
import * as path from "node:path";
import { isDiskFault } from "../../shared/files.ts";

/** What `.bak` holds afterwards: the file's old content, or the same content as the file. */
export interface ReplaceOptions {
  readonly backup: "before" | "same";
}

/**
 * Replaces `file`, which need not exist, with one of mode 0600.
 * @throws what node:fs does
 */
export async function replaceFile(file: string, text: string, { backup }: ReplaceOptions = { backup: "before" }): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    // The backup is written first, so it never holds more than the file does.
    if (backup === "same") {
      await writeNew(temporary, text);
      await rename(temporary, `${file}.bak`);
    }
    await writeNew(temporary, text);
    if (backup === "before") await keepBackup(file);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/** Writes a new file at `temporary`, durably. */
async function writeNew(temporary: string, text: string): Promise<void> {
  await rm(temporary, { force: true });
  const handle = await open(temporary, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A second link and a rename: the file or the backup exists at every moment. */
async function keepBackup(file: string): Promise<void> {
  const next = `${file}.${process.pid}.bak`;
  await rm(next, { force: true });
  try {
    await link(file, next).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") throw error;
      await copyFile(file, next);
    });
    await rename(next, `${file}.bak`);
  } catch (error) {
    await rm(next, { force: true }).catch(() => {});
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Makes the rename itself durable. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (isDiskFault(error)) throw error;
  }
}
