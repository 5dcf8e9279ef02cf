/** One claim at a time, step by step; the races are in test/integration/lifecycle-singleton.test.ts. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, renameSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import type * as net from "node:net";
import { findDaemon, writeDiscovery } from "../../../../daemon/lifecycle/door/discovery.ts";
import {
  adoptSocket,
  type Claim,
  type ClaimOptions,
  claimSocket,
  isStillOurs,
  leaveToSuccessor,
  releaseSocket,
} from "../../../../daemon/lifecycle/door/singleton.ts";
import { closeKeepingPath, identifySocket, probeSocket } from "../../../../daemon/lifecycle/door/socket-file.ts";
import type { DoorPlace } from "../../../../daemon/lifecycle/paths.ts";
import { isSameFile } from "../../../../shared/files.ts";
import { greet, greetingServer } from "../../../support/lifecycle/greeting.ts";
import { stageForEach } from "../../../support/stage.ts";
import { rejectionOf } from "../../../support/wire/codes.ts";

describe("claiming the daemon's socket", () => {
  const stage = stageForEach();
  const socketPath = (): string => stage.path("t.sock");

  function options(instanceId: string, changes: Partial<ClaimOptions> = {}): ClaimOptions {
    const server = greetingServer(instanceId);
    stage.own(() => server.close());
    return { server, socketPath: socketPath(), alsoCheck: [], instanceId, verify: (where) => greet(where), ...changes };
  }

  const claim = (instanceId: string, changes: Partial<ClaimOptions> = {}): Promise<Claim> => claimSocket(options(instanceId, changes));

  function listen(server: net.Server, where: string): Promise<void> {
    stage.own(() => server.close());
    return new Promise((resolve) => server.listen(where, resolve));
  }

  /** Leaves the same socket behind as a killed daemon. */
  async function leaveStaleSocket(): Promise<void> {
    const server = greetingServer("dead");
    await listen(server, stage.path("bound"));
    linkSync(stage.path("bound"), socketPath());
    server.close();
    assert.equal(await probeSocket(socketPath()), "dead");
  }

  it("makes a socket of mode 0600 that answers, and leaves no other name", async () => {
    const { kind } = await claim("a");
    assert.equal(kind, "ours");
    assert.equal(await greet(socketPath()), "a");
    assert.equal(lstatSync(socketPath()).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(stage.folder), ["t.sock"]);
  });

  it("finds that another daemon is running, and stops listening", async () => {
    await claim("a");
    const late = options("b");
    assert.deepEqual(await claimSocket(late), { kind: "other", socketPath: socketPath() });
    assert.equal(late.server.listening, false);
    assert.equal(await greet(socketPath()), "a");
    assert.deepEqual(readdirSync(stage.folder), ["t.sock"]);
  });

  it("replaces a stale socket", async () => {
    await leaveStaleSocket();
    assert.equal((await claim("a")).kind, "ours");
    assert.equal(await greet(socketPath()), "a");
    assert.deepEqual(readdirSync(stage.folder), ["t.sock"]);
  });

  it("replaces a dead daemon whose process id now belongs to another process", async () => {
    await leaveStaleSocket();
    const door: DoorPlace = { folder: stage.folder, socketPath: socketPath(), discoveryFile: stage.path("t.json") };
    writeDiscovery(door.discoveryFile, { socket: socketPath(), pid: process.pid, instanceId: "dead", version: "1", protocol: 1, startedAtMs: 0 });
    assert.equal(await findDaemon([door], process.geteuid?.()), undefined);
    assert.equal((await claim("a")).kind, "ours");
  });

  it("gives way to a daemon that listens at one of the other places", async () => {
    await listen(greetingServer("elsewhere"), stage.path("other.sock"));
    assert.deepEqual(await claim("a", { alsoCheck: [stage.path("other.sock")] }), { kind: "other", socketPath: stage.path("other.sock") });
    assert.equal(existsSync(socketPath()), false);
  });

  it("does not trust a daemon in a folder that others can write to", async () => {
    mkdirSync(stage.path("shared"));
    chmodSync(stage.path("shared"), 0o777);
    await listen(greetingServer("trap"), stage.path("shared/t.sock"));
    assert.equal((await claim("a", { alsoCheck: [stage.path("shared/t.sock")] })).kind, "ours");
  });

  it("does not remove a file that is not a socket", async () => {
    writeFileSync(socketPath(), "precious");
    const error = await rejectionOf(claim("a"));
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /is not a socket: remove or rename/);
    assert.deepEqual(readdirSync(stage.folder), ["t.sock"]);
  });

  it("withdraws when the path leads to another instance", async () => {
    const late = options("a", { verify: () => Promise.resolve("b") });
    assert.equal((await claimSocket(late)).kind, "other");
    assert.equal(late.server.listening, false);
  });

  it("tries again when its name was removed before it could verify", async () => {
    let tries = 0;
    const verify = (where: string): Promise<string> => {
      tries += 1;
      if (tries === 1) unlinkSync(where);
      return greet(where);
    };
    assert.equal((await claim("a", { verify })).kind, "ours");
    assert.equal(await greet(socketPath()), "a");
  });

  it("fails and leaves nothing behind when its own server does not answer", async () => {
    const verify = (): Promise<string> => Promise.reject(new Error("no answer"));
    assert.equal((await rejectionOf(claim("a", { verify }))).code, "DAEMON_UNREACHABLE");
    assert.deepEqual(readdirSync(stage.folder), []);
  });

  it("reports that the folder is gone", async () => {
    const error = await rejectionOf(claim("a", { socketPath: stage.path("gone/t.sock") }));
    assert.match(`${error.code} ${error.message}`, /^DAEMON_UNREACHABLE .*its folder is gone/);
  });

  it("waits while another starter removes the stale socket", async () => {
    await leaveStaleSocket();
    const right = `${socketPath()}.${lstatSync(socketPath()).ino.toString(36)}.old`;
    linkSync(socketPath(), right);
    const late = claim("a");
    await new Promise((resolve) => setImmediate(resolve));
    unlinkSync(socketPath());
    unlinkSync(right);
    assert.equal((await late).kind, "ours");
  });

  it("does not wait long for a starter that was killed while it removed the stale socket", async () => {
    await leaveStaleSocket();
    linkSync(socketPath(), `${socketPath()}.${lstatSync(socketPath()).ino.toString(36)}.old`);
    assert.equal((await claim("a")).kind, "ours");
    assert.deepEqual(readdirSync(stage.folder), ["t.sock"]);
  });

  it("removes old private names of killed starters, and no recent ones", async () => {
    for (const name of ["t.sock.aaaaaa.new", "t.sock.bbbbbb.new"]) {
      const server = greetingServer("dead");
      await listen(server, stage.path("bound"));
      linkSync(stage.path("bound"), stage.path(name));
      server.close();
    }
    utimesSync(stage.path("t.sock.aaaaaa.new"), 0, 0);
    await claim("a");
    assert.deepEqual(readdirSync(stage.folder).sort(), ["t.sock", "t.sock.bbbbbb.new"]);
  });

  it("removes its name on release, unless the name belongs to another socket now", async () => {
    const [own, lost] = [await claim("a"), await claim("b", { socketPath: stage.path("u.sock") })];
    assert.ok(own.kind === "ours" && lost.kind === "ours");
    renameSync(stage.path("u.sock"), stage.path("aside"));
    await claim("c", { socketPath: stage.path("u.sock") });
    releaseSocket(own.socket);
    releaseSocket(lost.socket);
    assert.equal(existsSync(socketPath()), false);
    assert.equal(await greet(stage.path("u.sock")), "c");
  });

  it("keeps its name when it leaves the socket to a successor, which can adopt it", async () => {
    const own = await claim("a");
    assert.ok(own.kind === "ours");
    leaveToSuccessor(own.socket);
    assert.ok(isStillOurs(adoptSocket(greetingServer("b"), socketPath())));
  });
});

