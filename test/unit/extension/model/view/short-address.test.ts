/** Addresses for a narrow row. */
import assert from "node:assert/strict";
import { english } from "../../../../../extension/model/translate.ts";
import { shortListen, shortTarget } from "../../../../../extension/model/view/short-address.ts";

describe("where a tunnel listens, in a row", () => {
  for (const [listen, text] of [
    [7301, ":7301"],
    ["7301", ":7301"],
    ["127.0.0.1:7301", ":7301"],
    ["127.0.0.2:7301", ":7301"],
    ["localhost:7301", ":7301"],
    ["[::1]:7301", ":7301"],
    ["0.0.0.0:7301", "0.0.0.0:7301"],
    ["[::]:7301", "[::]:7301"],
    [":7301", "*:7301"],
    ["10.0.0.5:7301", "10.0.0.5:7301"],
    [0, "any free port"],
    ["10.0.0.5:0", "10.0.0.5, any free port"],
    ["/run/user/1000/cache.sock", "cache.sock"],
    ["127.0.0.1.evil.example:1", "127.0.0.1.evil.example:1"],
  ] as const) {
    it(`${JSON.stringify(listen)} is "${text}"`, () => {
      assert.equal(shortListen(listen, english), text);
    });
  }
});

describe("where a tunnel leads, in a row", () => {
  for (const [target, text] of [
    ["cache.example.com:6479", "cache.example.com"],
    ["10.0.0.5:6479", "10.0.0.5"],
    ["[2001:db8::1]:6479", "[2001:db8::1]"],
    ["127.0.0.1:6379", "127.0.0.1:6379"],
    ["localhost:6379", "localhost:6379"],
    ["/run/redis/redis.sock", "redis.sock"],
    ["", ""],
    ["a $(bug) [x](command:y):1", "a $ (bug) x:1"],
  ] as const) {
    it(`${JSON.stringify(target)} is "${text}"`, () => {
      assert.equal(shortTarget(target), text);
    });
  }

  it("stays short, however long the name is", () => {
    assert.equal(shortTarget(`${"a".repeat(250)}:1`).length, 80);
  });
});
