/** What a file from a stranger may not do, and what belongs together; each at its exact place. */
import assert from "node:assert/strict";
import { faultsOf, oneEntry, onlyProblem, parse } from "../../../support/tunnels-json.ts";

describe("the rules of an entry", () => {
  it("give a client one key", () => {
    assert.match(onlyProblem(oneEntry({ key: ["a", "b"] }), '["a","b"]').message, /a client has one key/);
    assert.deepEqual(faultsOf({ key: ["a"] }), []);
  });

  it("refuse a key listed twice, at its second place", () => {
    assert.match(onlyProblem(oneEntry({ role: "server", key: ["first", "same", "same"] }).replace('"same"]', '"same" ]'), '"same"').message, /twice/);
  });

  for (const [what, key, at, message] of [
    ["an empty list of keys", [], "[]", /empty list/],
    ["nine keys", Array.from({ length: 9 }, (_, index) => `k${index}`), undefined, /may have 8/],
    ["a number as a key", 5, "5", /name of a key/],
    ["an unknown property of a key", { fil: "x" }, undefined, /did you mean "file"/],
    ["a mistyped shared", { file: "x", share: true }, undefined, /did you mean "shared"/],
    ["a shared that is no yes or no", { file: "x", shared: "yes" }, '"yes"', /"shared" must be true or false/],
    ["an empty path", { file: "" }, '""', /path of a key file/],
    ["a path as a key's name", "keys/team.key", '"keys/team.key"', /"file"/],
    ["a name no key can have", "my key", '"my key"', /no name of a key/],
  ] as const) {
    it(`refuse ${what}`, () => {
      const { problems } = parse(oneEntry({ role: "server", key }));
      assert.match(problems[0]?.message ?? "", message);
      if (at) onlyProblem(oneEntry({ role: "server", key }), at);
    });
  }

  for (const [what, secret] of [
    ["hexadecimal", "9f".repeat(32)],
    ["hexadecimal with colons", Array.from({ length: 32 }, () => "9F").join(":")],
    ["base64", "CzBVep/E6Q4zWH2ix+wRNluApcrvFDleg6jN8hc8YYY="],
    ["base64url", "-lWwC2bBHHfSLYjjPpn0T6oFYLsWccwngt04k-5JpP8"],
  ] as const) {
    it(`refuse a key itself in ${what}, and don't repeat it`, () => {
      for (const key of [secret, { file: secret }, [secret]]) {
        const [message = ""] = faultsOf({ key });
        assert.match(message, /looks like a key itself.*key file/);
        assert.ok(!message.includes(secret.slice(0, 8)));
      }
    });
  }

  it("accept TLS for Redis and MySQL, at both ends, and when MySQL listens at a socket", () => {
    for (const more of [
      { service: "redis" },
      { service: "redis", role: "server", listen: "/run/redis.sock" },
      { service: "mysql" },
      { service: "mysql", listen: "/run/db.sock" },
    ])
      assert.deepEqual(faultsOf({ tls: true, ...more }), []);
  });

  it("refuse TLS when nothing is known of the service, but let a tcp entry say that it has none", () => {
    assert.match(onlyProblem(oneEntry({ tls: true, service: "tcp" }), '"tls"').message, /"tls" needs a "service" other than tcp/);
  });

  it("want PostgreSQL's database by name, and its socket where clients look for it", () => {
    assert.match(onlyProblem(oneEntry({ service: "postgres", database: 2 }), "2").message, /must be a name for PostgreSQL: write "2"/);
    assert.match(onlyProblem(oneEntry({ service: "postgres", listen: "/run/db.sock" }), '"/run/db.sock"').message, /must be called "\.s\.PGSQL\."/);
    assert.deepEqual(faultsOf({ service: "postgres", listen: "/run/db/.s.PGSQL.5432", database: "orders", tls: true }), []);
    assert.deepEqual(faultsOf({ service: "postgres", role: "server", listen: "/run/db.sock" }), []);
    assert.deepEqual(faultsOf({ tls: false, service: "tcp" }), []);
  });

  it("refuse a socket path for a Redis with TLS, because no URL can say that", () => {
    assert.match(onlyProblem(oneEntry({ tls: true, service: "redis", listen: "/run/redis.sock" }), "true").message, /needs a port as "listen"/);
  });

  it("say how to write the value of tls when it is in quotation marks", () => {
    assert.match(onlyProblem(oneEntry({ tls: "true", service: "redis" }), '"true"').message, /true or false, not "true": write it without quotation marks/);
  });

  it("don't take a long path or a long name for a key", () => {
    for (const key of [
      { file: "/home/Alice/keys/Team1/production/redis/europe/west" },
      { file: "~/Keys/2026/production-redis-cache-europe-west-1" },
      "team-redis-production-cache-in-europe-west-number",
    ]) {
      assert.deepEqual(faultsOf({ key }), []);
    }
  });

  it("never repeat the value of key, whatever is wrong with it", () => {
    for (const key of ["hunter2 hunter2", { password: "x", file: 7 }, { file: "hunter2\u0000" }]) {
      for (const message of faultsOf({ key })) assert.doesNotMatch(message, /hunter2/);
    }
  });

  it("keep a tunnel from leading to itself", () => {
    assert.match(onlyProblem(oneEntry({ listen: 6579, target: "localhost:6579" }), '"localhost:6579"').message, /lead to itself/);
  });

  it("keep user, database and env to clients", () => {
    for (const more of [{ user: "app" }, { database: "x" }, { env: {} }]) {
      const [property = ""] = Object.keys(more);
      assert.match(onlyProblem(oneEntry({ role: "server", service: "mysql", ...more }), `"${property}"`).message, /client's entry/);
    }
  });

  it("keep user and database to services that have them", () => {
    assert.match(onlyProblem(oneEntry({ user: "app" }), '"user"').message, /"service"/);
  });

  for (const [service, more, at, message] of [
    ["redis", { database: "2" }, '"2"', /write 2 without quotation marks/],
    ["redis", { database: "0;FLUSHALL" }, '"0;FLUSHALL"', /whole number for Redis/],
    ["redis", { database: -1 }, "-1", /whole number from 0/],
    ["redis", { database: 1.5 }, "1.5", /whole number/],
    ["mysql", { database: 5 }, "5", /name for MySQL/],
    ["mysql", { database: "-e" }, '"-e"', /may not begin with "-"/],
    ["mysql", { database: ".." }, '".."', /can't be/],
    ["mysql", { user: "--init-command=x" }, '"--init-command=x"', /may not begin with "-"/],
    ["mysql", { user: "a\u001b[2J" }, undefined, /control/],
    ["mysql", { user: "a\u202eb" }, undefined, /invisible/],
    ["mysql", { user: "\ud800" }, undefined, /control/],
  ] as const) {
    it(`refuse ${JSON.stringify(more)} for ${service}`, () => {
      const text = oneEntry({ service, ...more });
      assert.match(parse(text).problems[0]?.message ?? "", message);
      if (at) onlyProblem(text, at);
    });
  }

  it("accept a number as Redis database, and any other name for MySQL", () => {
    assert.deepEqual(faultsOf({ service: "redis", database: 0, user: "app" }), []);
    assert.deepEqual(faultsOf({ service: "mysql", database: "orders; DROP", user: "app@%" }), []);
  });

  it("refuse a forbidden variable at its name, and a wrong value at the value", () => {
    assert.match(onlyProblem(oneEntry({ env: { LD_PRELOAD: "./evil.so" } }), '"LD_PRELOAD"').message, /may not set/);
    assert.match(onlyProblem(oneEntry({ env: { A: "$" + "{env:X}" } }), '"$' + '{env:X}"').message, /unknown placeholder/);
    assert.match(onlyProblem(oneEntry({ env: { A: "x\u0007" } }), '"x\\u0007"').message, /control/);
  });

  it("bound the number of variables", () => {
    const env = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`V${index}`, ""]));
    assert.match(faultsOf({ env })[0] ?? "", /101 variables/);
  });

  it("refuse unix sockets on Windows only", () => {
    assert.deepEqual(faultsOf({ listen: "/run/x.sock" }, "linux"), []);
    assert.match(faultsOf({ listen: "/run/x.sock" }, "win32")[0] ?? "", /Windows/);
  });

  it("show text of the file without characters that could act in a terminal or a notification", () => {
    const [message = ""] = faultsOf({ "[x](command:evil)\u001b]0;": 1 });
    assert.doesNotMatch(message, /\]\(|command|\p{Cc}/u);
  });
});
