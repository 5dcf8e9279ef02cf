/** The page about several approvals: whole, exact, and nothing from a file is markup. */
import assert from "node:assert/strict";
import { approvalPage, tickedOf } from "../../../../../extension/model/asking/approval-page.ts";
import { approvalLines } from "../../../../../extension/model/asking/approval-question.ts";
import { english } from "../../../../../extension/model/translate.ts";
import type { ApprovalFacts } from "../../../../../shared/contract/methods.ts";
import { approvedFacts } from "../../../../support/status.ts";

const page = (...facts: ApprovalFacts[]): string => approvalPage(facts, { t: english, nonce: "n0nce", language: "en" });

/** The text that a reader sees, without tags. */
const shown = (text: string): string =>
  text
    .replace(/<(style|script)[\s\S]*?<\/\1>/g, "")
    .replace(/<[^>]*>/g, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

/** Whether each box is ticked. */
const ticks = (text: string): boolean[] => [...text.matchAll(/<input type="checkbox" class="one"[^>]*>/g)].map(([box]) => box.endsWith(" checked>"));

describe("the page about several approvals", () => {
  it("has every line of the question about each tunnel, whole", () => {
    const hard = approvedFacts({
      name: "n".repeat(64),
      target: `${"t".repeat(240)}.example:6479`,
      env: { A_URL: `redis://<b onload="x">&amp;\u202e'"`, PATH: "/tmp" },
      approvedBefore: true,
      role: "server",
      beyondLoopback: true,
    });
    const text = shown(page(approvedFacts(), hard));
    for (const facts of [approvedFacts(), hard]) for (const line of approvalLines(facts, english)) assert.ok(text.includes(line), line);
    assert.ok(text.includes("changed since you approved it"));
  });

  it("says why it asks, and its main button approves and opens", () => {
    const text = page(approvedFacts(), approvedFacts({ name: "orders" }));
    assert.match(text, /Files from others can redirect your programs\. You are asked once, and again if this changes\./);
    assert.match(text, /<button id="approve" data-label="Approve and Open \(\{0\}\)">/);
  });

  it("ticks every tunnel but those with a warning", () => {
    const warned: Partial<ApprovalFacts>[] = [
      { beyondLoopback: true },
      { forwardSecrecy: "off" },
      { env: { LD_PRELOAD: "/tmp/x.so" } },
      { keys: [{ source: "/k", fingerprint: "aaaa", shared: true }] },
      { target: "c\u0430che.example.com:6479" },
    ];
    assert.deepEqual(ticks(page(approvedFacts(), ...warned.map((more) => approvedFacts(more)))), [true, false, false, false, false, false]);
  });

  it("says that some are not ticked only where that is so", () => {
    const note = /Those with a warning are not ticked\./;
    assert.match(page(approvedFacts(), approvedFacts({ beyondLoopback: true })), note);
    assert.doesNotMatch(page(approvedFacts(), approvedFacts()), note);
  });

  it("lets nothing from a file become markup, a link or a script", () => {
    const evil = `"><img src=x onerror=alert(1)><a href="command:x">y</a></style><script>`;
    const plain = page(approvedFacts(), approvedFacts());
    const text = page(
      approvedFacts({ name: evil, target: evil, user: evil, env: { X: evil }, configPath: evil, keys: [{ source: evil, fingerprint: evil }] }),
      approvedFacts(),
    );
    const tags = (one: string): string[] => [...new Set([...one.matchAll(/<\/?[a-z]+/gi)].map(([tag]) => tag))].sort();
    assert.deepEqual(tags(text), tags(plain));
  });

  it("allows no other style or script than its own, and nothing from elsewhere", () => {
    const text = page(approvedFacts());
    assert.match(text, /default-src 'none'; style-src 'nonce-n0nce'; script-src 'nonce-n0nce'/);
    assert.deepEqual(text.match(/https?:|src=|href=|style="|onclick/g), null);
  });

  it("asks about 300 tunnels", () => {
    const all = Array.from({ length: 300 }, (_, index) => approvedFacts({ name: `t${index}` }));
    assert.equal(ticks(page(...all)).length, 300);
  });
});

describe("the answer of the page", () => {
  it("is the places that were ticked, each once", () => {
    assert.deepEqual(tickedOf({ ticked: [2, 0, 2] }, 3), [2, 0]);
    assert.deepEqual(tickedOf({ ticked: [] }, 3), []);
  });

  for (const message of [undefined, null, "x", {}, { ticked: 1 }, { ticked: [3] }, { ticked: [-1] }, { ticked: [0.5] }, { ticked: ["0"] }]) {
    it(`is ${JSON.stringify(message)} never`, () => {
      assert.equal(tickedOf(message, 3), undefined);
    });
  }
});
