/** Opening a listener: ports, sockets that exist already, and what each failure is called. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { join } from "node:path";
import { bind } from "../../../daemon/proxy/bind.ts";
import { stageForEach } from "../../support/stage.ts";
import { rejectionOf } from "../../support/wire/codes.ts";
import { startBackend, temporaryFolder } from "../../support/wire/peer.ts";

/** Listens on a unix socket in a process that is then killed: nobody answers there any more, and the file stays. */
async function deadSocket(path: string): Promise<void> {
  const code = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`;
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
}

describe("bind", () => {
  const scope = stageForEach();
  const server = (): net.Server =>
    scope.own(net.createServer(), (open) => {
      if (open.listening) open.close();
    });

  it("gives the real port for port 0", async () => {
    const bound = await bind(server(), { address: { kind: "tcp", host: "127.0.0.1", port: 0 } });
    assert.ok(bound.kind === "tcp" && bound.host === "127.0.0.1" && bound.port > 0);
  });

  it("says LISTEN_IN_USE for a port that is taken", async () => {
    const { port } = await startBackend(scope);
    const error = await rejectionOf(bind(server(), { address: { kind: "tcp", host: "127.0.0.1", port } }));
    assert.equal(error.code, "LISTEN_IN_USE");
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
  });

  it("says CONFIG_INVALID for an address of another machine", async () => {
    assert.equal((await rejectionOf(bind(server(), { address: { kind: "tcp", host: "192.0.2.1", port: 0 } }))).code, "CONFIG_INVALID");
  });

  it("says CONFIG_INVALID for a socket in a folder that does not exist", async () => {
    const path = join(temporaryFolder(scope), "none", "s");
    assert.equal((await rejectionOf(bind(server(), { address: { kind: "unix", path } }))).code, "CONFIG_INVALID");
  });

  it("makes a unix socket", async () => {
    const path = join(temporaryFolder(scope), "s");
    assert.deepEqual(await bind(server(), { address: { kind: "unix", path } }), { kind: "unix", path });
    assert.equal(lstatSync(path).isSocket(), true);
  });

  it("refuses a unix socket that somebody listens at, even when it is said to be ours", async () => {
    const path = join(temporaryFolder(scope), "s");
    await startBackend(scope, { path });
    assert.equal((await rejectionOf(bind(server(), { address: { kind: "unix", path }, isOwnSocket: () => true }))).code, "LISTEN_IN_USE");
    assert.equal(existsSync(path), true);
  });

  it("refuses a dead unix socket that isn't ours", async () => {
    const path = join(temporaryFolder(scope), "s");
    await deadSocket(path);
    assert.equal((await rejectionOf(bind(server(), { address: { kind: "unix", path } }))).code, "LISTEN_IN_USE");
    assert.equal(existsSync(path), true);
  });

  it("replaces a dead unix socket of our own", async () => {
    const path = join(temporaryFolder(scope), "s");
    await deadSocket(path);
    assert.deepEqual(await bind(server(), { address: { kind: "unix", path }, isOwnSocket: (asked) => asked === path }), { kind: "unix", path });
  });

  for (const umask of [0o000, 0o022, 0o777]) {
    it(`makes a unix socket that only its owner can use, with umask ${umask.toString(8)}, and leaves the umask as it was`, async function () {
      if (process.platform === "win32") this.skip();
      const path = join(temporaryFolder(scope), "s");
      const before = process.umask(umask);
      try {
        await bind(server(), { address: { kind: "unix", path }, ownerOnly: true });
        assert.equal(process.umask(), umask);
      } finally {
        process.umask(before);
      }
      assert.equal(lstatSync(path).mode & 0o777, 0o600);
    });
  }

  it("leaves the mode of a unix socket to the umask unless told otherwise", async function () {
    if (process.platform === "win32") this.skip();
    const path = join(temporaryFolder(scope), "s");
    const before = process.umask(0o007);
    try {
      await bind(server(), { address: { kind: "unix", path } });
    } finally {
      process.umask(before);
    }
    assert.equal(lstatSync(path).mode & 0o777, 0o770);
  });

  it("never removes a file that is no socket", async () => {
    const path = join(temporaryFolder(scope), "s");
    writeFileSync(path, "precious");
    assert.equal((await rejectionOf(bind(server(), { address: { kind: "unix", path }, isOwnSocket: () => true }))).code, "LISTEN_IN_USE");
    assert.equal(lstatSync(path).size, 8);
  });

  it("leaves no listener for errors behind", async () => {
    const [good, bad] = [server(), server()];
    await bind(good, { address: { kind: "tcp", host: "127.0.0.1", port: 0 } });
    const { port } = await startBackend(scope);
    await rejectionOf(bind(bad, { address: { kind: "tcp", host: "127.0.0.1", port } }));
    assert.deepEqual([good.listenerCount("error"), bad.listenerCount("error")], [0, 0]);
  });
});
