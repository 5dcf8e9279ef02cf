/** The help texts as a terminal of the usual size shows them, and as a shell takes their examples. */
import assert from "node:assert/strict";
import { HELP } from "../../../daemon/cli/help.ts";

/** The terminal that everybody has. */
const COLUMNS = 80;

describe("help texts", () => {
  for (const [command, text] of HELP) {
    it(`fit into ${COLUMNS} columns: tunneld ${command} --help`, () => {
      assert.deepEqual(
        text.split("\n").filter((line) => line.length > COLUMNS),
        [],
      );
    });

    it(`can be pasted into zsh, to which brackets are a pattern: tunneld ${command} --help`, () => {
      assert.deepEqual(
        text.split("\n").filter((line) => /-[st] \[/.test(line)),
        [],
      );
    });
  }
});
