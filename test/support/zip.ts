/**
 * Reads a zip archive as far as an extension's package needs it: the names of its files and their bytes. Only the central
 * directory counts. No encryption, no archive of more than 4 GiB, no comment at its end.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.3)
 */
import { inflateRawSync } from "node:zlib";

/** Sizes and marks of APPNOTE.TXT: 4.3.16 the end, 4.3.12 an entry of the directory, 4.3.7 the head of a file. */
const END = { bytes: 22, mark: 0x06054b50 } as const;
const ENTRY = { bytes: 46, mark: 0x02014b50 } as const;
const HEAD = { bytes: 30, mark: 0x04034b50 } as const;
/** Methods of APPNOTE.TXT, 4.4.5. */
const STORED = 0;
const DEFLATED = 8;

/** The files of an archive by name, in the archive's order; throws if the bytes are no archive. */
export function readZip(archive: Buffer): ReadonlyMap<string, Buffer> {
  const end = archive.length - END.bytes;
  expectMark(archive, end, END.mark);
  const count = archive.readUInt16LE(end + 10);
  const files = new Map<string, Buffer>();
  let at = archive.readUInt32LE(end + 16);
  for (let index = 0; index < count; index += 1) {
    expectMark(archive, at, ENTRY.mark);
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset)) as [number, number, number];
    const name = archive.toString("utf8", at + ENTRY.bytes, at + ENTRY.bytes + nameBytes);
    files.set(name, content(archive, at));
    at += ENTRY.bytes + nameBytes + extraBytes + commentBytes;
  }
  return files;
}

/** The bytes of the file whose entry in the directory is at `entry`. */
function content(archive: Buffer, entry: number): Buffer {
  const method = archive.readUInt16LE(entry + 10);
  const size = archive.readUInt32LE(entry + 20);
  const head = archive.readUInt32LE(entry + 42);
  expectMark(archive, head, HEAD.mark);
  const start = head + HEAD.bytes + archive.readUInt16LE(head + 26) + archive.readUInt16LE(head + 28);
  const packed = archive.subarray(start, start + size);
  if (method !== STORED && method !== DEFLATED) throw new Error(`a file of the archive is packed by method ${method}`);
  return method === STORED ? packed : inflateRawSync(packed);
}

function expectMark(archive: Buffer, at: number, mark: number): void {
  if (at < 0 || at + 4 > archive.length || archive.readUInt32LE(at) !== mark) throw new Error(`this is no zip archive: no mark ${mark.toString(16)} at ${at}`);
}
