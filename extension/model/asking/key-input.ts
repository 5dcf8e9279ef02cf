/**
 * Checks what a user types or pastes to import a key, while it is typed. For every
 * wrong form a message says what the text looks like and what to do. No message
 * repeats any of the text. The daemon checks again; this check is only sooner and
 * in the user's language. Pure.
 */
import { NAME_PATTERN } from "../../../shared/contract/tunnels-file.ts";
import type { Translate } from "../translate.ts";

/** A key file has at least this many bytes; see the daemon's KEY_WEAK. */
export const KEY_MIN_BYTES = 32;
/** A key file has at most this many bytes. */
export const KEY_MAX_BYTES = 64 * 1024;

/** A key as text. */
export type KeyTextForm = "base64" | "hex";

/** A pasted key that can be handed to the daemon, or what is wrong with it. */
export type KeyTextReading = { readonly at: "key"; readonly form: KeyTextForm; readonly text: string } | { readonly at: "fault"; readonly message: string };

/** Windows treats these names as devices, with any extension after a dot; the daemon's key folder has the same rule. */
const DEVICE_NAMES = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** A key's fingerprint, eight groups of four digits: it is shown in place of the key, and is not a key. */
const FINGERPRINT = /^[0-9a-f]{4}(?:-[0-9a-f]{4}){7}$/i;

/** What is wrong with `name` as the name of a new key; undefined: nothing. `taken` are the names of keys that exist. */
export function keyNameFault(name: string, { taken, t }: { readonly taken: readonly string[]; readonly t: Translate }): string | undefined {
  if (name === "") return t("Name the key: tunnels.json refers to the key by this name.");
  if (name.length > 64) return t("This name has more than 64 characters.");
  if (!NAME_PATTERN.test(name)) return t('A name has letters, digits, "_", "." and "-", and begins with a letter or digit.');
  if (name.endsWith(".") || DEVICE_NAMES.test(name)) return t("Windows can't have a file of this name: choose another.");
  // Names that differ only in case are the same to the file systems of macOS and Windows.
  const same = taken.find((one) => one.toLowerCase() === name.toLowerCase());
  return same === undefined ? undefined : t("A key with this name exists. Choose another name, or delete that key first.");
}

