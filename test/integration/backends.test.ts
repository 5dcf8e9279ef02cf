/** One far end that leads to several services: a real daemon at both ends, entries approved as users do, and the diagnosis of one that is refused. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startEcho } from "../support/process/backend.ts";
import { exchange, sha256 } from "../support/process/peer.ts";
import { approveAndWant, Home, portOf, type TestClient } from "../support/process/tunneld.ts";
import { stageForEach } from "../support/stage.ts";

describe("a far end with several services", () => {
  const stage = stageForEach();

  async function open(
    client: TestClient,
    home: Home,
    name: string,
    entry: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly configPath: string; readonly listen: string }> {
    const configPath = home.workspace(name, { [name]: entry });
    const [tunnel] = await approveAndWant(client, configPath, [name]);
    assert.ok(tunnel);
    return { configPath, listen: tunnel.listen };
  }

  it("leads each client where its entry asks, over one connection, and refuses what it does not lead to", async () => {
    const home = new Home(stage);
    home.key("team");
    const client = home.client();
    const [own, replica, third] = [await startEcho(stage), await startEcho(stage), await startEcho(stage)];
    const address = (service: { readonly address: string }): string => `127.0.0.1:${portOf(service.address)}`;
    const far = await open(client, home, "far", { role: "server", target: address(own), targets: { replica: address(replica) }, allow: [address(third)] });
    const ways = [
      ["plain", {}, own],
      ["by-name", { backend: "replica" }, replica],
      ["by-address", { backend: address(third) }, third],
    ] as const;
    for (const [name, more, service] of ways) {
      const near = await open(client, home, name, { target: far.listen, ...more });
      const sent = randomBytes(100_000);
      assert.equal(sha256(await exchange(stage, `[127.0.0.1]:${portOf(near.listen)}`, sent)), sha256(sent));
      assert.equal(service.peers.length, 1, name);
    }
    const { tunnels } = await client.daemon.request("tunnels/list", {});
    const farEnd = tunnels.find(({ configPath }) => configPath === far.configPath);
    assert.equal(farEnd?.handshake.count, 1, "the three clients have one session");

    const stray = await open(client, home, "stray", { target: far.listen, backend: "127.0.0.1:1" });
    const report = await client.daemon.request("tunnel/diagnose", { configPath: stray.configPath, name: "stray" });
    assert.deepEqual([report.code, report.certain], ["TARGET_REFUSED", true]);
    assert.match(report.cause, /does not lead to the backend 127\.0\.0\.1:1/);
    assert.deepEqual(
      ways.map(([, , { peers }]) => peers.length),
      [1, 1, 1],
      "nothing was dialled",
    );
  });

  it("asks for approval again when what it leads to changes", async () => {
    const home = new Home(stage);
    home.key("team");
    const client = home.client();
    const echo = await startEcho(stage);
    const entry = { role: "server", target: `127.0.0.1:${portOf(echo.address)}` };
    const { configPath } = await open(client, home, "far", entry);
    home.workspace("far", { far: { ...entry, allow: ["127.0.0.1:22"] } });
    const { pending } = await client.daemon.request("approvals/list", { configPath });
    assert.deepEqual(
      pending.map(({ name, allow }) => [name, allow]),
      [["far", ["127.0.0.1:22"]]],
    );
  });
});
