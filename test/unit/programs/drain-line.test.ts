import assert from "node:assert/strict";
import { drainLine } from "../../../daemon/programs/event-log.ts";

describe("the line after Ctrl-C", () => {
  it("says how many connections are open, how long they may go on and what cuts them", () => {
    assert.equal(drainLine({ open: 2, deadlineMs: 60_000, signal: "SIGINT" }), "2 connections are open and may go on for 60 s; Ctrl-C again cuts them");
    assert.equal(drainLine({ open: 1, deadlineMs: 500, signal: "SIGTERM" }), "1 connection is open and may go on for 0.5 s; a second signal cuts it");
  });

  it("is left out when there is nothing to wait for", () => {
    assert.equal(drainLine({ open: 0, deadlineMs: 60_000, signal: "SIGINT" }), undefined);
  });
});