/** A name for a key, made from a file's name; empty when no part of the file's name can be used. */
export function suggestKeyName(fileName: string): string {
  const stem = fileName.replace(/\.(key|bin|txt|spiped)$/i, "");
  return stem
    .replace(/[^\w.-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+|[.-]+$/g, "")
    .slice(0, 64);
}

/** Reads the pasted text as a key in `form`. White space is ignored. */
export function readKeyText(pasted: string, { form, t }: { readonly form: KeyTextForm; readonly t: Translate }): KeyTextReading {
  const message = foreignFault(pasted, t);
  if (message !== undefined) return { at: "fault", message };
  const dense = pasted.replace(/\s/g, "");
  return form === "hex" ? readHex(dense, t) : readBase64(dense, t);
}

/** The bytes of a key that {@link readKeyText} has read; the caller wipes them. */
export function bytesOfKeyText({ form, text }: { readonly form: KeyTextForm; readonly text: string }): Uint8Array {
  const decoded = Buffer.from(text, form);
  const own = Uint8Array.from(decoded);
  decoded.fill(0);
  return own;
}

/** What is wrong with the content of a key file; undefined: nothing. */
export function keyFileFault(bytes: Uint8Array, t: Translate): string | undefined {
  if (bytes.length === 0) return t("The file is empty: copy the key file again.");
  return foreignFault(latin1(bytes.subarray(0, 4_096)), t) ?? lengthFault(bytes.length, t);
}

/**
 * The text form of a key, when a file holds nothing but a key that was written down as text. spiped takes such a file as
 * it is, letter by letter, but its author may have meant the bytes that the text stands for.
 */
export function textFormOf(bytes: Uint8Array): KeyTextForm | undefined {
  if (bytes.length > 4_096) return undefined;
  const text = latin1(bytes).trim();
  if (/^(?:[0-9a-f]{2}){32,}$/i.test(text)) return "hex";
  const decoded = Math.floor((text.replace(/=+$/, "").length * 3) / 4);
  return decoded >= KEY_MIN_BYTES && isWholeBase64(text) && /[+/=_-]|\d/.test(text) ? "base64" : undefined;
}

/** Things that people paste in place of a key. */
function foreignFault(text: string, t: Translate): string | undefined {
  const trimmed = text.trim();
  if (/^PuTTY-User-Key-File-|BEGIN (?:OPENSSH|RSA|DSA|EC) PRIVATE KEY/.test(trimmed)) {
    return t("This is an SSH private key, which is never used for a tunnel: take the key file of the far end (its -k).");
  }
  if (/^(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S+|sk-\S+) AAAA/.test(trimmed)) {
    return t("This is an SSH public key, which everybody may know: take the key file of the far end (its -k).");
  }
  if (/^-+BEGIN /.test(trimmed)) return t("This is a certificate or key of another kind (PEM): take the key file of the far end (its -k).");
  if (/^AGE-SECRET-KEY-/i.test(trimmed)) return t("This is a key of age, not of a tunnel: take the key file of the far end (its -k).");
  if (FINGERPRINT.test(trimmed)) return t("This is a fingerprint, which only names a key: take the key itself.");
  return undefined;
}

function readHex(dense: string, t: Translate): KeyTextReading {
  // Forms that other programs print: 0x…, or pairs with colons between.
  const digits = (/^[0-9a-f]{2}(?::[0-9a-f]{2})+$/i.test(dense) ? dense.replaceAll(":", "") : dense).replace(/^0x/i, "");
  if (digits === "") return fault(t("Nothing has been pasted yet."));
  const stray = digits.search(/[^0-9a-f]/i);
  if (stray >= 0) {
    // One typo in hexadecimal text does not make it base64.
    const strays = digits.replace(/[0-9a-f]/gi, "").length;
    return isWholeBase64(digits) && digits.length >= 43 && strays > digits.length / 8
      ? fault(t("This looks like base64: go back and choose that."))
      : fault(t("This is not hexadecimal: character {0} is none of 0-9 and a-f.", stray + 1));
  }
  if (digits.length % 2 !== 0) return fault(t("This is not whole: {0} hexadecimal digits is an odd number. Copy all of it.", digits.length));
  const message = lengthFault(digits.length / 2, t);
  return message === undefined ? { at: "key", form: "hex", text: digits } : fault(message);
}

/** RFC 4648, 4 and 5: either alphabet but not both, padding whole or left out. */
function readBase64(dense: string, t: Translate): KeyTextReading {
  if (dense === "") return fault(t("Nothing has been pasted yet."));
  if (/^[0-9a-f]{64,}$/i.test(dense) && dense.length % 2 === 0) return fault(t("This looks like hexadecimal: go back and choose that."));
  const digits = dense.replace(/=+$/, "");
  const stray = digits.search(/[^A-Za-z0-9+/_-]/);
  if (stray >= 0) return fault(t("This is not base64: character {0} is none of A-Z, a-z, 0-9, + and /.", stray + 1));
  if (/[+/]/.test(digits) && /[_-]/.test(digits)) return fault(t("This mixes the two kinds of base64: + and / with - and _. Copy it again."));
  const bytes = Math.floor((digits.length * 3) / 4);
  if (!isWholeBase64(dense)) return fault(t("This base64 is not whole: copy all of it, to the last character."));
  const message = lengthFault(bytes, t);
  return message === undefined ? { at: "key", form: "base64", text: dense } : fault(message);
}

function isWholeBase64(dense: string): boolean {
  const digits = dense.replace(/=+$/, "");
  const ofAlphabet = /^[A-Za-z0-9+/]*$/.test(digits) || /^[A-Za-z0-9_-]*$/.test(digits);
  if (!ofAlphabet || digits.length % 4 === 1) return false;
  if (dense.length !== digits.length && dense.length !== Math.ceil(digits.length / 4) * 4) return false;
  // The unused bits of the last character must be zero.
  return Buffer.from(digits, "base64url").toString("base64url") === digits.replaceAll("+", "-").replaceAll("/", "_");
}

function lengthFault(bytes: number, t: Translate): string | undefined {
  if (bytes < KEY_MIN_BYTES) return t("This is too short: a key has at least 32 bytes, and this only {0}.", bytes);
  return bytes > KEY_MAX_BYTES ? t("This is too long: a key has at most 64 KiB.") : undefined;
}

function fault(message: string): KeyTextReading {
  return { at: "fault", message };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
