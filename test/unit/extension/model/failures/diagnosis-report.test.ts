/** A diagnosis in words: the whole report, and what is offered to do. */
import assert from "node:assert/strict";
import { STAGES } from "../../../../../daemon/diagnosis/report.ts";
import { diagnosisReport, stageLabel } from "../../../../../extension/model/failures/diagnosis-report.ts";
import { mendsOf } from "../../../../../extension/model/failures/diagnosis-verdict.ts";
import { type Translate, english as t } from "../../../../../extension/model/translate.ts";
import type { Diagnosis } from "../../../../../shared/contract/diagnosis.ts";
import { ERROR_CODES } from "../../../../../shared/errors.ts";
import { aDiagnosis } from "../../../../support/diagnosis.ts";

const report = (more: Partial<Diagnosis> = {}): string => diagnosisReport(aDiagnosis(more), { t, madeAt: "noon" });

describe("the report of a diagnosis", () => {
  it("names the tunnel, the code, the cause and the cure", () => {
    const text = report();
    for (const part of [
      "# Diagnosis of the tunnel cache",
      "`cache.example.com:6479`",
      "## Wrong key (KEY_MISMATCH)",
      "The far side holds another key.",
      "Compare the key files of both ends.",
      "noon",
    ]) {
      assert.ok(text.includes(part), part);
    }
  });

  it("has a row for each stage with its verdict, its time and what was seen", () => {
    const rows = report()
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .map((line) =>
        line
          .split("|")
          .map((cell) => cell.trim())
          .slice(1, -1),
      );
    assert.deepEqual(rows.slice(2), [
      ["Connection to the target", "✔ OK", "12.3\u00a0ms", ""],
      ["Same key at both ends", "✖ failed", "24.6\u00a0ms", "KEY_MISMATCH: closed after our proof"],
      ["Service behind the far end", "not tried", "", ""],
    ]);
  });

  it("says probably, and that it is a guess, when it is one", () => {
    assert.match(report({ certain: false }), /Probably: Wrong key \(KEY_MISMATCH\)[\s\S]*This is a guess/);
    assert.doesNotMatch(report(), /robably: Wrong key|This is a guess/);
  });

  it("has the window's own cure if the daemon's cure is a terminal command", () => {
    const text = report({ cure: "Compare the key files by their fingerprints (tunneld keys fingerprint FILE)." });
    assert.match(text, /Fix\*\*: Compare the key's fingerprint at both ends.*`-f`/);
    assert.doesNotMatch(text, /tunneld keys|Fix in general/);
  });

  it("keeps a cure that names tunneld and no command of it", () => {
    assert.match(report({ code: "NOT_SPIPED", cure: "Put spiped -d or tunneld there." }), /Fix\*\*: Put spiped -d or tunneld there\./);
  });

  it("does not say in general what it has said already, unless only that is translated", () => {
    assert.doesNotMatch(report(), /In general/);
    assert.match(report({ code: "BACKEND_DOWN", cause: "The service behind the far end refuses." }), /In general/);
    const translated: Translate = (text, ...args) => `«${t(text, ...args)}»`;
    assert.match(diagnosisReport(aDiagnosis(), { t: translated, madeAt: "noon" }), /In general/);
  });

  it("says that nothing is wrong when nothing is, without a cure", () => {
    const text = report({ code: null, cause: "The service answers: PONG.", cure: "" });
    assert.match(text, /All checks passed[\s\S]*PONG/);
    assert.doesNotMatch(text, /Fix|Cause/);
  });

  it("has advice, and the addresses of a host name that has several", () => {
    const addresses = [
      { address: "192.0.2.1:6479", ok: true, ms: 3 },
      { address: "[2001:db8::1]:6479", ok: false, ms: 5, detail: "unreachable" },
    ];
    const text = report({ addresses, warnings: [{ about: "same-key", text: "Two targets share a key." }] });
    assert.match(text, /- Two targets share a key\./);
    assert.match(text, /2001:db8::1.*does not answer.*unreachable/);
  });

  it("lets no text from a file or peer become a link, a new line or a column", () => {
    const text = report({ cause: "see [this](command:evil)\n# x", stages: [{ stage: "nonce", ok: false, ms: 1, detail: "a|b\u202e" }] });
    assert.doesNotMatch(text, /command:evil|\n# x|\u202e/);
    assert.ok(text.includes("a\\|b"));
    const hostile = report({ name: "<b>", cause: "at http://evil.example/ <img src=x>", warnings: [{ about: "same-key", text: "www.evil.example *x*" }] });
    for (const part of ["tunnel \\< b\\>", "at `http://evil.example/` \\< img src=x\\>", "- `www.evil.example` \\*x\\*"])
      assert.ok(hostile.includes(part), part);
  });

  it("is in the user's language", () => {
    const marked: Translate = (english, ...args) => `«${t(english, ...args)}»`;
    const prose = diagnosisReport(aDiagnosis(), { t: marked, madeAt: "noon" });
    for (const line of prose.split("\n").filter((one) => /[A-Za-z]{3}/.test(one))) assert.match(line, /«/);
  });
});

describe("what a diagnosis offers to do", () => {
  it("is what mends the failure", () => {
    assert.deepEqual(mendsOf(aDiagnosis({ code: "KEY_NOT_FOUND" }), t), ["import-key", "generate-key"]);
    assert.deepEqual(mendsOf(aDiagnosis({ code: "NOT_APPROVED" }), t), ["approve", "edit"]);
  });

  it("is never the diagnosis again, and two at most", () => {
    const mends = ERROR_CODES.map((code) => mendsOf(aDiagnosis({ code }), t));
    assert.deepEqual(
      mends.filter((actions) => actions.length > 2 || actions.includes("diagnose")),
      [],
    );
  });

  it("are none when nothing is wrong", () => {
    assert.deepEqual(mendsOf(aDiagnosis({ code: null }), t), []);
  });
});

describe("a stage of a diagnosis", () => {
  it("has a label of its own", () => {
    const labels = STAGES.map((stage) => stageLabel(stage, t));
    assert.equal(new Set(labels).size, STAGES.length);
    assert.deepEqual(
      STAGES.filter((stage, index) => labels[index] === stage),
      [],
    );
  });

  it("keeps its name if it is not known yet", () => {
    assert.equal(stageLabel("new-stage", t), "new-stage");
  });
});
