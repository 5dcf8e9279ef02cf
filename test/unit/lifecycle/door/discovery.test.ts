/** The discovery file: written whole, trusted only if it is ours, never used as a proof that the daemon runs. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { type Discovery, findDaemon, readDiscovery, removeDiscovery, writeDiscovery } from "../../../../daemon/lifecycle/door/discovery.ts";
import type { DoorPlace } from "../../../../daemon/lifecycle/paths.ts";
import { greetingServer } from "../../../support/lifecycle/greeting.ts";
import { stageForEach } from "../../../support/stage.ts";

const UID = process.geteuid?.();

describe("the discovery file", () => {
  const stage = stageForEach();
  const file = (): string => stage.path("t.json");
  const discovery = (changes: Partial<Discovery> = {}): Discovery => ({
    socket: stage.path("t.sock"),
    pid: process.pid,
    instanceId: "a",
    version: "1.2.3",
    protocol: 1,
    startedAtMs: 1_700_000_000_000,
    ...changes,
  });

  function door(name: string): DoorPlace {
    return { folder: stage.folder, socketPath: stage.path(`${name}.sock`), discoveryFile: stage.path(`${name}.json`) };
  }

  async function listen(name: string): Promise<void> {
    const server = greetingServer(name);
    stage.own(() => server.close());
    await new Promise<void>((resolve) => server.listen(stage.path(`${name}.sock`), resolve));
    chmodSync(stage.path(`${name}.sock`), 0o600);
  }

  it("is read as it was written, has mode 0600, and leaves no other file", () => {
    writeDiscovery(file(), discovery({ secret: "00ff" }));
    assert.deepEqual(readDiscovery(file(), UID), { kind: "found", discovery: discovery({ secret: "00ff" }) });
    assert.equal(statSync(file()).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(stage.folder), ["t.json"]);
  });

  it("is reported as missing when there is none", () => {
    assert.deepEqual(readDiscovery(file(), UID), { kind: "missing" });
  });

  it("is not trusted if others may open it", () => {
    writeDiscovery(file(), discovery());
    chmodSync(file(), 0o644);
    assert.deepEqual(readDiscovery(file(), UID), { kind: "invalid", reason: "other users may open it" });
  });

  it("is not trusted if it belongs to another user", () => {
    writeDiscovery(file(), discovery());
    assert.deepEqual(readDiscovery(file(), (UID ?? 0) + 1), { kind: "invalid", reason: `it belongs to another user (uid ${UID})` });
  });

  it("is not trusted if it is a symbolic link", () => {
    writeDiscovery(stage.path("real.json"), discovery());
    symlinkSync(stage.path("real.json"), file());
    assert.deepEqual(readDiscovery(file(), UID), { kind: "invalid", reason: "it is a symbolic link" });
  });

  for (const [what, text] of Object.entries({
    "half a file": '{"socket":"/tmp/x","pi',
    null: "null",
    "a missing field": '{"socket":"/tmp/x","pid":1,"instanceId":"a","version":"1","protocol":1}',
    "a negative process id": '{"socket":"/tmp/x","pid":-1,"instanceId":"a","version":"1","protocol":1,"startedAtMs":0}',
    "a field of another type": '{"socket":7,"pid":1,"instanceId":"a","version":"1","protocol":1,"startedAtMs":0}',
  })) {
    it(`is invalid with ${what}`, () => {
      writeFileSync(file(), text, { mode: 0o600 });
      assert.equal(readDiscovery(file(), UID).kind, "invalid");
    });
  }

  it("may have fields of a later version", () => {
    writeFileSync(file(), JSON.stringify({ ...discovery(), novelty: true }), { mode: 0o600 });
    assert.deepEqual(readDiscovery(file(), UID), { kind: "found", discovery: discovery() });
  });

  it("is removed only by its own instance", () => {
    writeDiscovery(file(), discovery());
    removeDiscovery(file(), { instanceId: "b", uid: UID });
    assert.ok(existsSync(file()));
    removeDiscovery(file(), { instanceId: "a", uid: UID });
    assert.ok(!existsSync(file()));
  });

  it("does not prove that a daemon runs because its process id exists", async () => {
    writeDiscovery(file(), discovery({ pid: process.pid }));
    assert.equal(await findDaemon([door("t")], UID), undefined);
  });

  it("is returned with the daemon that answers", async () => {
    writeDiscovery(file(), discovery());
    await listen("t");
    assert.deepEqual(await findDaemon([door("t")], UID), { door: door("t"), socket: stage.path("t.sock"), discovery: discovery() });
  });

  it("is not needed to find a daemon, and is ignored when it is about another socket", async () => {
    await listen("t");
    assert.equal((await findDaemon([door("t")], UID))?.discovery, undefined);
    writeDiscovery(file(), discovery({ socket: "/elsewhere" }));
    assert.equal((await findDaemon([door("t")], UID))?.discovery, undefined);
  });

  it("leads to no daemon in a folder that others may enter", async () => {
    await listen("t");
    chmodSync(stage.folder, 0o711);
    assert.equal(await findDaemon([door("t")], UID), undefined);
  });

  it("leads to no daemon at a socket that others may open", async () => {
    await listen("t");
    chmodSync(stage.path("t.sock"), 0o666);
    assert.equal(await findDaemon([door("t")], UID), undefined);
  });

  it("leads to no daemon of another user", async () => {
    await listen("t");
    assert.equal(await findDaemon([door("t")], (UID ?? 0) + 1), undefined);
  });

  it("is searched for at each door", async () => {
    await listen("u");
    assert.equal((await findDaemon([door("t"), door("u")], UID))?.socket, stage.path("u.sock"));
  });

  it("gives the pipe's name when the door has no path", async () => {
    await listen("t");
    writeDiscovery(file(), discovery());
    assert.equal((await findDaemon([{ ...door("t"), socketPath: "" }], undefined))?.socket, stage.path("t.sock"));
  });
});
