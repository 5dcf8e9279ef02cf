import assert from "node:assert/strict";
import { join } from "node:path";
import { localDaemon } from "../../../daemon/client/local-daemon.ts";
import { STATE_DIR_VARIABLE } from "../../../daemon/lifecycle/paths.ts";

describe("the paths of this user's daemon", () => {
  let before: string | undefined;
  beforeEach(() => {
    before = process.env[STATE_DIR_VARIABLE];
  });
  afterEach(() => {
    if (before === undefined) delete process.env[STATE_DIR_VARIABLE];
    else process.env[STATE_DIR_VARIABLE] = before;
  });

  it("are in the given state folder, whatever the environment says", () => {
    process.env[STATE_DIR_VARIABLE] = "/srv/other";
    const { paths, place } = localDaemon({ stateDir: "/srv/state" });
    assert.deepEqual([paths.stateDir, paths.programDir, place.platform], ["/srv/state", join("/srv/state", "program"), process.platform]);
  });

  for (const options of [undefined, {}, { stateDir: "" }] as const) {
    it(`are in the environment's state folder with ${JSON.stringify(options)}`, () => {
      process.env[STATE_DIR_VARIABLE] = "/srv/other";
      assert.equal(localDaemon(options).paths.stateDir, "/srv/other");
    });
  }

  it("are the usual ones when no state folder is given", () => {
    delete process.env[STATE_DIR_VARIABLE];
    assert.match(localDaemon().paths.stateDir, /encrypted-tunnels/);
  });
});
