/** The page of a diagnosis: the chain as it fills, the failed hop with its remedies, what a screen reader is told, and that nothing of a peer is markup. */
import assert from "node:assert/strict";
import { codeTitle } from "../../../../../extension/model/failures/code-names.ts";
import { okDetail } from "../../../../../extension/model/failures/diagnosis-details.ts";
import { diagnosisPage, pageContent } from "../../../../../extension/model/failures/diagnosis-page.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "../../../../../extension/model/failures/diagnosis-page-assets.ts";
import { afterEnd, afterProgress, type DiagnosisRun, hopsOf, newRun } from "../../../../../extension/model/failures/diagnosis-run.ts";
import { verdictOf } from "../../../../../extension/model/failures/diagnosis-verdict.ts";
import { type Translate, english as t } from "../../../../../extension/model/translate.ts";
import type { Diagnosis } from "../../../../../shared/contract/diagnosis.ts";
import { ERROR_CODES } from "../../../../../shared/errors.ts";
import { aDiagnosis } from "../../../../support/diagnosis.ts";

const SUBJECT = { name: "cache", role: "client", listen: "127.0.0.1:7301", target: "cache.example.com:6479" } as const;

const STAGES: Diagnosis["stages"] = [
  { stage: "config", ok: true, ms: 1 },
  { stage: "approval", ok: true, ms: 1 },
  { stage: "key", ok: true, ms: 2, detail: "team" },
  { stage: "listen", ok: true, ms: 0 },
  { stage: "resolve", ok: true, ms: 6 },
  { stage: "dial", ok: true, ms: 20 },
  { stage: "nonce", ok: true, ms: 20 },
  { stage: "key-proof", ok: false, ms: 50, code: "KEY_MISMATCH", detail: "closed after our proof" },
  { stage: "forward-secrecy", ok: null, ms: 0 },
  { stage: "backend", ok: null, ms: 0 },
  { stage: "service", ok: null, ms: 0 },
];

const diagnosis = (more: Partial<Diagnosis> = {}): Diagnosis => aDiagnosis({ stages: STAGES, roundTrips: {}, ...more });

const done = (more: Partial<Diagnosis> = {}): DiagnosisRun => afterEnd(newRun(SUBJECT), { at: "done", diagnosis: diagnosis(more), madeAt: "noon" });
const body = (run: DiagnosisRun): string => pageContent(run, t).body;
const states = (run: DiagnosisRun): string[] => hopsOf(run).map(({ stage, state }) => `${stage} ${state}`);

describe("the hops of a diagnosis", () => {
  it("wait at first, then run and end one after the other", () => {
    let run = newRun(SUBJECT);
    assert.deepEqual([...new Set(hopsOf(run).map(({ state }) => state))], ["waiting"]);
    run = afterProgress(run, { stage: "config" });
    assert.equal(states(run)[0], "config running");
    run = afterProgress(run, { stage: "config", report: { stage: "config", ok: true, ms: 1 } });
    run = afterProgress(run, { stage: "approval" });
    // The approval shares the hop of the entry.
    assert.deepEqual(states(run).slice(0, 2), ["config running", "key waiting"]);
    run = afterProgress(run, { stage: "approval", report: { stage: "approval", ok: true, ms: 1 } });
    assert.deepEqual(states(run).slice(0, 2), ["config ok", "key waiting"]);
  });

  it("are those of the way from the entry to the service, with the failed one named after what failed", () => {
    assert.deepEqual(states(done()), ["config ok", "key ok", "listen ok", "resolve ok", "dial ok", "nonce ok", "key-proof failed", "service skipped"]);
    const backend = STAGES.map((stage) => (stage.stage === "backend" ? { ...stage, ok: false } : { ...stage, ok: true }));
    assert.equal(states(done({ stages: backend })).at(-1), "backend failed");
  });

  it("of a server end have no connection to another end", () => {
    assert.deepEqual(
      hopsOf(newRun({ ...SUBJECT, role: "server" })).map(({ stage }) => stage),
      ["config", "key", "listen", "backend"],
    );
  });

  it("begin where the one before ended", () => {
    assert.deepEqual(
      hopsOf(done()).map(({ fromMs, ms }) => [fromMs, ms]),
      [
        [0, 2],
        [2, 2],
        [4, 0],
        [4, 6],
        [10, 20],
        [30, 20],
        [50, 50],
        [100, 0],
      ],
    );
  });

  it("have one that the verdict is about, even if another has failed, too", () => {
    const stages = STAGES.map((stage) => (stage.stage === "listen" ? { ...stage, ok: false, code: "LISTEN_IN_USE" as const } : stage));
    const culprits = (run: DiagnosisRun): string[] => hopsOf(run).flatMap(({ stage, isCulprit }) => (isCulprit ? [stage] : []));
    assert.deepEqual(culprits(done({ stages })), ["key-proof"]);
    assert.deepEqual(culprits(done({ stages, code: "LISTEN_IN_USE" })), ["listen"]);
    assert.deepEqual(culprits(done({ code: null })), []);
  });

  it("keep a stage that only a newer daemon has", () => {
    const run = afterProgress(newRun(SUBJECT), { stage: "weather" });
    assert.equal(states(run).at(-1), "weather running");
    assert.match(body(run), /weather/);
  });
});

