/** A successor gets the same options as its predecessor. */
import assert from "node:assert/strict";
import { type DaemonOptions, daemonArguments, parseDaemonOptions } from "../../../daemon/programs/daemon-options.ts";

describe("the options of a daemon", () => {
  const defaults: DaemonOptions = { stateDir: "/state", logLevel: "info", lingerMs: 60_000, idleMs: 30_000, drainMs: 60_000, background: false };

  for (const more of [{}, { logLevel: "debug", background: true }, { lingerMs: 100, idleMs: 0, drainMs: 1_500 }] as const) {
    it(`are read as they were written: ${JSON.stringify(more)}`, () => {
      const options = { ...defaults, ...more };
      const [command, ...args] = daemonArguments(options);
      assert.equal(command, "daemon");
      assert.deepEqual(parseDaemonOptions(args), options);
    });
  }
});
