/**
 * Which wire two ends speak, for each setting of ours and Debian's spiped in both places: all data arrives, over the wire
 * that the document names, or the connection is refused with WIRE_REFUSED at the end that takes the native wire alone.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startEcho } from "../support/process/backend.ts";
import { startEnd } from "../support/process/ends.ts";
import { connectTo, exchange, sha256 } from "../support/process/peer.ts";
import { approveAndWant, Home, portOf, reaches, type TestClient } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

const ENDS = ["auto", "spiped", "native", "Debian's"] as const;
type Kind = (typeof ENDS)[number];

/** docs/PROTOCOL.md has the same table. */
function expected(near: Kind, far: Kind): "native" | "spiped" | "refused at the client" | "refused at the server" {
  const knowsNative = (kind: Kind): boolean => kind === "auto" || kind === "native";
  if (knowsNative(near) && knowsNative(far)) return "native";
  if (near === "native") return "refused at the client";
  return far === "native" ? "refused at the server" : "spiped";
}

describe("two ends and their wires", () => {
  const stage = stageForEach();

  for (const near of ENDS) {
    for (const far of ENDS) {
      if (near === "Debian's" && far === "Debian's") continue;
      it(`with ${near} at the client's end and ${far} at the server's: ${expected(near, far)}`, async () => {
        const home = new Home(stage);
        const key = home.key("team");
        const client = home.client();
        const echo = await startEcho(stage);
        const farEnd = far === "Debian's" ? undefined : await open(client, home, "far", { role: "server", target: echo.address, wire: far });
        const farAddress = farEnd?.listen ?? (await startEnd(stage, { maker: "Debian's", role: "-d", target: echo.address, key })).address;
        const nearEnd = near === "Debian's" ? undefined : await open(client, home, "near", { target: farAddress, wire: near });
        const port = nearEnd
          ? portOf(nearEnd.listen)
          : portOf((await startEnd(stage, { maker: "Debian's", role: "-e", target: `[127.0.0.1]:${portOf(farAddress)}`, key })).address);
        const result = expected(near, far);
        if (result === "native" || result === "spiped") {
          const sent = randomBytes(300_000);
          assert.equal(sha256(await exchange(stage, `[127.0.0.1]:${port}`, sent)), sha256(sent));
          for (const end of [nearEnd, farEnd]) if (end) await reaches(client, end, { state: "verified", holds: ({ wire }) => wire === result });
          return;
        }
        const user = await connectTo(stage, `[127.0.0.1]:${port}`);
        user.socket.write("hello");
        const refusing = (result === "refused at the client" ? nearEnd : farEnd) ?? assert.fail("only ends of ours refuse");
        const codes = async (): Promise<boolean> => {
          const { tunnels } = await client.daemon.request("tunnels/list", {});
          return (tunnels.find(({ configPath }) => configPath === refusing.configPath)?.refused["WIRE_REFUSED"] ?? 0) > 0;
        };
        await until(codes, { what: "the connection was refused with WIRE_REFUSED" });
        // Debian's spiped dials its backend before it knows who connects.
        assert.deepEqual(
          echo.peers.map((peer) => peer.received.length),
          far === "Debian's" ? [0] : [],
        );
      });
    }
  }

  async function open(
    client: TestClient,
    home: Home,
    name: string,
    entry: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly configPath: string; readonly name: string; readonly listen: string }> {
    const configPath = home.workspace(name, { [name]: entry });
    const [tunnel] = await approveAndWant(client, configPath, [name]);
    assert.ok(tunnel);
    return { configPath, name, listen: tunnel.listen };
  }
});
