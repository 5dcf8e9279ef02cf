/** What somebody at a terminal reads before approving. */
import assert from "node:assert/strict";
import { factLines } from "../../../daemon/cli/consent.ts";
import type { ApprovalFacts } from "../../../daemon/contract/methods.ts";
import { approvedFacts } from "../../support/status.ts";

describe("the facts to approve, at a terminal", () => {
  const facts: ApprovalFacts = approvedFacts();
  const before = factLines(facts).join("\n");

  const changes: { readonly [F in keyof Required<Omit<ApprovalFacts, "digest">>]: readonly ApprovalFacts[F][] } = {
    configPath: ["/srv/other/.vscode/tunnels.json"],
    name: ["orders"],
    role: ["server"],
    listen: ["127.0.0.1:6580"],
    beyondLoopback: [true],
    target: ["other.example.com:6479"],
    bind: ["192.0.2.1"],
    keys: [[{ source: "team", fingerprint: "cccc-dddd" }], [{ source: "other", fingerprint: "aaaa-bbbb" }]],
    env: [{ CACHE_URL: "redis://127.0.0.1" }],
    user: ["app"],
    database: ["shop"],
    forwardSecrecy: ["prefer", "off"],
    approvedBefore: [true],
  };

  for (const [field, values] of Object.entries(changes)) {
    for (const value of values) {
      it(`show that ${field} is ${JSON.stringify(value)}`, () => {
        assert.notEqual(factLines({ ...facts, [field]: value }).join("\n"), before);
      });
    }
  }

  it("say what it means that forward secrecy is off", () => {
    assert.match(factLines({ ...facts, forwardSecrecy: "off" }).join("\n"), /whoever gets the key later can read recorded traffic/);
  });
});
