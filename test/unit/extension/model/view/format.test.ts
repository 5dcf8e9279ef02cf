/** Times and sizes in words. */
import assert from "node:assert/strict";
import { english } from "../../../../../extension/model/translate.ts";
import { ago, listenText, measured, size, span } from "../../../../../extension/model/view/format.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const view = { t: english, nowMs: 1_000 * DAY };

describe("a time that has passed", () => {
  for (const [passedMs, text] of [
    [0, "just now"],
    [1_999, "just now"],
    [2 * SECOND, "2 s ago"],
    [59 * SECOND, "59 s ago"],
    [75 * SECOND, "1 min ago"],
    [119 * SECOND, "2 min ago"],
    [2 * MINUTE, "2 min ago"],
    [119 * MINUTE, "119 min ago"],
    [2 * HOUR, "2 h ago"],
    [47 * HOUR, "47 h ago"],
    [2 * DAY, "2 d ago"],
    [400 * DAY, "400 d ago"],
    [-5 * MINUTE, "just now"],
  ] as const) {
    it(`is "${text}" after ${passedMs} ms`, () => {
      assert.equal(ago(view.nowMs - passedMs, view), text);
    });
  }

  it("is told without seconds where it is not told again each second", () => {
    assert.equal(ago(view.nowMs - 100, { ...view, steps: "minutes" }), "less than a minute ago");
    assert.equal(ago(view.nowMs - 59 * SECOND, { ...view, steps: "minutes" }), "less than a minute ago");
    assert.equal(ago(view.nowMs - 3 * MINUTE, { ...view, steps: "minutes" }), "3 min ago");
  });

  it("is said by the translation as a whole", () => {
    const german = { t: (text: string, ...args: readonly (string | number)[]) => english(text === "{0} ago" ? "vor {0}" : text, ...args), nowMs: view.nowMs };
    assert.equal(ago(view.nowMs - 3 * MINUTE, german), "vor 3 min");
  });
});

describe("how long something lasts", () => {
  it("is never negative", () => {
    assert.equal(span(-1, english), "0 s");
  });
});

describe("a measured time", () => {
  for (const [ms, text] of [
    [0, "0 ms"],
    [0.44, "0.4 ms"],
    [9.96, "10 ms"],
    [12.4, "12 ms"],
    [999, "999 ms"],
    [1_500, "1.5 s"],
    [61_000, "61 s"],
  ] as const) {
    it(`is "${text}" for ${ms} ms`, () => {
      assert.equal(measured(ms, english), text);
    });
  }
});

describe("a size", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [999, "999 B"],
    [1_000, "1 kB"],
    [1_250, "1.3 kB"],
    [9_940, "9.9 kB"],
    [9_960, "10 kB"],
    [999_499, "999 kB"],
    [999_500, "1 MB"],
    [34_200_000, "34 MB"],
    [999_600_000, "1 GB"],
    [2_500_000_000, "2.5 GB"],
    [999_600_000_000, "1 TB"],
    [Number.MAX_SAFE_INTEGER, "9007 TB"],
  ] as const) {
    it(`is "${text}" for ${bytes} bytes`, () => {
      assert.equal(size(bytes, english), text);
    });
  }
});

describe("where a tunnel listens", () => {
  for (const [listen, text] of [
    [6579, "127.0.0.1:6579"],
    ["6579", "127.0.0.1:6579"],
    ["0.0.0.0:6579", "0.0.0.0:6579"],
    ["[::1]:6579", "[::1]:6579"],
    [0, "127.0.0.1, any free port"],
    ["[::1]:0", "[::1], any free port"],
    ["/run/cache.sock", "/run/cache.sock"],
    ["/run/\u001b[31mred.sock", "/run/ [31mred.sock"],
  ] as const) {
    it(`is "${text}" for ${JSON.stringify(listen)}`, () => {
      assert.equal(listenText(listen, english), text);
    });
  }

  it("keeps a port that ends in 0", () => {
    assert.equal(listenText("127.0.0.1:6580", english), "127.0.0.1:6580");
  });
});
