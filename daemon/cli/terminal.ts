/**
 * Questions to a person. Asked on standard error, so that standard output stays
 * the result's; only where both ends are a terminal.
 */
import { createInterface } from "node:readline";

/** Somebody who can answer. */
export interface Terminal {
  /** Whether the answer is y or yes; anything else, and the end of the input, is no. */
  confirm(question: string): Promise<boolean>;
}

/** The person at this process's terminal; undefined when there is none. */
export function ownTerminal(): Terminal | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return { confirm: (question) => confirm(question) };
}

function confirm(question: string): Promise<boolean> {
  return new Promise((resolve) => {
    process.stderr.write(`${question} [y/N] `);
    // Not in terminal mode: the kernel's line editing will do, and a child that follows finds the terminal as it was.
    const lines = createInterface({ input: process.stdin, terminal: false });
    let answer: string | undefined;
    lines.once("line", (line) => {
      answer = line;
      lines.close();
    });
    lines.once("close", () => {
      if (answer === undefined) process.stderr.write("\n");
      resolve(/^\s*y(es)?\s*$/i.test(answer ?? ""));
    });
  });
}
