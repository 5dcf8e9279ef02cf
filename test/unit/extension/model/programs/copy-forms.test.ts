/** The forms in which a tunnel's local end is copied. */
import assert from "node:assert/strict";
import { addressForm, type CopySource, commandForm, envForm, sqlToolsForm, urlForm } from "../../../../../extension/model/programs/copy-forms.ts";
import { approvedEntries } from "../../../../../shared/contract/approved-entry.ts";
import type { LocalEnd } from "../../../../../shared/contract/connection-url.ts";
import { tunnelItem } from "../../../../support/tunnel-item.ts";

const LOCAL: LocalEnd = { kind: "tcp", host: "127.0.0.1", port: 6_579 };

function source(entry: Readonly<Record<string, unknown>>, listen: LocalEnd = LOCAL): CopySource {
  const approved = approvedEntries({ approved: [{ name: "cache", digest: "1", entry: tunnelItem({ entry }).entry }] }).get("cache");
  assert.ok(approved);
  return { name: "cache", entry: approved, listen };
}

describe("the forms in which a tunnel is copied", () => {
  it("are a URL and an address", () => {
    assert.equal(urlForm(source({ database: 2 })), "redis://127.0.0.1:6579/2");
    assert.equal(addressForm(LOCAL), "127.0.0.1:6579");
    assert.equal(addressForm({ kind: "tcp", host: "::1", port: 1 }), "[::1]:1");
    assert.equal(addressForm({ kind: "unix", path: "/run/x" }), "/run/x");
  });

  it("are the lines of a .env file, quoted where a shell or dotenv would read more into them", () => {
    const lines = envForm(source({ env: { NOTE: "a b $HOME # c", QUOTE: "it's `x`", REDIS: `\${url}` } })).split("\n");
    assert.deepEqual(lines, [
      "TUNNEL_CACHE_URL=redis://127.0.0.1:6579",
      "TUNNEL_CACHE_HOST=127.0.0.1",
      "TUNNEL_CACHE_PORT=6579",
      "NOTE='a b $HOME # c'",
      'QUOTE="it\'s \\`x\\`"',
      "REDIS=redis://127.0.0.1:6579",
    ]);
  });

  it("are the command of a client, each argument one word of a shell", () => {
    assert.equal(commandForm(source({ database: 2 })), "redis-cli -h 127.0.0.1 -p 6579 -n 2");
    const { entry } = source({ service: "mysql", user: "a b;c" });
    assert.equal(commandForm({ name: "db", entry, listen: LOCAL }), "mariadb --protocol=TCP --host=127.0.0.1 --port=6579 '--user=a b;c' --password");
    assert.equal(commandForm(source({ service: "tcp" })), undefined);
  });

  it("are a connection of SQLTools for MySQL alone, which asks for the password", () => {
    assert.deepEqual(sqlToolsForm(source({ service: "mysql", user: "app", database: "orders" })), {
      name: "cache (Encrypted Tunnels)",
      driver: "MySQL",
      server: "127.0.0.1",
      port: 6_579,
      database: "orders",
      username: "app",
      askForPassword: true,
    });
    for (const entry of [{}, { service: "tcp" }, { service: "mysql", tls: true }]) assert.equal(sqlToolsForm(source(entry)), undefined);
  });
});
