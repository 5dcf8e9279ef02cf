// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of tunnels.json are written that way
import assert from "node:assert/strict";
import type { LocalEnd } from "../../../../shared/contract/connection-url.ts";
import { expandEnv, placeholdersOf, tunnelEnvironment, variablePrefix } from "../../../../shared/contract/tunnel-environment.ts";

const tcp = (host = "127.0.0.1", port = 6579): LocalEnd => ({ kind: "tcp", host, port });
const unix: LocalEnd = { kind: "unix", path: "/run/my db/x.sock" };
const TEMPLATE = "$" + "{url}";

describe("the environment of a tunnel", () => {
  it("has TLS in every URL when the entry says TLS", () => {
    const entry = { role: "client", service: "redis", tls: true, env: { CACHE: TEMPLATE } } as const;
    const { TUNNEL_CACHE_URL, CACHE } = tunnelEnvironment("cache", entry, tcp());
    assert.deepEqual([TUNNEL_CACHE_URL, CACHE], ["rediss://127.0.0.1:6579", "rediss://127.0.0.1:6579"]);
  });

  it("has every placeholder replaced", () => {
    const values = placeholdersOf("orders", { service: "mysql", listen: tcp("127.0.0.1", 3307), user: "app", database: "orders" });
    const env = expandEnv({ ALL: `${TEMPLATE} $\{host} $\{port} $\{name} $\{host}` }, values);
    assert.deepEqual(env, { ALL: "mysql://app@127.0.0.1:3307/orders 127.0.0.1 3307 orders 127.0.0.1" });
  });

  it("has a unix socket's path as host and no port", () => {
    const values = placeholdersOf("x", { service: "redis", listen: unix });
    assert.deepEqual(expandEnv({ H: "${host}|${port}|" }, values), { H: "/run/my db/x.sock||" });
  });

  it("is not expanded a second time, and patterns of String.replace mean nothing", () => {
    const values = { url: "${name}", host: "$&", port: "$1", name: "n" };
    assert.deepEqual(expandEnv({ A: TEMPLATE, B: "${host}${port}" }, values), { A: "${name}", B: "$&$1" });
  });

  it("leaves text alone that is no placeholder, including names from Object.prototype", () => {
    const values = placeholdersOf("x", { service: "tcp", listen: tcp() });
    assert.deepEqual(expandEnv({ A: "${constructor}$HOME" }, values), { A: "${constructor}$HOME" });
  });
});

describe("the environment of one tunnel", () => {
  it("has its own three variables and those of the entry, and the entry's win", () => {
    const env = { REDIS_URL: "${url}?x", TUNNEL_MY_CACHE_HOST: "else" };
    assert.deepEqual(tunnelEnvironment("my-cache", { role: "client", service: "redis", env }, tcp()), {
      TUNNEL_MY_CACHE_URL: "redis://127.0.0.1:6579",
      TUNNEL_MY_CACHE_HOST: "else",
      TUNNEL_MY_CACHE_PORT: "6579",
      REDIS_URL: "redis://127.0.0.1:6579?x",
    });
  });

  it("is empty for a server's end: its port is encrypted", () => {
    assert.deepEqual(tunnelEnvironment("end", { role: "server", service: "redis" }, tcp()), {});
  });

  it("makes a variable's name from any tunnel's name", () => {
    for (const name of ["a", "9lives", "x.y-z_1"]) assert.match(variablePrefix(name), /^TUNNEL_[A-Z0-9_]+$/);
  });
});
