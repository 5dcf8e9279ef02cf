/**
 * The reasons of failures that can reach a window: each is given as template and arguments, each template has a Chinese
 * text, and they cross the wire beside the English text.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { callsIn, placeholdersIn } from "../../../scripts/lib/l10n.ts";
import { failureSchema } from "../../../shared/contract/state.ts";
import { errorFrom, TunnelError, wordsOf } from "../../../shared/errors.ts";
import { formatMessage, joined, type Message, message, messageFrom } from "../../../shared/message.ts";
import { messageTemplates } from "../../support/message-templates.ts";

/** Where errors begin that can reach a window. The commands of a terminal speak English: daemon/cli, and daemon/programs but for the daemon itself. */
const FOLDERS = [
  ...["config", "crypto", "client", "diagnosis", "keys", "lifecycle", "protocol", "proxy", "rpc", "services", "tunnels"].map((folder) => `daemon/${folder}`),
  ...["shared", "extension"],
];

/** Its errors are of the command line: a file in a parent folder is never taken by a window. And the error class itself, which passes on what it gets. */
const OF_A_TERMINAL = ["daemon/config/find-config.ts", "shared/errors.ts"];

/** What a reason may begin with: a template, words of another error, the window's own words, and values whose type is Message. */
const REASON =
  /^(?:message\(|saidBy\(|joined\(|said\(|t\(|\w+\.reason\b|silence\(|isStranger\(|unknownTunnelText\(|placedProblem\(|(?:text|what|why|said|seen|problem|fault|CLOSED)\b(?!\.|\()|fault\(shown\)|item\.fault\.text|cantDo\(|(?:this\.#disposed|service === "redis"|stat\.isDirectory\(\)|broken\.verifiedBefore|seen\.sure|what === "database"|this\.#settings\.role|this\.#options\.suite\.equal\([^?]*)\s*\?\s*message\(|seen\.sure \? isStranger\(|seen \?\? message\()/;

describe("every reason of a failure that can reach a window", () => {
  it("is a template with arguments where it begins", () => {
    const calls = FOLDERS.flatMap((folder) => callsIn(folder, "TunnelError")).filter(({ file }) => !OF_A_TERMINAL.includes(file));
    const made = calls.flatMap(({ file, call }) => {
      const reason = /^TunnelError\(\s*(?:"[A-Z_]+"|[\w.]+(?:\?\.\w+)?(?: \?\? "[A-Z_]+")?)\s*,\s*([\s\S]*)$/.exec(call)?.[1];
      return reason === undefined ? [] : [{ file, reason }];
    });
    assert.ok(made.length > 120, `only ${made.length} were found`);
    const plain = made.filter(({ reason }) => !REASON.test(reason)).map(({ file, reason }) => `${file}: ${reason.slice(0, 80)}`);
    assert.deepEqual(plain, []);
  });

  it("has a Chinese text with the same places", () => {
    const chinese = JSON.parse(readFileSync(new URL("../../../l10n/bundle.l10n.zh-cn.json", import.meta.url), "utf8")) as Record<string, string>;
    const wrong = [...messageTemplates()].filter((template) => placeholdersIn(template).join() !== placeholdersIn(chinese[template] ?? "{missing}").join());
    assert.deepEqual(wrong, []);
    assert.ok(messageTemplates().size > 400);
  });
});

describe("a reason", () => {
  const reason = message("{0}: {1}", "127.0.0.1:7001", message("connection refused, nothing listens there"));
  const error = new TunnelError("CONNECT_REFUSED", reason, { hint: " (see the log)" });

  it("is in English what the error says, but for the hint", () => {
    assert.equal(error.message, "127.0.0.1:7001: connection refused, nothing listens there (see the log)");
    assert.deepEqual(error.reason, reason);
  });

  it("crosses the wire", () => {
    const back = errorFrom(JSON.parse(JSON.stringify(wordsOf(error))));
    assert.deepEqual([back.message, back.hint, back.reason], [error.message, error.hint, reason]);
    const record = { ...wordsOf(error), atMs: 1, count: 1 };
    assert.deepEqual(failureSchema.parse(JSON.parse(JSON.stringify(record))), record);
  });

  it("may be missing, as from an older daemon, and then only the text is known", () => {
    const back = errorFrom({ code: "CONNECT_REFUSED", message: "it refuses" });
    assert.deepEqual([back.message, back.reason], ["it refuses", undefined]);
  });

  it("that says something else than the message is dropped", () => {
    assert.equal(errorFrom({ code: "CONNECT_REFUSED", message: "it refuses", reason: message("all is well") }).reason, undefined);
  });

  for (const [what, value] of [
    ["text", "it refuses"],
    ["null", null],
    ["one without arguments", { template: "x" }],
    ["one with an argument of another kind", { template: "{0}", args: [true] }],
    ["one whose inner message is none", { template: "{0}", args: [{ template: 1, args: [] }] }],
  ] as const) {
    it(`is not taken from a wire that carries ${what}`, () => assert.equal(messageFrom(value), undefined));
  }

  it("is not taken when it is nested without end", () => {
    const deep = Array.from({ length: 10_000 }).reduce<Message>((inner) => ({ template: "{0}", args: [inner] }), message("x"));
    assert.equal(messageFrom(deep), undefined);
  });

  it("of several addresses is one text with semicolons", () => {
    assert.equal(formatMessage(joined(["a", message("b"), "c"]) as Message), "a; b; c");
    assert.equal(joined([]), undefined);
  });
});
