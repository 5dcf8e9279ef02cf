/** Programs for a client terminal and their arguments: they follow the entry, and no value could be an option. */
import assert from "node:assert/strict";
import { type ClientEntry, clientProgram } from "../../../../../extension/model/programs/client-program.ts";
import { localEnd } from "../../../../../extension/model/programs/local-end.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";

const TCP = { kind: "tcp", host: "127.0.0.1", port: 6579 } as const;
const UNIX = { kind: "unix", path: "/run/user/1000/my db.sock" } as const;

const argsOf = (entry: ClientEntry, listen: Parameters<typeof clientProgram>[1] = TCP): readonly string[] | undefined => clientProgram(entry, listen)?.args;

describe("the client of a Redis", () => {
  it("is redis-cli or valkey-cli", () => {
    assert.deepEqual(clientProgram({ service: "redis" }, TCP)?.candidates, ["redis-cli", "valkey-cli"]);
  });

  it("connects to the local port and the database as the user, and asks for the password", () => {
    assert.deepEqual(argsOf({ service: "redis" }), ["-h", "127.0.0.1", "-p", "6579"]);
    assert.deepEqual(argsOf({ service: "redis", database: 2, user: "app" }), ["-h", "127.0.0.1", "-p", "6579", "-n", "2", "--user", "app", "--askpass"]);
  });

  it("uses TLS if the entry does, and checks the certificate", () => {
    assert.deepEqual(argsOf({ service: "redis", tls: true, database: 2 }), ["-h", "127.0.0.1", "-p", "6579", "--tls", "-n", "2"]);
  });

  it("connects to a socket", () => {
    assert.deepEqual(argsOf({ service: "redis" }, UNIX), ["-s", "/run/user/1000/my db.sock"]);
  });

  it("has no database that is not a whole number", () => {
    for (const database of ["1", -1, 1.5]) assert.throws(() => argsOf({ service: "redis", database }), { code: "CONFIG_INVALID" });
  });
});

describe("the client of a PostgreSQL", () => {
  it("is psql with the URL, which asks for the password itself", () => {
    assert.deepEqual(clientProgram({ service: "postgres" }, TCP)?.candidates, ["psql"]);
    assert.deepEqual(argsOf({ service: "postgres" }), ["postgresql://127.0.0.1:6579"]);
    assert.deepEqual(argsOf({ service: "postgres", user: "app", database: "orders", tls: true }), ["postgresql://app@127.0.0.1:6579/orders?sslmode=require"]);
  });

  it("gets no option, whatever the names are", () => {
    assert.deepEqual(argsOf({ service: "postgres", user: "-c evil", database: "?host=/tmp" }), ["postgresql://-c%20evil@127.0.0.1:6579/%3Fhost%3D%2Ftmp"]);
  });
});

describe("the client of a MongoDB", () => {
  it("is mongosh with the URL, which asks for the password itself", () => {
    assert.deepEqual(clientProgram({ service: "mongodb" }, TCP)?.candidates, ["mongosh"]);
    assert.deepEqual(argsOf({ service: "mongodb", user: "app", database: "shop" }), ["mongodb://app@127.0.0.1:6579/shop?directConnection=true"]);
  });
});

describe("the client of a MySQL", () => {
  it("is mariadb or mysql", () => {
    assert.deepEqual(clientProgram({ service: "mysql" }, TCP)?.candidates, ["mariadb", "mysql"]);
  });

  it("connects by TCP to the local port and the database as the user, and asks for the password", () => {
    assert.deepEqual(argsOf({ service: "mysql", user: "app", database: "orders" }), [
      "--protocol=TCP",
      "--host=127.0.0.1",
      "--port=6579",
      "--user=app",
      "--password",
      "--database=orders",
    ]);
  });

  it("gets an option for TLS if the entry uses it, each program its own", () => {
    assert.deepEqual(clientProgram({ service: "mysql", tls: true }, TCP)?.ownArgs, { mariadb: ["--ssl"], mysql: ["--ssl-mode=REQUIRED"] });
    assert.equal(clientProgram({ service: "mysql", tls: false }, TCP)?.ownArgs, undefined);
  });

  it("connects to a socket", () => {
    assert.deepEqual(argsOf({ service: "mysql" }, UNIX), ["--protocol=SOCKET", "--socket=/run/user/1000/my db.sock"]);
  });
});

describe("a client program", () => {
  it("gets characters that a shell would interpret unchanged", () => {
    const text = "$(id);`id`'\"|&";
    assert.ok(argsOf({ service: "mysql", database: text })?.includes(`--database=${text}`));
    assert.ok(argsOf({ service: "redis", user: text })?.includes(text));
  });

  it("gets no value that begins with a dash, is empty or has a control character", () => {
    for (const bad of ["-x", "--init-command=DROP", "", "a\nb", "a\u202eb"]) {
      assert.throws(() => argsOf({ service: "mysql", database: bad }), { code: "CONFIG_INVALID" });
      assert.throws(() => argsOf({ service: "mysql", user: bad }), { code: "CONFIG_INVALID" });
      assert.throws(() => argsOf({ service: "redis", user: bad }), { code: "CONFIG_INVALID" });
    }
  });

  it("connects to loopback if the tunnel listens at all addresses, and has IPv6 without brackets", () => {
    assert.ok(argsOf({ service: "mysql" }, { kind: "tcp", host: "0.0.0.0", port: 1 })?.includes("--host=127.0.0.1"));
    assert.ok(argsOf({ service: "mysql" }, { kind: "tcp", host: "::1", port: 1 })?.includes("--host=::1"));
  });

  it("is not known for a service that is just TCP", () => {
    assert.equal(clientProgram({ service: "tcp" }, TCP), undefined);
  });
});

describe("the local end of a tunnel", () => {
  const item = (listen: string | number, status?: { readonly state: string; readonly listen: string }): TunnelItem =>
    ({ name: "cache", entry: { listen }, status, busy: false }) as unknown as TunnelItem;

  it("is what the daemon says while the tunnel is open", () => {
    assert.deepEqual(localEnd(item(0, { state: "verified", listen: "127.0.0.1:40001" })), { kind: "tcp", host: "127.0.0.1", port: 40001 });
  });

  it("is what the entry says while the tunnel is closed", () => {
    assert.deepEqual(localEnd(item(6579)), TCP);
    assert.deepEqual(localEnd(item("[::1]:7000", { state: "closed", listen: "[::1]:7000" })), { kind: "tcp", host: "::1", port: 7000 });
    assert.deepEqual(localEnd(item("/run/x.sock")), { kind: "unix", path: "/run/x.sock" });
  });

  it("is not known before the port has been picked", () => {
    assert.deepEqual([localEnd(item(0)), localEnd(item("127.0.0.1:0"))], [undefined, undefined]);
  });
});
