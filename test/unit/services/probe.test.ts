/** What a probe says to a service, and what it makes of the answer. */
import assert from "node:assert/strict";
import * as net from "node:net";
import { probe } from "../../../daemon/services/probe.ts";
import { PROTECTED_MODE, PROTECTED_MODE_TEXT } from "../../support/refusals.ts";
import { ascii, join, toHex } from "../../support/wire/bytes.ts";
import { rejectionOf } from "../../support/wire/codes.ts";
import { useScope } from "../../support/wire/loop.ts";
import { type Backend, startBackend } from "../../support/wire/peer.ts";

describe("a probe", () => {
  const scope = useScope();
  type Service = Parameters<typeof probe>[1]["service"];

  async function start(service: Service, timeoutMs = 5_000) {
    const backend: Backend = await startBackend(scope);
    const socket = scope.own(net.connect(backend.port, "127.0.0.1"), (open) => open.destroy());
    return { backend, socket, result: probe(socket, { service, timeoutMs }) };
  }

  /** What comes of these bytes, after which the service closes if it is told to. */
  async function answered(service: Service, ...pieces: readonly Uint8Array[]) {
    const { backend, result } = await start(service);
    const peer = await backend.accept();
    for (const piece of pieces) peer.write(piece);
    return result;
  }

  const mysqlPacket = (body: Uint8Array, sequence = 0): Uint8Array => join(Uint8Array.of(body.length & 0xff, body.length >> 8, 0, sequence), body);
  const greeting = mysqlPacket(join(Uint8Array.of(10), ascii("10.11.19-MariaDB"), new Uint8Array(60)));
  const mysqlError = (code: number, text: string, sequence = 0): Uint8Array =>
    mysqlPacket(join(Uint8Array.of(0xff, code & 0xff, code >> 8), ascii(text)), sequence);

  describe("of Redis", () => {
    it("sends PING and nothing else", async () => {
      const { backend, result } = await start("redis");
      const peer = await backend.accept();
      assert.equal(Buffer.from(await peer.read(6)).toString(), "PING\r\n");
      peer.write(ascii("+PONG\r\n"));
      assert.deepEqual(await result, { saw: "PONG" });
      assert.equal(await peer.ending(), "end");
    });

    for (const [answer, saw] of [
      ["-NOAUTH Authentication required.\r\n", "NOAUTH Authentication required."],
      ["-LOADING Redis is loading\r\n", "LOADING Redis is loading"],
      ["-ERR \u001b[31mred\r\n", "ERR ?[31mred"],
    ] as const) {
      it(`takes ${JSON.stringify(answer)} for life`, async () => {
        assert.deepEqual(await answered("redis", ascii(answer)), { saw });
      });
    }

    for (const [what, refusal, text] of [
      ["protected mode", PROTECTED_MODE, PROTECTED_MODE_TEXT],
      ["its limit of clients", "-ERR max number of clients reached\r\n", "ERR max number of clients reached"],
    ] as const)
      it(`says BACKEND_BLOCKED when Redis turns everybody away by ${what}, however its words are cut`, async () => {
        for (const cut of [refusal.length, Math.min(1_024, refusal.length - 1), 7]) {
          const error = await rejectionOf(answered("redis", ascii(refusal.slice(0, cut)), ascii(refusal.slice(cut))));
          assert.equal(error.code, "BACKEND_BLOCKED");
          if (cut > 200 || cut === refusal.length) assert.equal(error.message, `Redis refuses connections: ${text}`);
        }
      });

    it("reads an answer that comes byte by byte", async () => {
      const { backend, result } = await start("redis");
      const peer = await backend.accept();
      for (const byte of ascii("+PONG\r\n")) peer.write(Uint8Array.of(byte));
      assert.deepEqual(await result, { saw: "PONG" });
    });

    it("says so when something else answers, however long it talks", async () => {
      for (const answer of ["HTTP/1.1 400 Bad Request\r\n", "x".repeat(100_000)]) {
        const error = await rejectionOf(answered("redis", ascii(answer)));
        assert.equal(error.code, "BACKEND_DOWN");
        assert.match(error.message, /not Redis/);
      }
    });
  });

  describe("of MySQL", () => {
    it("answers the greeting with a login that is refused, and waits for the refusal", async () => {
      const { backend, result } = await start("mysql");
      const peer = await backend.accept();
      peer.write(greeting);
      const header = await peer.read(4);
      const login = await peer.read((header[0] ?? 0) + 256 * (header[1] ?? 0));
      assert.deepEqual([header[2], header[3]], [0, 1], "the second packet");
      assert.equal(toHex(login.slice(0, 4)), "00820000", "CLIENT_PROTOCOL_41 and CLIENT_SECURE_CONNECTION");
      assert.equal(Buffer.from(login.slice(32)).toString("latin1"), "tunneld-probe\0\0");
      const early = await Promise.race([result, new Promise((resolve) => setImmediate(resolve, "waiting"))]);
      assert.equal(early, "waiting", "closing before the answer could count as an aborted login");
      peer.write(mysqlError(1045, "Access denied", 2));
      assert.deepEqual(await result, { saw: "10.11.19-MariaDB" });
      assert.equal(await peer.ending(), "end");
    });

    it("is content when the server closes instead of refusing", async () => {
      const { backend, result } = await start("mysql");
      const peer = await backend.accept();
      peer.write(greeting);
      await peer.read(4);
      await peer.end();
      assert.deepEqual(await result, { saw: "10.11.19-MariaDB" });
    });

    for (const [code, meaning] of [
      [1129, "BACKEND_BLOCKED"],
      [1040, "BACKEND_BLOCKED"],
      [1130, "BACKEND_DOWN"],
    ] as const) {
      it(`reads error ${code} as ${meaning}, and leaves its SQL state out`, async () => {
        const error = await rejectionOf(answered("mysql", mysqlError(code, "#08004no")));
        assert.deepEqual([error.code, error.message], [meaning, `the database refuses connections: error ${code}, no`]);
      });
    }

    it("says so when something else answers", async () => {
      for (const answer of [ascii("HTTP/1.1 400\r\n"), ascii("SSH-2.0-OpenSSH\r\n"), Uint8Array.of(0, 0, 0, 0), Uint8Array.of(2, 0, 0, 0, 9, 0)]) {
        assert.match((await rejectionOf(answered("mysql", answer))).message, /not MySQL/);
      }
    });
  });

  it("of anything else sends nothing", async () => {
    const { backend, result } = await start("tcp");
    assert.deepEqual(await result, { saw: "connected" });
    assert.equal(await (await backend.accept()).ending(), "end");
  });

  for (const service of ["redis", "mysql"] as const) {
    it(`of ${service} fails when the connection closes without an answer, or nobody answers in time`, async () => {
      const { backend, result } = await start(service);
      const closing = rejectionOf(result);
      await (await backend.accept()).end();
      assert.equal((await closing).code, "BACKEND_DOWN");
      const silent = await start(service, 20);
      assert.match((await rejectionOf(silent.result)).message, /did not answer within 0.02 s/);
    });

    it(`of ${service} fails when the connection is refused or taken away`, async () => {
      const { backend, socket, result } = await start(service);
      const closing = rejectionOf(result);
      await backend.accept();
      socket.destroy();
      assert.equal((await closing).code, "BACKEND_DOWN");
    });
  }
});
