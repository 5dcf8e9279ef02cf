// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of tunnels.json are written that way
import assert from "node:assert/strict";
import fc from "fast-check";
import { connectionUrl, type LocalEnd, localEndOf } from "../../../../shared/contract/connection-url.ts";
import { codeOf } from "../../../support/wire/codes.ts";

const tcp = (host = "127.0.0.1", port = 6579): LocalEnd => ({ kind: "tcp", host, port });
const unix: LocalEnd = { kind: "unix", path: "/run/my db/x.sock" };

describe("the connection URL", () => {
  for (const [parts, url] of [
    [{ service: "redis", listen: tcp() }, "redis://127.0.0.1:6579"],
    [{ service: "redis", listen: tcp(), user: "app", database: 2 }, "redis://app@127.0.0.1:6579/2"],
    [{ service: "redis", listen: tcp(), database: 0 }, "redis://127.0.0.1:6579/0"],
    [{ service: "redis", listen: unix, user: "app", database: 2 }, "unix://app@/run/my%20db/x.sock?db=2"],
    [{ service: "mysql", listen: tcp("127.0.0.1", 3307), user: "app", database: "orders" }, "mysql://app@127.0.0.1:3307/orders"],
    [{ service: "mysql", listen: unix, user: "app", database: "orders" }, "mysql://app@localhost/orders?socket=%2Frun%2Fmy%20db%2Fx.sock"],
    [{ service: "postgres", listen: tcp("127.0.0.1", 5433) }, "postgresql://127.0.0.1:5433"],
    [{ service: "postgres", listen: tcp("127.0.0.1", 5433), user: "app", database: "orders" }, "postgresql://app@127.0.0.1:5433/orders"],
    [
      { service: "postgres", listen: tcp("127.0.0.1", 5433), user: "app", database: "orders", tls: true },
      "postgresql://app@127.0.0.1:5433/orders?sslmode=require",
    ],
    [{ service: "postgres", listen: tcp(), tls: true }, "postgresql://127.0.0.1:6579/?sslmode=require"],
    [
      { service: "postgres", listen: { kind: "unix", path: "/run/my db/.s.PGSQL.5433" }, user: "app", database: "orders" },
      "postgresql://app@/orders?host=%2Frun%2Fmy%20db&port=5433",
    ],
    [{ service: "postgres", listen: { kind: "unix", path: "/run/db/.s.PGSQL.5432" }, tls: true }, "postgresql:///?host=%2Frun%2Fdb&port=5432&sslmode=require"],
    [{ service: "mongodb", listen: tcp("127.0.0.1", 27018) }, "mongodb://127.0.0.1:27018/?directConnection=true"],
    [{ service: "mongodb", listen: tcp("127.0.0.1", 27018), user: "app", database: "shop" }, "mongodb://app@127.0.0.1:27018/shop?directConnection=true"],
    [
      { service: "mongodb", listen: unix, user: "app", database: "shop", tls: true },
      "mongodb://app@%2Frun%2Fmy%20db%2Fx.sock/shop?directConnection=true&tls=true&tlsAllowInvalidHostnames=true",
    ],
    [{ service: "tcp", listen: tcp() }, "tcp://127.0.0.1:6579"],
    [{ service: "tcp", listen: unix }, "unix:///run/my%20db/x.sock"],
    [{ service: "redis", listen: tcp("::1") }, "redis://[::1]:6579"],
    [{ service: "redis", listen: tcp(), tls: true }, "rediss://127.0.0.1:6579"],
    [{ service: "redis", listen: tcp(), tls: true, user: "app", database: 2 }, "rediss://app@127.0.0.1:6579/2"],
    [{ service: "redis", listen: tcp(), tls: false }, "redis://127.0.0.1:6579"],
    [{ service: "mysql", listen: tcp(), tls: true, user: "app", database: "orders" }, "mysql://app@127.0.0.1:6579/orders?ssl-mode=REQUIRED"],
    [{ service: "mysql", listen: tcp(), tls: true }, "mysql://127.0.0.1:6579/?ssl-mode=REQUIRED"],
    [{ service: "mysql", listen: unix, tls: true }, "mysql://localhost/?socket=%2Frun%2Fmy%20db%2Fx.sock&ssl-mode=REQUIRED"],
  ] as const) {
    it(`is ${url}`, () => {
      assert.equal(connectionUrl(parts), url);
    });
  }

  it("leads to 127.0.0.1 when the tunnel listens at every address", () => {
    assert.equal(connectionUrl({ service: "redis", listen: tcp("0.0.0.0") }), "redis://127.0.0.1:6579");
    assert.equal(connectionUrl({ service: "redis", listen: tcp("::") }), "redis://127.0.0.1:6579");
  });

  it("has no password, whatever the user is called", () => {
    const url = new URL(connectionUrl({ service: "mysql", listen: tcp(), user: "app:secret@evil.example/", database: "x" }));
    assert.deepEqual([url.password, url.hostname, decodeURIComponent(url.username)], ["", "127.0.0.1", "app:secret@evil.example/"]);
  });

  it("gives back any user and database when it is parsed", () =>
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), fc.string({ unit: "grapheme", minLength: 1 }), (user, database) => {
        fc.pre(database !== "." && database !== "..");
        const text = connectionUrl({ service: "mysql", listen: tcp(), user, database });
        const url = new URL(text);
        assert.deepEqual([url.hostname, url.port, url.password, url.search, url.hash], ["127.0.0.1", "6579", "", "", ""]);
        assert.deepEqual([decodeURIComponent(url.username), decodeURIComponent(url.pathname.slice(1))], [user, database]);
        assert.match(text, /^[\w:/@.%~-]+$/);
      }),
    ));

  it("is made without an exception from half a surrogate pair", () => {
    assert.equal(connectionUrl({ service: "mysql", listen: tcp(), user: "\ud800" }), "mysql://%EF%BF%BD@127.0.0.1:6579");
  });
});

describe("the local end of a tunnel", () => {
  for (const [text, end] of [
    ["127.0.0.1:6579", tcp()],
    ["[::1]:6579", tcp("::1")],
    ["localhost:1", tcp("localhost", 1)],
    ["/run/my db/x.sock", unix],
  ] as const) {
    it(`is read from ${text}`, () => assert.deepEqual(localEndOf(text), end));
  }

  for (const text of ["", "6579", "cache", "127.0.0.1:65536", "::1:6579", "[x]:1", "a:b:1", "./sock"]) {
    it(`is not guessed from "${text}"`, () => {
      assert.equal(
        codeOf(() => localEndOf(text)),
        "CONFIG_INVALID",
      );
    });
  }
});
