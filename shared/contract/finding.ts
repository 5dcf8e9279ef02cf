/**
 * Something that is wrong with an entry, before its place in a file is known:
 * checks work on plain values, so that an entry put together from two files is
 * judged like any other.
 */
import type { Message } from "../message.ts";

/** One fault of an entry. */
export interface Finding {
  /** From the entry inwards: property names and list positions; empty for the entry itself. */
  readonly at: readonly (string | number)[];
  /** Whether the name of the property is at fault, or its value. A missing value is always shown at the name. */
  readonly on: "key" | "value";
  /** Cause and cure, one sentence. */
  readonly message: Message;
}

/** An entry as plain data; nothing is known of its values yet. */
export type RawEntry = Readonly<Record<string, unknown>>;
