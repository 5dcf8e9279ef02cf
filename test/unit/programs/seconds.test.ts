import assert from "node:assert/strict";
import { secondsOption } from "../../../daemon/programs/options.ts";
import { codeOf } from "../../support/wire/codes.ts";

const read = (text: string) => secondsOption(new Map([["--wait", text]]), "--wait");

describe("an option in seconds", () => {
  it("is undefined when it is not given", () => assert.equal(secondsOption(new Map(), "--wait"), undefined));

  for (const [text, ms] of [
    ["0", 0],
    ["5", 5_000],
    ["0.25", 250],
    ["86400", 86_400_000],
  ] as const) {
    it(`reads ${text}`, () => assert.equal(read(text), ms));
  }

  for (const text of ["", "-1", "1e3", "0x10", "five", "86401", "1.", " 5", "Infinity"]) {
    it(`refuses "${text}"`, () =>
      assert.equal(
        codeOf(() => read(text)),
        "CONFIG_INVALID",
      ));
  }
});
