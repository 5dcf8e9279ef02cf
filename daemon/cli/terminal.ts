/**
 * Questions to a person. They are asked on standard error, so that standard output
 * has only the result, and only if standard input and error are a terminal.
 */
import { createInterface } from "node:readline";

/** A terminal with a person who can answer. */
export interface Terminal {
  /** Whether the answer is y or yes; anything else, and the end of the input, is no. */
  confirm(question: string): Promise<boolean>;
}

/** This process's terminal; undefined when there is none. */
export function ownTerminal(): Terminal | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return { confirm: (question) => confirm(question) };
}

function confirm(question: string): Promise<boolean> {
  return new Promise((resolve) => {
    process.stderr.write(`${question} [y/N] `);
    // Not in terminal mode: the kernel's line editing is enough, and a child that runs later finds the terminal unchanged.
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
