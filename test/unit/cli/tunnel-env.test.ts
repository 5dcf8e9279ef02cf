// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of tunnels.json are written that way
import assert from "node:assert/strict";
import { commandEnvironment, type OpenTunnel } from "../../../daemon/cli/tunnel-env.ts";
import { codeOf } from "../../support/wire/codes.ts";

const entry: OpenTunnel["entry"] = { role: "client", service: "redis" };
const listen: OpenTunnel["listen"] = { kind: "tcp", host: "127.0.0.1", port: 6579 };

describe("the environment of exec", () => {
  it("has URL, host and port of each tunnel", () => {
    assert.deepEqual(commandEnvironment([{ name: "my-cache.2", entry, listen }]), {
      TUNNEL_MY_CACHE_2_URL: "redis://127.0.0.1:6579",
      TUNNEL_MY_CACHE_2_HOST: "127.0.0.1",
      TUNNEL_MY_CACHE_2_PORT: "6579",
    });
  });

  it("has the variables of the entry, with their placeholders replaced", () => {
    const env = { REDIS_URL: "${url}?x", PLAIN: "$url ${port}" };
    const result = commandEnvironment([{ name: "cache", entry: { ...entry, env }, listen }]);
    assert.equal(result["REDIS_URL"], "redis://127.0.0.1:6579?x");
    assert.equal(result["PLAIN"], "$url 6579");
  });

  it("has an empty port for a unix socket", () => {
    const result = commandEnvironment([{ name: "cache", entry, listen: { kind: "unix", path: "/run/c.sock" } }]);
    assert.deepEqual(result, { TUNNEL_CACHE_URL: "unix:///run/c.sock", TUNNEL_CACHE_HOST: "/run/c.sock", TUNNEL_CACHE_PORT: "" });
  });

  it("has nothing for a server's end: its port is encrypted", () => {
    assert.deepEqual(commandEnvironment([{ name: "end", entry: { role: "server", service: "tcp" }, listen }]), {});
  });

  for (const [what, tunnels] of [
    [
      "the same variable",
      [
        { name: "a", entry: { ...entry, env: { DATABASE_URL: "1" } }, listen },
        { name: "b", entry: { ...entry, env: { DATABASE_URL: "2" } }, listen },
      ],
    ],
    [
      "names that become the same variable",
      [
        { name: "a-b", entry, listen },
        { name: "a_b", entry, listen },
      ],
    ],
  ] as const) {
    it(`refuses two tunnels with ${what}: it would be unclear which database is reached`, () => {
      assert.equal(
        codeOf(() => commandEnvironment(tunnels)),
        "CONFIG_INVALID",
      );
    });
  }
});
