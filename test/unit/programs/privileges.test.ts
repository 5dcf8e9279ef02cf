/** The values that -u accepts. */
import assert from "node:assert/strict";
import { parseIdentity } from "../../../daemon/programs/privileges.ts";
import { codeOf } from "../../support/wire/codes.ts";

describe("parseIdentity", () => {
  for (const [text, identity] of [
    ["redis", { user: "redis", group: undefined }],
    [":redis", { user: undefined, group: "redis" }],
    ["redis:daemon", { user: "redis", group: "daemon" }],
    ["1000:1000", { user: "1000", group: "1000" }],
  ] as const) {
    it(`reads ${text}`, () => assert.deepEqual(parseIdentity(text), identity));
  }

  for (const text of ["", ":", "redis:"])
    it(`refuses "${text}"`, () =>
      assert.equal(
        codeOf(() => parseIdentity(text)),
        "CONFIG_INVALID",
      ));
});
