/** The error of the project: its hint is a part of its message, and survives the wire. */
import assert from "node:assert/strict";
import { errorFrom, isKeyFileFault, TunnelError, wordsOf } from "../../../shared/errors.ts";

describe("an error with a hint for a terminal", () => {
  const error = new TunnelError("NOT_APPROVED", "it is not approved: approve it", { hint: ' ("tunneld approve cache")' });

  it("has the hint at the end of its message", () => {
    assert.equal(error.message, 'it is not approved: approve it ("tunneld approve cache")');
  });

  it("is the same after it went over the wire", () => {
    const back = errorFrom(JSON.parse(JSON.stringify(wordsOf(error))));
    assert.deepEqual([back.code, back.message, back.hint], [error.code, error.message, error.hint]);
  });

  it("keeps a received message that does not end with its hint", () => {
    const back = errorFrom({ code: "KEY_NOT_FOUND", message: "there is no key", hint: "something else" });
    assert.deepEqual([back.message, back.hint], ["there is no key", undefined]);
  });

  it("has no hint field when there is no hint", () => {
    assert.deepEqual(Object.keys(wordsOf(new TunnelError("DNS_FAILED", "no such name"))), ["code", "message"]);
  });
});

describe("a fault of a key file", () => {
  it("lies in a file of this machine, and is no difference between the ends", () => {
    assert.deepEqual((["KEY_NOT_FOUND", "KEY_PERMISSIONS", "KEY_WEAK", "KEY_MISMATCH", "CONFIG_INVALID"] as const).map(isKeyFileFault), [
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
