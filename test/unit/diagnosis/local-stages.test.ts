/**
 * The stages that the caller looks at, and what follows from them: what is sent
 * out, reported and advised.
 */
import assert from "node:assert/strict";
import * as net from "node:net";
import { diagnose } from "../../../daemon/diagnosis/diagnose.ts";
import { checkListen } from "../../../daemon/diagnosis/listen-check.ts";
import { STAGES } from "../../../daemon/diagnosis/report.ts";
import type { Check, Subject } from "../../../daemon/diagnosis/subject.ts";
import { type ErrorCode, TunnelError } from "../../../shared/errors.ts";
import { formatMessage, message } from "../../../shared/message.ts";
import { diagnoseAt, setUp } from "../../support/diagnose/subject.ts";
import { stageForEach } from "../../support/stage.ts";
import { rejectionOf } from "../../support/wire/codes.ts";
import { closedPort, startBackend } from "../../support/wire/peer.ts";

function failing(code: ErrorCode): Check {
  return () => {
    throw new TunnelError(code, `something about ${code}`);
  };
}

describe("the local stages of a diagnosis", () => {
  const scope = stageForEach();

  for (const [stage, code] of [
    ["config", "CONFIG_INVALID"],
    ["approval", "NOT_APPROVED"],
    ["key", "KEY_NOT_FOUND"],
    ["key", "KEY_PERMISSIONS"],
    ["key", "KEY_WEAK"],
  ] as const) {
    it(`end the diagnosis with ${code}, certain, and send nothing out`, async () => {
      const far = await startBackend(scope);
      const subject: Partial<Subject> = { [stage]: failing(code), plan: () => assert.fail("the plan is not asked for") };
      const report = await diagnoseAt({ target: `127.0.0.1:${far.port}` }, { subject });
      assert.deepEqual([report.code, report.certain], [code, true]);
      assert.match(report.cause, /^Something about .*\.$/);
      assert.match(report.cure, /\.$/);
      const index = STAGES.indexOf(stage);
      assert.deepEqual(
        report.stages.map(({ ok }) => ok),
        STAGES.map((_, at) => (at < index ? true : at === index ? false : null)),
      );
      assert.equal(far.peers.length, 0);
    });
  }

  for (const code of ["LISTEN_IN_USE", "LISTEN_DENIED"] as const) {
    it(`report ${code} first and go on to the far side`, async () => {
      const report = await diagnoseAt({ target: `127.0.0.1:${await closedPort()}` }, { subject: { listen: failing(code) } });
      assert.equal(report.code, code);
      const failed = report.stages.filter(({ ok }) => ok === false).map((stage) => [stage.stage, stage.code]);
      assert.deepEqual(failed, [
        ["listen", code],
        ["dial", "CONNECT_REFUSED"],
      ]);
    });
  }

  it("report a fault of the plan at the stage that it belongs to", async () => {
    for (const [code, stage] of [
      ["CONFIG_INVALID", "config"],
      ["KEY_NOT_FOUND", "key"],
    ] as const) {
      const plan = () => Promise.reject(new TunnelError(code, "gone meanwhile"));
      const report = await diagnoseAt({ target: "127.0.0.1:1" }, { subject: { plan } });
      assert.deepEqual([report.code, report.stages.find(({ ok }) => ok === false)?.stage], [code, stage]);
    }
  });

  it("leave a question mark at the end, and prefer a better cure than the code's if there is one", async () => {
    const config: Check = () => {
      throw new TunnelError("CONFIG_INVALID", 'there is no tunnel "chache": did you mean "cache"?');
    };
    const { cause, cure } = await diagnoseAt({ target: "127.0.0.1:1" }, { subject: { config, configCure: message("Name it: tunneld diagnose cache.") } });
    assert.deepEqual([cause, cure], ['There is no tunnel "chache": did you mean "cache"?', "Name it: tunneld diagnose cache."]);
  });

  it("do not mention a port when a socket path has no listener", async () => {
    const report = await diagnoseAt({ target: "/nowhere/at-all.sock", role: "server" });
    assert.equal(report.code, "CONNECT_REFUSED");
    assert.doesNotMatch(report.cure, /port/);
  });

  it("rethrow an error that is no TunnelError", async () => {
    const broken = (): never => {
      throw new TypeError("a bug");
    };
    await assert.rejects(diagnoseAt({ target: "127.0.0.1:1" }, { subject: { approval: broken } }), TypeError);
  });

  it("do not begin when the diagnosis was aborted before", async () => {
    const { subject, context } = setUp({ target: "127.0.0.1:1" }, { context: { signal: AbortSignal.abort(new Error("enough")) } });
    await assert.rejects(diagnose({ ...subject, config: () => assert.fail("not asked") }, context), /enough/);
  });

  it("advise against one key for two targets and against listening beyond loopback, whatever else is found", async () => {
    const target = `127.0.0.1:${await closedPort()}`;
    const report = await diagnoseAt({ target }, { subject: { sameKey: ["orders", "[x](command:evil)"], beyondLoopback: true } });
    assert.deepEqual(
      report.warnings.map(({ about }) => about),
      ["same-key", "beyond-loopback"],
    );
    assert.match(report.warnings[0]?.text ?? "", /orders/);
    assert.doesNotMatch(report.warnings[0]?.text ?? "", /command:/);
  });

  it("don't advise a server against being reachable", async () => {
    const target = `127.0.0.1:${await closedPort()}`;
    assert.deepEqual((await diagnoseAt({ target, role: "server" }, { subject: { beyondLoopback: true } })).warnings, []);
  });

  it("keep control characters and links of a message out of the report", async () => {
    const config: Check = () => {
      throw new TunnelError("CONFIG_INVALID", "bad \u001b[31m name [open](command:evil)");
    };
    assert.doesNotMatch(JSON.stringify(await diagnoseAt({ target: "127.0.0.1:1" }, { subject: { config } })), /\\u001b|command:/);
  });
});

describe("the check of a listen address", () => {
  const scope = stageForEach();

  it("says that a free port is free, and leaves it free", async () => {
    const port = await closedPort();
    assert.equal(formatMessage(await checkListen({ address: { kind: "tcp", host: "127.0.0.1", port }, isOpenHere: false })), `127.0.0.1:${port} is free`);
    const server = scope.own(net.createServer(), (open) => open.close());
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  });

  it("says LISTEN_IN_USE for somebody else's port, and accepts our own tunnel's", async () => {
    const { port } = await startBackend(scope);
    const address = { kind: "tcp", host: "127.0.0.1", port } as const;
    assert.equal((await rejectionOf(checkListen({ address, isOpenHere: false }))).code, "LISTEN_IN_USE");
    assert.match(formatMessage(await checkListen({ address, isOpenHere: true })), /this tunnel listens/);
  });

  it("takes port 0 for well", async () => {
    assert.match(formatMessage(await checkListen({ address: { kind: "tcp", host: "127.0.0.1", port: 0 }, isOpenHere: false })), /any free port/);
  });
});
