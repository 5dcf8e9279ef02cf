/** What is removed when a listener at a unix socket ends: the file that it made, and no other file at that path. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { dirname, join } from "node:path";
import { bind } from "../../../daemon/proxy/bind.ts";
import { adoptSocketFile, closeListener, socketFileMark } from "../../../daemon/proxy/socket-file.ts";
import { type Stage, stageForEach } from "../../support/stage.ts";
import { ascii, sameBytes } from "../../support/wire/bytes.ts";
import { rejectionOf } from "../../support/wire/codes.ts";
import { startEnd, startPair } from "../../support/wire/ends.ts";
import { connectTo, startBackend, temporaryFolder } from "../../support/wire/peer.ts";

/** What may be at the path when the listener ends, and how the test sees that it is still there. */
const OTHERS: Readonly<Record<string, (scope: Stage, path: string) => Promise<() => Promise<void> | void>>> = {
  "a file of the user's": async (_, path) => {
    writeFileSync(path, "precious");
    return () => assert.equal(readFileSync(path, "utf8"), "precious");
  },
  "another program's live socket": async (scope, path) => {
    const other = await startBackend(scope, { path });
    return async () => {
      const peer = await connectTo(scope, { path });
      peer.write(ascii("x"));
      sameBytes(await (await other.accept()).read(1), ascii("x"));
    };
  },
  "a symbolic link to another file": async (_, path) => {
    writeFileSync(`${path}.target`, "precious");
    symlinkSync(`${path}.target`, path);
    return () => {
      assert.equal(lstatSync(path).isSymbolicLink(), true);
      assert.equal(readFileSync(path, "utf8"), "precious");
    };
  },
  "a symbolic link to our own socket, which was moved": async (_, path) => {
    symlinkSync(`${path}.moved`, path);
    return () => assert.equal(lstatSync(path).isSymbolicLink(), true);
  },
  "a folder": async (_, path) => {
    mkdirSync(path);
    return () => assert.equal(lstatSync(path).isDirectory(), true);
  },
};

describe("the file of a unix socket", () => {
  const scope = stageForEach();

  async function listening(): Promise<{ readonly server: net.Server; readonly path: string }> {
    const path = join(temporaryFolder(scope), "s");
    const server = net.createServer();
    scope.own(server, closeListener);
    await bind(server, { address: { kind: "unix", path } });
    return { server, path };
  }

  it("is removed with its listener", async () => {
    const { server, path } = await listening();
    closeListener(server);
    assert.deepEqual([existsSync(path), server.listening], [false, false]);
  });

  for (const [what, put] of Object.entries(OTHERS)) {
    it(`stays when something else has taken its place: ${what}`, async () => {
      const { server, path } = await listening();
      renameSync(path, `${path}.moved`);
      const stays = await put(scope, path);
      closeListener(server);
      closeListener(server);
      await stays();
    });
  }

  it("is not reported as in use by us when the listener that lost it has ended and somebody wants to listen there again", async () => {
    const { server, path } = await listening();
    renameSync(path, `${path}.moved`);
    writeFileSync(path, "precious");
    closeListener(server);
    const { code, message } = await rejectionOf(bind(net.createServer(), { address: { kind: "unix", path } }));
    assert.deepEqual([code, message], ["LISTEN_IN_USE", `there is a file or socket at ${path} already: remove it if nothing uses it, or choose another path`]);
  });

  it("stays when it belongs to another socket of the same name, made after ours was deleted", async () => {
    const { server, path } = await listening();
    unlinkSync(path);
    const other = await startBackend(scope, { path });
    closeListener(server);
    await connectTo(scope, { path });
    assert.equal((await other.accept()).socket.destroyed, false);
  });

  it("may be gone already, with its folder", async () => {
    const { server, path } = await listening();
    rmSync(dirname(path), { recursive: true });
    closeListener(server);
    assert.equal(server.listening, false);
  });

  for (const isOurs of [true, false]) {
    it(`${isOurs ? "is removed" : "stays when it is another file"} when a listener that was taken over ends, judged by its mark`, async () => {
      const { server, path } = await listening();
      const successor = scope.own(net.createServer().listen(0, "127.0.0.1"), closeListener);
      await once(successor, "listening");
      adoptSocketFile(successor, path, socketFileMark(server) ?? assert.fail("no mark"));
      if (!isOurs) {
        renameSync(path, `${path}.moved`);
        writeFileSync(path, "precious");
      }
      closeListener(successor);
      assert.equal(existsSync(path), !isOurs);
    });
  }

  it("is not removed twice: a listener that has ended leaves later files at its path alone", async () => {
    const { server, path } = await listening();
    closeListener(server);
    writeFileSync(path, "precious");
    closeListener(server);
    assert.equal(readFileSync(path, "utf8"), "precious");
  });

  for (const how of ["closes", "drains"] as const) {
    it(`of a tunnel stays when it was replaced, and the tunnel ${how}`, async () => {
      const path = join(temporaryFolder(scope), "s");
      const backend = await startBackend(scope);
      const { server: far } = await startPair(scope, backend.port);
      const end = await startEnd(scope, { role: "client", target: far.port }, undefined, { kind: "unix", path });
      const user = await connectTo(scope, { path });
      const service = await backend.accept();
      user.write(ascii("x"));
      await service.read(1);
      renameSync(path, `${path}.moved`);
      writeFileSync(path, "precious");
      if (how === "drains") {
        const drained = end.forwarder.drain();
        await Promise.all([user.end(), service.end()]);
        await drained;
      } else {
        end.forwarder.close();
      }
      assert.equal(readFileSync(path, "utf8"), "precious");
    });
  }

  it("of a tunnel that has closed lets nobody in under the name that it was moved to", async () => {
    const path = join(temporaryFolder(scope), "s");
    const end = await startEnd(scope, { role: "client", target: 1 }, undefined, { kind: "unix", path });
    renameSync(path, `${path}.moved`);
    writeFileSync(path, "precious");
    end.forwarder.close();
    await (await connectTo(scope, { path: `${path}.moved` })).ending();
    assert.equal(end.forwarder.connections.size, 0);
  });
});
