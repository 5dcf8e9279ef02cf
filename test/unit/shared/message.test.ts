/**
 * Sentences that can be translated: how they are built, and that every template
 * can be found in the sources.
 */
import assert from "node:assert/strict";
import { NOTIFICATIONS } from "../../../shared/contract/methods.ts";
import { formatMessage, message } from "../../../shared/message.ts";
import { messageTemplates, untranslatableCalls } from "../../support/message-templates.ts";
import { entryText, fileText, parse } from "../../support/tunnels-json.ts";

describe("a message", () => {
  it("has its arguments in their places, wherever and however often the places occur", () => {
    assert.equal(formatMessage(message("{1} of {0}, {1}", 7, "three")), "three of 7, three");
  });

  it("keeps every other brace, and a place without an argument", () => {
    assert.equal(formatMessage(message('write { "file": {0} } or {} or {x} or {2}', "a")), 'write { "file": a } or {} or {x} or {2}');
  });

  it("takes an argument as it is, even one that looks like a place or a pattern", () => {
    assert.equal(formatMessage(message("{0} and {1}", "{1}", "$&")), "{1} and $&");
  });

  it("is translated with the messages inside it, and arguments are not", () => {
    const german = new Map([
      ["{0} must be {1}", "{1} muss {0} sein"],
      ["a list", "eine Liste"],
    ]);
    const text = message("{0} must be {1}", "a list", message("a list"));
    assert.equal(
      formatMessage(text, (template) => german.get(template) ?? template),
      "eine Liste muss a list sein",
    );
  });
});

describe("the templates of the validator", () => {
  it("are literals in the sources, all of them", () => {
    assert.deepEqual(untranslatableCalls(), []);
    assert.ok(messageTemplates().size > 60);
  });

  it("number their places from 0, without a gap", () => {
    for (const template of messageTemplates()) {
      const places = new Set([...template.matchAll(/\{(\d+)\}/g)].map(([, digits]) => Number(digits)));
      assert.deepEqual(
        [...places].toSorted((a, b) => a - b),
        [...places.keys()].map((_, index) => index),
        template,
      );
    }
  });

  it("include the template of every problem, and give the problem's English text", () => {
    const known = messageTemplates();
    const { problems } = parse(fileText({ a: entryText({ lisen: 1, service: "reddis", maxConnections: "5", target: "x", env: { PATH: "1" } }), "b c": "1" }));
    assert.ok(problems.length >= 6);
    for (const { text, message: english } of problems) {
      assert.ok(text && known.has(text.template), english);
      assert.equal(formatMessage(text), english);
    }
  });

  it("cross the RPC beside the English text", () => {
    const { problems } = parse(fileText({ a: "1" }));
    assert.ok(problems[0]?.text);
    const sent = NOTIFICATIONS["config/problems"].params.parse({ configPath: "/x", problems });
    assert.deepEqual(sent.problems, problems);
  });
});
