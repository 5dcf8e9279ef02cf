/**
 * Turns offsets of a text into lines and columns, as editors count them: from 1,
 * in UTF-16 units, lines ended by LF, CRLF or CR. Pure.
 */

/** A stretch of a text; offset and length in UTF-16 units, line and column from 1. */
export interface TextRange {
  readonly offset: number;
  readonly length: number;
  readonly line: number;
  readonly column: number;
}

const [LF, CR] = [0x0a, 0x0d];

/** Finds lines of one text; reads it once. */
export class TextPositions {
  /** Length of the whole text, in UTF-16 units. */
  readonly textLength: number;
  readonly #lineStarts: number[] = [0];

  constructor(text: string) {
    this.textLength = text.length;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === LF || (code === CR && text.charCodeAt(at + 1) !== LF)) this.#lineStarts.push(at + 1);
    }
  }

  /** The stretch, cut to what lies inside the text. */
  range(offset: number, length: number): TextRange {
    const from = Math.max(0, Math.min(offset, this.textLength));
    const line = this.#lineOf(from);
    return { offset: from, length: Math.max(0, Math.min(length, this.textLength - from)), line: line + 1, column: from - this.#startOf(line) + 1 };
  }

  /** Binary search for the last line that starts at or before `offset`. */
  #lineOf(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#startOf(middle) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #startOf(line: number): number {
    return this.#lineStarts[line] ?? 0;
  }
}
