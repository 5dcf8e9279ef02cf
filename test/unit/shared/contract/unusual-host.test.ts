/**
 * Hosts that look like others: a name with foreign letters is marked with the form
 * in which it is looked up; plain text in disguise is refused.
 */
import assert from "node:assert/strict";
import { factLines } from "../../../../daemon/cli/consent.ts";
import { approvalQuestion } from "../../../../extension/model/asking/approval-question.ts";
import { english } from "../../../../extension/model/translate.ts";
import { markedHost } from "../../../../shared/contract/unusual-host.ts";
import { approvedFacts } from "../../../support/status.ts";
import { faultsOf } from "../../../support/tunnels-json.ts";

/** With a Cyrillic а, U+0430. */
const LOOKALIKE = "d\u0430tabase.example.com";
const LOOKED_UP = "xn--dtabase-2fg.example.com";

describe("a host with other letters than a to z", () => {
  for (const [host, ascii] of [
    [LOOKALIKE, LOOKED_UP],
    ["b\u00fccher.example", "xn--bcher-kva.example"],
    ["\u4f8b\u3048.jp", "xn--r8jz45g.jp"],
    [LOOKED_UP, LOOKED_UP],
  ] as const) {
    it(`is marked with the name that is looked up: ${host} is ${ascii}`, () => {
      for (const address of [host, `${host}:6479`, `${host}:6479-6484`]) assert.equal(markedHost(address), ascii);
    });
  }

  for (const address of ["cache.example.com:6479", "127.0.0.1:1", "[::1]:1", "[fe80::1%eth0]:1", "/run/\u0430.sock", "localhost", "my_host:1", "0.0.0.0:0"]) {
    it(`is not marked in an address without such a host: ${address}`, () => {
      assert.equal(markedHost(address), undefined);
    });
  }

  for (const field of ["target", "listen", "bind"] as const) {
    it(`is shown with the name that is looked up when a terminal or a window asks for approval, as ${field}`, () => {
      const facts = approvedFacts({ [field]: `${LOOKALIKE}:6479` });
      for (const lines of [factLines(facts), approvalQuestion(facts, english).detail.split("\n")]) {
        const at = lines.findIndex((line) => line.includes(LOOKALIKE));
        assert.ok(at >= 0);
        assert.match(lines[at + 1] ?? "", new RegExp(`other letters than a to z.* ${LOOKED_UP.replaceAll(".", "\\.")}`));
      }
    });

    it(`may stand in a file as ${field}`, () => {
      assert.deepEqual(faultsOf({ [field]: field === "bind" ? LOOKALIKE : `${LOOKALIKE}:6479` }), []);
    });

    for (const [host, plain] of [
      ["\uff11\uff12\uff17.0.0.1", "127.0.0.1"],
      ["\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "localhost"],
      ["1\u0660.0.0.1", undefined],
      ["db\u00b2.example.com", "db2.example.com"],
      ["\u24b6pple.example.com", undefined],
      ["\ud835\udc1dat\ud835\udc1a.example.com", "data.example.com"],
      ["127\uff0e0\uff0e0\uff0e1", undefined],
      ["127\u30020.0.1", undefined],
    ] as const) {
      it(`is refused as ${field} when it is plain text in disguise: ${host}`, () => {
        const [fault, ...more] = faultsOf({ [field]: field === "bind" ? host : `${host}:6479` });
        assert.ok(fault !== undefined && more.length === 0, String(fault));
        if (plain !== undefined) assert.ok(fault.includes(plain), fault);
      });
    }
  }
});

describe("a variable with an unusual name", () => {
  const env = { DATABASE_URL: "1", APP_MODE: "2", DB_PORT: "3", frobnicate: "4" };

  it("is marked when a terminal asks for approval, one line each", () => {
    const marks = factLines(approvedFacts({ env })).filter((line) => line.includes("UNUSUAL"));
    assert.deepEqual(
      marks.map((line) => /UNUSUAL +(\w+)/.exec(line)?.[1]),
      ["APP_MODE", "frobnicate"],
    );
  });

  it("is marked when a window asks for approval, one line each", () => {
    const marks = approvalQuestion(approvedFacts({ env }), english)
      .detail.split("\n")
      .filter((line) => line.startsWith("⚠"));
    assert.deepEqual(
      marks.map((line) => /variable (\w+):/.exec(line)?.[1]),
      ["APP_MODE", "frobnicate"],
    );
  });

  it("can't hide its mark behind its value", () => {
    const shown = factLines(approvedFacts({ env: { APP_MODE: "x\n  UNUSUAL   nothing" } }));
    assert.equal(shown.filter((line) => /^ {2}UNUSUAL {3}APP_MODE /.test(line)).length, 1);
  });
});
