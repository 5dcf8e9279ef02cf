/** The histories of a window's tunnels, as the daemon tells of them. */
import assert from "node:assert/strict";
import { TunnelHistories } from "../../../../extension/tunnels/tunnel-histories.ts";
import { DAEMON, FakeDaemon } from "../../../support/fake-client.ts";
import { tunnelStatus } from "../../../support/status.ts";

describe("the histories of a window", () => {
  const REF = { configPath: tunnelStatus().configPath, name: "cache" };

  it("have every change, also those between two looks of the store", async () => {
    const daemon = new FakeDaemon();
    const link = daemon.link();
    const histories = new TunnelHistories(link, () => 9_000);
    const told: string[] = [];
    histories.onDidHappen(({ ref, event }) => told.push(`${ref.name} ${event.kind}`));
    await link.request("tunnels/list", {});
    for (const state of ["listening", "verified", "degraded", "verified", "closed"] as const) {
      daemon.clients.at(-1)?.notify("tunnel/changed", tunnelStatus({ state }));
    }
    assert.deepEqual(told, ["cache opened", "cache verified", "cache lost", "cache recovered", "cache closed"]);
    assert.deepEqual(
      histories.eventsOf(REF).map(({ kind }) => kind),
      ["closed", "recovered", "lost", "verified", "opened"],
    );
    assert.deepEqual(histories.eventsOf({ ...REF, name: "other" }), []);
    histories.dispose();
    link.dispose();
  });

  it("take a daemon that is away for no event", async () => {
    const daemon = new FakeDaemon();
    daemon.answer("tunnels/list", () => ({ daemon: DAEMON, tunnels: [tunnelStatus({ state: "verified" })] }));
    const link = daemon.link();
    const histories = new TunnelHistories(link, () => 9_000);
    await link.request("tunnels/list", {});
    link.disconnect();
    await link.request("tunnels/list", {});
    assert.deepEqual(
      histories.eventsOf(REF).map(({ kind }) => kind),
      ["verified"],
    );
    histories.dispose();
    link.dispose();
  });
});