describe("the page of a diagnosis", () => {
  it("lets in its own style and script only", () => {
    const page = diagnosisPage(newRun(SUBJECT), { t, nonce: "n0nce", language: "en" });
    assert.match(page, /content="default-src &#39;none&#39;; style-src &#39;nonce-n0nce&#39;; script-src &#39;nonce-n0nce&#39;;/);
    assert.deepEqual(page.match(/<(style|script)\b[^>]*>/g), ['<style nonce="n0nce">', '<script nonce="n0nce">']);
    assert.doesNotMatch(page, /\son\w+=|\sstyle=|https?:|<a\b|<img\b|url\(/);
    assert.doesNotMatch(PAGE_SCRIPT + PAGE_STYLE, /https?:|eval|<\/s/);
  });

  it("has a button to stop while it runs, then buttons to repeat it and to copy the report", () => {
    const buttons = (run: DiagnosisRun): string[] => [...body(run).matchAll(/data-run="([\w-]+)"/g)].map(([, id]) => id ?? "");
    assert.deepEqual(buttons(newRun(SUBJECT)), ["stop"]);
    assert.deepEqual(buttons(done({ code: null, cause: "PONG.", cure: "" })), ["again", "copy"]);
    assert.deepEqual(buttons(done()), ["again", "copy", "fingerprint", "choose-key"]);
    assert.deepEqual(buttons(afterEnd(newRun(SUBJECT), { at: "cancelled" })), ["again"]);
  });

  it("has cause and fix inside the failed hop, once", () => {
    const failed = body(done()).split('<li class="hop failed culprit">')[1]?.split("</li>")[0] ?? "";
    for (const part of [
      "Same key at both ends",
      "The far side holds another key.",
      "Compare the key files of both ends.",
      "closed after our proof",
      'data-run="fingerprint"',
    ])
      assert.equal(failed.split(part).length, 2, part);
    assert.equal(body(done()).split("The far side holds another key.").length, 2);
  });

  it("has cause and fix before the chain when no stage has failed", () => {
    const text = body(done({ code: "RECORD_INVALID", stages: STAGES.map((stage) => ({ ...stage, ok: true, code: undefined })) }));
    assert.ok(text.indexOf('class="card"') < text.indexOf("<ol"));
    assert.equal(text.split('class="card"').length, 2);
  });

  it("says what is wrong with the daemon on the page, with what mends that", () => {
    const text = body(afterEnd(newRun(SUBJECT), { at: "broken", failure: { code: "DAEMON_UNREACHABLE", message: "no socket" } }));
    assert.match(text, /There is no diagnosis/);
    assert.match(text, /data-run="restart-daemon"/);
  });

  it("has each state in a word and each time as a bar of its length", () => {
    const text = body(done());
    assert.equal(text.match(/<span class="word">OK<\/span>/g)?.length, 6);
    assert.match(text, /<span class="word">failed<\/span> <span class="ms">50 ms<\/span>/);
    assert.match(text, /<span class="word">not tried<\/span>/);
    assert.match(text, /<rect x="500" y="0" width="500"/);
    assert.ok([...text.matchAll(/x="(\d+)" y="0" width="(\d+)"/g)].every(([, x, width]) => Number(x) + Number(width) <= 1_000));
  });

  it("tells a screen reader which stage is looked at, then the verdict with its stage", () => {
    assert.equal(pageContent(newRun(SUBJECT), t).says, "Checking…");
    assert.equal(pageContent(afterProgress(newRun(SUBJECT), { stage: "dial" }), t).says, "Checking: Connection to the target");
    assert.equal(pageContent(done(), t).says, "Same key at both ends: Wrong key (KEY_MISMATCH)");
    assert.equal(pageContent(done({ code: null, cause: "PONG.", cure: "" }), t).says, "All checks passed");
    assert.match(diagnosisPage(done(), { t, nonce: "n", language: "en" }), /role="status" aria-live="polite"/);
  });

  it("marks the stage that is looked at, and hides its drawings from screen readers", () => {
    assert.match(body(afterProgress(newRun(SUBJECT), { stage: "dial" })), /<li class="hop running" aria-current="step">/);
    const drawings = body(done()).match(/<svg\b[^>]*>/g) ?? [];
    assert.ok(drawings.length > 8);
    assert.deepEqual(
      drawings.filter((one) => !one.includes('aria-hidden="true"')),
      [],
    );
  });

  it("shows names, targets and banners as text, whatever is in them", () => {
    const evil = `<img src=x onerror="a()">'\u202e [x](command:evil) ${"界".repeat(300)}`;
    const run = afterEnd(newRun({ ...SUBJECT, name: evil, listen: evil, target: evil }), {
      at: "done",
      madeAt: "noon",
      diagnosis: diagnosis({
        ...{ cause: evil, cure: evil, target: evil },
        stages: STAGES.map((stage) => ({ ...stage, stage: `${stage.stage}${evil}`, detail: evil })),
        addresses: [
          { address: evil, ok: true, ms: 1, detail: evil },
          { address: "192.0.2.1:1", ok: false, ms: 1 },
        ],
        warnings: [{ about: evil, text: evil }],
      }),
    });
    const page = diagnosisPage(run, { t, nonce: "n", language: '"><script>' });
    assert.doesNotMatch(page, /<img|\u202e|command:evil/);
    assert.equal(page.match(/<script/g)?.length, 1);
    assert.ok(page.includes("&lt; img") || page.includes("&lt;img"));
  });

  it("is in the user's language, the daemon's own sentence behind it", () => {
    const marked: Translate = (text, ...args) => `«${t(text, ...args)}»`;
    const text = pageContent(done(), marked).body.replace(/<bdi>(.*?)<\/bdi>/g, (_, inner: string) => (/^«/.test(inner) ? inner : "<bdi></bdi>"));
    const words = text
      .replace(/<[^>]*>/g, "\n")
      .split("\n")
      .filter((line) => /[A-Za-z]{3}/.test(line) && !/^[^«]*redis/.test(line));
    assert.deepEqual(
      words.filter((line) => !line.includes("«")),
      [],
    );
    assert.match(pageContent(done(), marked).body, /<p class="cause"><bdi>«[\s\S]*<p class="seen"><bdi>The far side holds another key\./);
  });
});

describe("what was seen at a stage in order", () => {
  const chinese: Translate = (text, ...args) => (text === "{0}, fingerprint {1}" ? `${args[0]}，指纹 ${args[1]}` : "中文");

  for (const [detail, shown, inChinese] of [
    ["approved in its present form", undefined, undefined],
    ["this tunnel listens at 127.0.0.1:7301", "127.0.0.1:7301", "127.0.0.1:7301"],
    ["connected to [::1]:6479", "[::1]:6479", "[::1]:6479"],
    ["team, fingerprint 0409-905a", "team, fingerprint 0409-905a", "team，指纹 0409-905a"],
    ["Redis (PONG)", "Redis (PONG)", "Redis (PONG)"],
    ["a sentence of a newer daemon", "a sentence of a newer daemon", undefined],
  ] as const) {
    it(`is ${shown ?? "not repeated"} for "${detail}"`, () => {
      assert.equal(okDetail(detail, t), shown);
      assert.equal(okDetail(detail, chinese), inChinese);
    });
  }
});

describe("the verdict of a diagnosis", () => {
  it("has a name for every code, each its own", () => {
    const titles = ERROR_CODES.map((code) => codeTitle(code, t));
    assert.equal(new Set(titles).size, ERROR_CODES.length);
    assert.deepEqual(
      titles.filter((title) => !/^[A-Z][a-z].* \([A-Z_]+\)$/.test(title)),
      [],
    );
    assert.equal(codeTitle("NEW_CODE", t), "NEW_CODE");
  });

  it("says probably where it is a guess", () => {
    assert.equal(verdictOf(diagnosis({ certain: false }), t).title, "Probably: Wrong key (KEY_MISMATCH)");
  });

  it("has no cause and no fix for a terminal", () => {
    const run = verdictOf(diagnosis({ code: "NOT_APPROVED", cause: 'not approved: approve it ("tunneld approve cache")' }), t);
    assert.equal(run.cause, "not approved: approve it");
    assert.doesNotMatch(verdictOf(diagnosis({ cure: "Compare them (tunneld keys fingerprint FILE)." }), t).cure, /tunneld keys/);
  });
});
