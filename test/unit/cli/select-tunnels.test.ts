import assert from "node:assert/strict";
import { selectTunnels } from "../../../daemon/cli/select-tunnels.ts";
import { tunnelStatus } from "../../support/status.ts";
import { codeOf } from "../../support/wire/codes.ts";

const here = tunnelStatus({ configPath: "/here/tunnels.json" });
const there = tunnelStatus({ configPath: "/there/tunnels.json" });
const orders = tunnelStatus({ name: "orders" });

const select = (names: readonly string[], preference: { readonly only?: string; readonly first?: string } = {}) =>
  selectTunnels([here, there, orders], names, { only: preference.only, first: () => preference.first });

describe("choosing among the daemon's tunnels", () => {
  it("takes the only tunnel of a name, and each tunnel once", () => assert.deepEqual(select(["orders", "orders"]), [orders]));

  it("takes the tunnel of this folder's file when several files have the name", () => {
    assert.deepEqual(select(["cache"], { first: "/there/tunnels.json" }), [there]);
  });

  it("takes only tunnels of the named file", () => {
    assert.deepEqual(select(["cache"], { only: "/here/tunnels.json", first: "/there/tunnels.json" }), [here]);
    assert.throws(() => select(["orders"], { only: "/here/tunnels.json" }), { code: "CONFIG_INVALID" });
  });

  it("refuses to guess between files", () => {
    assert.equal(
      codeOf(() => select(["cache"], { first: "/elsewhere/tunnels.json" })),
      "CONFIG_INVALID",
    );
  });

  it("suggests the nearest name for an unknown one", () => {
    assert.throws(() => select(["odrers"]), /did you mean "orders"\?/);
    assert.throws(() => select(["xyzzy"]), /tunneld up xyzzy/);
  });
});
