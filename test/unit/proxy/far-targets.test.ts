/** Which backends the clients of a server's entry reach: by name, by address, and which never; and that exactly the judged address is dialled. */
import assert from "node:assert/strict";
import { FarTargets, type FarTargetsOptions } from "../../../daemon/proxy/far-targets.ts";
import { readAllow } from "../../../shared/contract/allow-rules.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { type AllowRule, readBackend } from "../../../shared/far-target.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii, sameBytes } from "../../support/wire/bytes.ts";
import { type End, type EndOptions, makeRoute, startEnd } from "../../support/wire/ends.ts";
import { type Backend, connectTo, startBackend } from "../../support/wire/peer.ts";

function rules(lines: readonly string[]): readonly AllowRule[] {
  return lines.map((line) => {
    const read = readAllow(line);
    return "rule" in read ? read.rule : assert.fail(line);
  });
}

describe("what a server's entry leads to", () => {
  const scope = stageForEach();

  /** The address that is dialled for `backend`, or the code of the refusal. */
  async function leadsTo(backend: string, options: Pick<FarTargetsOptions, "targets" | "lookup"> & { readonly allow?: readonly string[] }): Promise<string> {
    const targets = scope.own(new FarTargets({ refreshMs: 60_000, ...options, allow: rules(options.allow ?? []) }), (owned) => owned.dispose());
    try {
      return (await targets.find(readBackend(backend) ?? assert.fail(backend))).text;
    } catch (error) {
      return error instanceof TunnelError ? error.code : assert.fail(String(error));
    }
  }

  const hosts: Readonly<Record<string, readonly string[]>> = {
    "cache-1.internal": ["10.9.9.9", "2001:db8::9"],
    "evil.internal": ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"],
  };
  const lookup = (host: string): Promise<readonly string[]> => Promise.resolve(hosts[host] ?? Promise.reject(new Error("ENOTFOUND")));

  for (const [backend, allow, expected] of [
    ["10.0.0.7:6379", ["10.0.0.0/24:6379-6384"], "10.0.0.7:6379"],
    ["10.0.0.7:6384", ["10.0.0.0/24:6379-6384"], "10.0.0.7:6384"],
    ["10.0.0.7:6385", ["10.0.0.0/24:6379-6384"], "TARGET_REFUSED"],
    ["10.0.0.7:6378", ["10.0.0.0/24:6379-6384"], "TARGET_REFUSED"],
    ["10.0.1.0:6379", ["10.0.0.0/24:6379-6384"], "TARGET_REFUSED"],
    ["[2001:db8::5]:6379", ["[2001:db8::/64]:6379"], "[2001:db8::5]:6379"],
    ["[::ffff:10.0.0.7]:6379", ["10.0.0.0/24:6379"], "10.0.0.7:6379"],
    ["10.9.9.9:6379", ["cache-1.internal:6379"], "10.9.9.9:6379"],
    ["[2001:db8::9]:6379", ["cache-1.internal:6379"], "[2001:db8::9]:6379"],
    ["10.9.9.8:6379", ["cache-1.internal:6379"], "TARGET_REFUSED"],
    ["10.9.9.9:6380", ["cache-1.internal:6379"], "TARGET_REFUSED"],
    ["10.9.9.9:6379", ["nowhere.internal:6379"], "TARGET_REFUSED"],
    // Special addresses: only by a line that lies inside, and never by a name.
    ["127.0.0.1:22", ["127.0.0.1:22"], "127.0.0.1:22"],
    ["127.0.0.1:22", ["127.0.0.0/16:22"], "127.0.0.1:22"],
    ["127.0.0.1:22", ["evil.internal:22"], "TARGET_REFUSED"],
    ["169.254.169.254:80", ["evil.internal:80"], "TARGET_REFUSED"],
    ["169.254.169.254:80", ["169.254.0.0/16:80"], "169.254.169.254:80"],
    ["[::1]:22", ["evil.internal:22"], "TARGET_REFUSED"],
    ["[fe80::1]:22", ["[fe80::/64]:22"], "[fe80::1]:22"],
    ["[64:ff9b::a00:7]:22", ["10.0.0.0/24:22"], "TARGET_REFUSED"],
    ["[2002:a00:7::]:22", ["10.0.0.0/24:22"], "TARGET_REFUSED"],
    ["[fd00:ec2::254]:80", ["[fd00:ec2::/64]:80"], "TARGET_REFUSED"],
    ["0.0.0.0:22", ["127.0.0.1:22"], "TARGET_REFUSED"],
    ["255.255.255.255:22", ["10.0.0.0/16:22"], "TARGET_REFUSED"],
    ["224.0.0.1:22", ["10.0.0.0/16:22"], "TARGET_REFUSED"],
    ["10.0.0.7:6379", [], "TARGET_REFUSED"],
  ] as const)
    it(`leads ${backend} to ${expected} with ${JSON.stringify(allow)}`, async () => assert.equal(await leadsTo(backend, { allow, lookup }), expected));

  it("leads a name where the entry says, and no other name", async () => {
    const targets = { replica: "127.0.0.1:6380", sock: "/run/redis.sock" };
    assert.deepEqual(await Promise.all(["replica", "sock", "other"].map((name) => leadsTo(name, { targets }))), [
      "127.0.0.1:6380",
      "/run/redis.sock",
      "TARGET_REFUSED",
    ]);
  });

  describe("between two ends", () => {
    let own: Backend;
    let replica: Backend;
    let server: End;

    beforeEach(async () => {
      [own, replica] = [await startBackend(scope), await startBackend(scope)];
      const options: EndOptions = { role: "server", target: own.port, wire: "auto", maxConnections: 2 };
      const allow = rules([`127.0.0.1:${replica.port}`]);
      const others = scope.own(new FarTargets({ targets: { replica: `127.0.0.1:${replica.port}` }, allow, refreshMs: 60_000 }), (owned) => owned.dispose());
      server = await startEnd(scope, options, [{ ...makeRoute(scope, options), others }]);
    });

    async function clientFor(backend: string): Promise<End> {
      const options: EndOptions = { role: "client", target: server.port, wire: "native" };
      return await startEnd(scope, options, [{ ...makeRoute(scope, options), backend: readBackend(backend) }]);
    }

    it("a client gets the backend it asks for, by name and by address, beside one that asks for nothing", async () => {
      for (const backend of ["replica", `127.0.0.1:${replica.port}`]) {
        const user = await connectTo(scope, await clientFor(backend));
        user.write(ascii("hello"));
        const service = await replica.accept();
        sameBytes(await service.read(5), ascii("hello"));
        service.write(ascii("there"));
        sameBytes(await user.read(5), ascii("there"));
        user.socket.destroy();
        await service.ending();
        service.socket.destroy();
      }
      assert.equal(server.stats.backendVerifiedAtMs, undefined, "another backend says nothing about the entry's own");
      await server.allClosed(2);
      const plain = await startEnd(scope, { role: "client", target: server.port, wire: "native" });
      (await connectTo(scope, plain)).write(ascii("x"));
      await (await own.accept()).read(1);
    });

    for (const backend of ["other", "127.0.0.1:1", "169.254.169.254:80"] as const)
      it(`a client that asks for ${backend} hears TARGET_REFUSED, and nothing is dialled`, async () => {
        const client = await clientFor(backend);
        await (await connectTo(scope, client)).ending();
        assert.deepEqual([await client.failure(), await server.failure()], ["TARGET_REFUSED", "TARGET_REFUSED"]);
        assert.deepEqual([own.peers.length, replica.peers.length], [0, 0]);
      });

    it("the limit of the entry counts them all", async () => {
      const [one, other] = [await clientFor("replica"), await startEnd(scope, { role: "client", target: server.port, wire: "native" })];
      for (const [client, backend] of [
        [one, replica],
        [other, own],
      ] as const) {
        (await connectTo(scope, client)).write(ascii("x"));
        await (await backend.accept()).read(1);
      }
      await (await connectTo(scope, one)).ending();
      assert.equal(await one.failure(), "LIMIT_REACHED");
    });
  });
});
