/**
 * Gives every file of a zip archive the mode 0644, in place: vsce takes the modes of the working tree, which depend on
 * the umask at the time of the clone. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.3.12, 4.3.16)
 */
const END = { bytes: 22, mark: 0x06054b50, count: 10, directory: 16 };
const ENTRY = { bytes: 46, mark: 0x02014b50, lengths: [28, 30, 32], attributes: 38 };
/** S_IFREG and rw-r--r--, in the upper half, where Unix modes are (4.4.15). */
const PLAIN_FILE = (0o100644 << 16) >>> 0;

/** Changes `archive`, a zip archive without a comment at its end. */
export function evenModes(archive) {
  const end = archive.length - END.bytes;
  expectMark(archive, end, END.mark);
  let at = archive.readUInt32LE(end + END.directory);
  for (let left = archive.readUInt16LE(end + END.count); left > 0; left -= 1) {
    expectMark(archive, at, ENTRY.mark);
    archive.writeUInt32LE(PLAIN_FILE, at + ENTRY.attributes);
    at += ENTRY.lengths.reduce((sum, offset) => sum + archive.readUInt16LE(at + offset), ENTRY.bytes);
  }
}

function expectMark(archive, at, mark) {
  if (archive.readUInt32LE(at) !== mark) throw new Error(`this is no zip archive: no mark ${mark.toString(16)} at ${at}`);
}