describe("a unix socket's file", () => {
  const stage = stageForEach();

  it("is missing, dead or alive", async () => {
    const server = greetingServer("a");
    await new Promise<void>((resolve) => server.listen(stage.path("s"), resolve));
    linkSync(stage.path("s"), stage.path("dead"));
    assert.equal(await probeSocket(stage.path("dead")), "alive");
    server.close();
    assert.equal(await probeSocket(stage.path("dead")), "dead");
    assert.equal(await probeSocket(stage.path("s")), "missing");
  });

  it("does not count as dead after an unrelated error", async () => {
    writeFileSync(stage.path("file"), "");
    assert.equal(await probeSocket(stage.path("file/s")), "alive", "ENOTDIR");
  });

  it("is the same file under another link, and a different one after it was bound again", async () => {
    const server = greetingServer("a");
    stage.own(() => server.close());
    await new Promise<void>((resolve) => server.listen(stage.path("s"), resolve));
    const first = identifySocket(stage.path("s"));
    linkSync(stage.path("s"), stage.path("t"));
    assert.ok(isSameFile(first, identifySocket(stage.path("t"))));
    unlinkSync(stage.path("s"));
    const again = greetingServer("b");
    stage.own(() => again.close());
    await new Promise<void>((resolve) => again.listen(stage.path("s"), resolve));
    assert.ok(!isSameFile(first, identifySocket(stage.path("s"))));
  });

  it("keeps its path when its server is closed for a successor", async () => {
    const server = greetingServer("a");
    await new Promise<void>((resolve) => server.listen(stage.path("s"), resolve));
    closeKeepingPath(server, stage.path("s"));
    assert.deepEqual(readdirSync(stage.folder), ["s"]);
    assert.equal(server.listening, false);
  });
});
