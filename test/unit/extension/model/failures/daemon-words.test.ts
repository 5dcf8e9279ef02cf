/** What the daemon says, in the window's language; English where that can't be. */
import assert from "node:assert/strict";
import { diagnosisIn, says, worded, wordsIn } from "../../../../../extension/model/failures/daemon-words.ts";
import type { Translate } from "../../../../../extension/model/translate.ts";
import type { Diagnosis } from "../../../../../shared/contract/diagnosis.ts";
import { message } from "../../../../../shared/message.ts";

const GERMAN: Readonly<Record<string, string>> = {
  "{0}: no answer": "{0}: keine Antwort",
  "the far side is {0}": "dort ist {0}",
  "a TLS server": "ein TLS-Server",
};
const german: Translate = (text) => GERMAN[text] ?? text;

describe("a daemon's words in a window", () => {
  it("are said in the window's language, with the reasons inside them", () => {
    assert.equal(worded("db: no answer", message("{0}: no answer", "db"), german), "db: keine Antwort");
    assert.equal(worded("x", message("the far side is {0}", message("a TLS server")), german), "dort ist ein TLS-Server");
  });

  it("stay as they are where the template is not known, as that of a newer daemon, or missing, as from an older one", () => {
    assert.equal(worded("The thing is new.", message("the thing is new"), german), "The thing is new.");
    assert.equal(worded("it is old", undefined, german), "it is old");
  });

  it("have no hint of a terminal's", () => {
    const hint = ' ("tunneld up")';
    assert.equal(wordsIn({ message: `db: no answer${hint}`, reason: message("{0}: no answer", "db"), hint }, german), "db: keine Antwort");
    assert.equal(wordsIn({ message: `it refuses${hint}`, hint }, german), "it refuses");
  });

  it("are known by what they say, however deep", () => {
    const part = message("a TLS server");
    assert.equal(says(message("{0}!", message("the far side is {0}", part)), part), true);
    assert.equal(says(message("{0}!", "a TLS server"), part), false);
    assert.equal(says(undefined, part), false);
  });

  it("of a diagnosis are all said: verdict, stages, addresses and advice", () => {
    const reason = message("{0}: no answer", "db");
    const diagnosis: Diagnosis = {
      ...{ name: "cache", role: "client", service: "redis", target: "db:1", code: "CONNECT_TIMEOUT", certain: true, roundTrips: {} },
      ...{ cause: "Db: no answer.", causeReason: reason, cure: "See.", cureReason: message("a TLS server") },
      stages: [
        { stage: "dial", ok: false, ms: 1, detail: "db: no answer", detailReason: reason },
        { stage: "nonce", ok: null, ms: 0 },
      ],
      addresses: [{ address: "db", ok: false, ms: 1, detail: "db: no answer", detailReason: reason }],
      warnings: [{ about: "tls", text: "db: no answer", textReason: reason }],
    };
    const said = diagnosisIn(diagnosis, german);
    const german1 = "db: keine Antwort";
    assert.deepEqual(
      [said.cause, said.cure, said.stages[0]?.detail, said.stages[1]?.detail, said.addresses[0]?.detail, said.warnings[0]?.text],
      [german1, "ein TLS-Server", german1, undefined, german1, german1],
    );
  });
});
