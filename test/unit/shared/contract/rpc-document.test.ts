/** docs/RPC.md says what the contract says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { rpcDocument } from "../../../../scripts/lib/rpc-document.ts";
import { METHODS, NOTIFICATIONS } from "../../../../shared/contract/methods.ts";
import { ERROR_CODES } from "../../../../shared/errors.ts";

const FILE = new URL("../../../../docs/RPC.md", import.meta.url);

describe("docs/RPC.md", () => {
  it("is what the contract makes of it (else: node --import tsx scripts/rpc-docs.mjs)", () => {
    assert.equal(readFileSync(FILE, "utf8"), rpcDocument());
  });

  it("has a heading and the sentence for every request and notification", () => {
    const text = rpcDocument();
    for (const [name, { about }] of [...Object.entries(METHODS), ...Object.entries(NOTIFICATIONS)]) {
      assert.ok(text.includes(`### \`${name}\`\n\n${about}\n`), name);
    }
  });

  it("names every top-level field of parameters and results that has no type of its own", () => {
    const text = rpcDocument();
    for (const [name, { params }] of Object.entries(METHODS)) {
      const own = text.slice(text.indexOf(`### \`${name}\``)).split("\n### ")[0] ?? "";
      for (const field of Object.keys(params.shape)) assert.match(own, new RegExp(`\\| \`${field}\\??\` \\|`), `${name}: ${field}`);
    }
  });

  it("carries the descriptions of fields over", () =>
    assert.match(rpcDocument(), /\| `key` \| string, at most \d+ characters \| The key file's bytes, base64\. \|/));

  it("lists every failure code", () => {
    const text = rpcDocument();
    assert.deepEqual(
      ERROR_CODES.filter((code) => !text.includes(`\`${code}\``)),
      [],
    );
  });

  it("has no link that leads nowhere", () => {
    const text = rpcDocument();
    const headings = new Set([...text.matchAll(/^### (\w+)$/gm)].map(([, name]) => name?.toLowerCase()));
    const broken = [...text.matchAll(/\]\(#([^)]*)\)/g)].map(([, target]) => target).filter((target) => !headings.has(target));
    assert.deepEqual(broken, []);
  });
});
