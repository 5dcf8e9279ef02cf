/** The help texts on a terminal of the usual size, and their examples in a shell. */
import assert from "node:assert/strict";
import { HELP } from "../../../daemon/cli/help.ts";

/** The usual width of a terminal. */
const COLUMNS = 80;

describe("help texts", () => {
  for (const [command, text] of HELP) {
    it(`fit into ${COLUMNS} columns: tunneld ${command} --help`, () => {
      assert.deepEqual(
        text.split("\n").filter((line) => line.length > COLUMNS),
        [],
      );
    });

    it(`can be pasted into zsh, where brackets are a pattern: tunneld ${command} --help`, () => {
      assert.deepEqual(
        text.split("\n").filter((line) => /-[st] \[/.test(line)),
        [],
      );
    });
  }
});
