/**
 * A key file that is text: every byte of it is part of the key, so that a copy
 * with another line end is another key. Users are told how the file ends, and the
 * fingerprints of the copies that editors, shells and transfers make of it, but
 * never the key. Pure.
 */
import { formatMessage, type Message, message, NOTHING } from "../message.ts";

/** How a key file that is text ends. `none`: without a line end. */
export type LineEnd = "none" | "lf" | "crlf" | "cr";

/** How a copy differs: without its line end, with line feeds, with CR LF, without the byte order mark. */
export type KeyVariantHow = "no-line-end" | "lf" | "crlf" | "no-bom";

/** The key that such a copy would be. */
export interface KeyVariant {
  readonly how: KeyVariantHow;
  readonly fingerprint: string;
}

/** What a text file is as a key. */
export interface KeyForm {
  readonly ends: LineEnd;
  /** It begins with a byte order mark. */
  readonly hasBom: boolean;
  /** Copies that would be other keys than this one. */
  readonly variants: KeyVariant[];
}

const ENDS: Readonly<Record<LineEnd, Message>> = {
  none: message("has no line end"),
  lf: message("ends with a line feed"),
  crlf: message("ends with CR LF"),
  cr: message("ends with a carriage return"),
};

const variantMessage = ({ how, fingerprint }: KeyVariant): Message => {
  switch (how) {
    case "no-line-end":
      return message("without the line end {0}", fingerprint);
    case "lf":
      return message("with a line feed {0}", fingerprint);
    case "crlf":
      return message("with CR LF {0}", fingerprint);
    case "no-bom":
      return message("without the byte order mark {0}", fingerprint);
  }
};

/** What the file is, in one sentence without a full stop. */
export function keyFormMessage({ ends, hasBom }: KeyForm): Message {
  return hasBom
    ? message("this key file is text that begins with a byte order mark and {0}; every byte of it is part of the key", ENDS[ends])
    : message("this key file is text that {0}; every byte of it is part of the key", ENDS[ends]);
}

/** {@link keyFormMessage} in English. */
export function keyFormText(form: KeyForm): string {
  return formatMessage(keyFormMessage(form));
}

/** The other copies' fingerprints: "without the line end 1f4e-…, with CR LF 89ed-…". */
export function keyVariantsMessage({ variants }: KeyForm): Message {
  const [first, ...rest] = variants.map(variantMessage);
  return rest.reduce((before, next) => message("{0}, {1}", before, next), first ?? NOTHING);
}

/** {@link keyVariantsMessage} in English. */
export function keyVariantsText(form: KeyForm): string {
  return formatMessage(keyVariantsMessage(form));
}
