/** What a diagnosis sees of a far end of ours: it hears on the native wire, in the far end's own words, what it can only guess from spiped's. */
import assert from "node:assert/strict";
import { diagnose } from "../../../daemon/diagnosis/diagnose.ts";
import type { DiagnosisReport } from "../../../daemon/diagnosis/report.ts";
import type { Wanted } from "../../support/diagnose/subject.ts";
import { NATIVE, setUp } from "../../support/diagnose/subject.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii } from "../../support/wire/bytes.ts";
import { type End, type EndOptions, startEnd } from "../../support/wire/ends.ts";
import { keyOf } from "../../support/wire/handshakes.ts";
import { type Backend, closedPort, connectTo, startBackend } from "../../support/wire/peer.ts";

describe("a diagnosis of a far end that speaks the native wire", () => {
  const scope = stageForEach();

  const farEnd = (target: number, more: Partial<EndOptions> = {}): Promise<End> => startEnd(scope, { role: "server", target, wire: "auto", ...more });

  async function report(far: End, wanted: Partial<Wanted> = {}, key = "one"): Promise<DiagnosisReport> {
    const { subject, context, plan } = setUp({ target: `127.0.0.1:${far.port}`, service: "redis", ...wanted });
    return await diagnose({ ...subject, plan: () => ({ ...plan, keys: [keyOf(key)] }) }, { ...context, timings: NATIVE });
  }

  /** A Redis, as far as a diagnosis asks one. */
  async function answering(backend: Backend): Promise<void> {
    const service = await backend.accept();
    await service.read("PING\r\n".length);
    service.write(ascii("+PONG\r\n"));
    await service.read("CLUSTER INFO\r\n".length);
    service.write(ascii("-ERR This instance has cluster support disabled\r\n"));
    await service.ending();
    service.socket.destroy();
  }

  const stageOf = ({ stages }: DiagnosisReport, name: string) => stages.find(({ stage }) => stage === name);

  for (const wire of ["auto", "native"] as const)
    it(`is well, certain, on one connection, and names the wire: ${wire}`, async () => {
      const backend = await startBackend(scope);
      const far = await farEnd(backend.port);
      const [seen] = await Promise.all([report(far, { wire }), answering(backend)]);
      assert.deepEqual([seen.code, seen.certain], [null, true]);
      assert.match(stageOf(seen, "nonce")?.detail ?? "", /native wire/);
      assert.deepEqual([far.stats.handshake.count, far.stats.total, backend.peers.length], [1, 1, 1]);
      await far.allClosed(1);
      assert.deepEqual(far.failures, []);
    });

  it("says for certain that the backend refuses connections, and that the key is right", async () => {
    const far = await farEnd(await closedPort());
    const seen = await report(far);
    assert.deepEqual([seen.code, seen.certain, stageOf(seen, "key-proof")?.ok, stageOf(seen, "backend")?.code], ["BACKEND_DOWN", true, true, "BACKEND_DOWN"]);
    assert.match(seen.cause, /^The key is right, but the far end says that its backend 127\.0\.0\.1:\d+ refuses connections: nothing listens there\.$/);
  });

  it("says for certain that the far end is full", async () => {
    const backend = await startBackend(scope);
    const far = await farEnd(backend.port, { maxConnections: 1 });
    const client = await startEnd(scope, { role: "client", target: far.port, wire: "auto" });
    const user = await connectTo(scope, client);
    user.write(ascii("x"));
    await (await backend.accept()).read(1);
    const seen = await report(far);
    assert.deepEqual([seen.code, seen.certain], ["LIMIT_REACHED", true]);
    assert.match(seen.cure, /maxConnections/);
  });

  it("says for certain that a backend turns the far end away which accepts and closes", async () => {
    const backend = await startBackend(scope);
    const far = await farEnd(backend.port);
    const turnedAway = backend.accept().then((service) => service.end());
    const [seen] = await Promise.all([report(far), turnedAway]);
    assert.deepEqual([seen.code, seen.certain], ["BACKEND_DOWN", true]);
    assert.match(seen.cause, /connected to its backend, which closed/);
  });

  it("knows a plain service for certain that only keeps the connection", async () => {
    const backend = await startBackend(scope);
    const far = await farEnd(backend.port);
    const { subject, context, plan } = setUp({ target: `127.0.0.1:${far.port}`, service: "tcp" });
    const seen = await diagnose({ ...subject, plan: () => ({ ...plan, keys: [keyOf("one")] }) }, { ...context, timings: { ...NATIVE, serviceMs: 300 } });
    assert.deepEqual([seen.code, seen.certain], [null, true]);
  });

  it("says KEY_MISMATCH for another key, also where only the native wire is taken", async () => {
    const backend = await startBackend(scope);
    const far = await farEnd(backend.port);
    for (const wire of ["auto", "native"] as const) assert.equal((await report(far, { wire }, "two")).code, "KEY_MISMATCH");
    assert.equal(backend.peers.length, 0);
  });

  it("says WIRE_REFUSED, certain, where the far end holds the key and speaks only spiped's wire", async () => {
    const backend = await startBackend(scope);
    const far = await farEnd(backend.port, { wire: "spiped" });
    const [seen] = await Promise.all([report(far, { wire: "native" }), answering(backend)]);
    assert.deepEqual([seen.code, seen.certain, stageOf(seen, "nonce")?.code], ["WIRE_REFUSED", true, "WIRE_REFUSED"]);
  });

  it("gives no hint where the entry speaks spiped's wire alone, or has forward secrecy off", async () => {
    const backend = await startBackend(scope);
    const far = await farEnd(backend.port);
    for (const wanted of [{ wire: "spiped" }, { forwardSecrecy: "off" }] as const) {
      const [seen] = await Promise.all([report(far, wanted), answering(backend)]);
      assert.equal(seen.code, null);
      assert.equal(far.stats.wire, "spiped");
    }
  });
});
