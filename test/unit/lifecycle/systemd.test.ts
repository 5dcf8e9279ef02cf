/** What a service manager passes to a service in the environment, and what the service tells the manager. */
import assert from "node:assert/strict";
import { notifyManager, passedDescriptors } from "../../../daemon/lifecycle/systemd.ts";

const OURS = 4321;

describe("descriptors from a service manager", () => {
  it("are numbered from 3", () => {
    assert.deepEqual(passedDescriptors({ LISTEN_PID: "4321", LISTEN_FDS: "3" }, OURS), [3, 4, 5]);
  });

  it("are none without the variables", () => {
    assert.deepEqual(passedDescriptors({}, OURS), []);
  });

  it("are none when they were meant for our parent", () => {
    assert.deepEqual(passedDescriptors({ LISTEN_PID: "1", LISTEN_FDS: "1" }, OURS), []);
  });

  for (const count of ["0", "", "-1", "1e3", "two", "99999", " 1"]) {
    it(`are none when their number is ${JSON.stringify(count)}`, () => {
      assert.deepEqual(passedDescriptors({ LISTEN_PID: "4321", LISTEN_FDS: count }, OURS), []);
    });
  }

  it("are not offered to our own children: the variables are removed", () => {
    const env = { LISTEN_PID: "4321", LISTEN_FDS: "1", LISTEN_FDNAMES: "redis", PATH: "/bin" };
    passedDescriptors(env, OURS);
    assert.deepEqual(env, { PATH: "/bin" });
  });
});

describe("a notification to the service manager", () => {
  it("is not sent without NOTIFY_SOCKET", async () => {
    assert.equal(await notifyManager({}, "ready", "1 entries"), undefined);
  });
});
