/** What Windows uses instead of a 0700 folder and link(); tested here with stand-ins. */
import assert from "node:assert/strict";
import { systemRandom } from "../../../../daemon/crypto/random.ts";
import { selectSuite } from "../../../../daemon/crypto/select-suite.ts";
import { type ChallengeParts, clientChallenge, SERVER_MESSAGE_BYTES, serverChallenge } from "../../../../daemon/lifecycle/door/pipe-challenge.ts";
import { randomPipeName, takeLock } from "../../../../daemon/lifecycle/door/windows-pipe.ts";
import { codeOf } from "../../../support/wire/codes.ts";

describe("the mutual challenge on a named pipe", () => {
  const suite = selectSuite(undefined);
  const parts = (secret = new Uint8Array(32).fill(7)): ChallengeParts => ({ secret, hmac: suite.hmacSha256, equal: suite.equal, random: systemRandom });
  const stranger = parts(new Uint8Array(32).fill(8));

  it("accepts two ends that know the secret", () => {
    const [client, server] = [clientChallenge(parts()), serverChallenge(parts())];
    const answer = server.answer(client.first);
    assert.equal(answer?.length, SERVER_MESSAGE_BYTES);
    const proof = client.answer(answer);
    assert.ok(proof !== undefined && server.accept(proof));
  });

  it("lets the client detect a server that doesn't know the secret, before the client has proved anything", () => {
    const client = clientChallenge(parts());
    const answer = serverChallenge(stranger).answer(client.first);
    assert.equal(client.answer(answer ?? new Uint8Array()), undefined);
  });

  it("lets the server detect a client that doesn't know the secret", () => {
    const server = serverChallenge(parts());
    const answer = server.answer(clientChallenge(parts()).first) ?? new Uint8Array();
    assert.equal(server.accept(suite.hmacSha256(stranger.secret, answer)), false);
  });

  it("does not accept the server's own answer as the client's proof", () => {
    const server = serverChallenge(parts());
    const answer = server.answer(clientChallenge(parts()).first) ?? new Uint8Array();
    assert.equal(server.accept(answer.subarray(32)), false);
  });

  it("accepts no proof of an earlier connection", () => {
    const [client, first] = [clientChallenge(parts()), serverChallenge(parts())];
    const proof = client.answer(first.answer(client.first) ?? new Uint8Array()) ?? new Uint8Array();
    assert.ok(first.accept(proof));
    const second = serverChallenge(parts());
    second.answer(client.first);
    assert.equal(second.accept(proof), false);
  });

  it("allows one try", () => {
    const [client, server] = [clientChallenge(parts()), serverChallenge(parts())];
    const proof = client.answer(server.answer(client.first) ?? new Uint8Array()) ?? new Uint8Array();
    assert.equal(server.accept(new Uint8Array(32)), false);
    assert.equal(server.accept(proof), false);
    assert.equal(server.answer(client.first), undefined);
  });

  it("accepts nothing before the client's first message, and no message of another length", () => {
    assert.equal(serverChallenge(parts()).accept(new Uint8Array(32)), false);
    assert.equal(serverChallenge(parts()).answer(new Uint8Array(31)), undefined);
    assert.equal(clientChallenge(parts()).answer(new Uint8Array(63)), undefined);
  });
});

describe("the daemon's lock on Windows", () => {
  it("is one file, opened without sharing, until it is released", () => {
    const closed: number[] = [];
    let flags = 0;
    const lock = takeLock("lock", {
      open: (_, given) => {
        flags = given;
        return 42;
      },
      close: (file) => closed.push(file),
    });
    assert.equal(flags & 0x1000_0000, 0x1000_0000, "UV_FS_O_EXLOCK");
    lock?.release();
    assert.deepEqual(closed, [42]);
  });

  const failing = (code: string) => ({
    open: () => {
      throw Object.assign(new Error(code), { code });
    },
    close: () => {},
  });

  it("can't be taken while another process has it", () => {
    assert.equal(takeLock("lock", failing("EBUSY")), undefined);
  });

  it("fails loudly for any other reason", () => {
    assert.equal(
      codeOf(() => takeLock("lock", failing("EACCES"))),
      "DAEMON_UNREACHABLE",
    );
  });

  it("goes with a pipe name that is different each time", () => {
    const [one, two] = [randomPipeName(systemRandom), randomPipeName(systemRandom)];
    assert.match(one, /^\\\\\.\\pipe\\tunneld-[0-9a-f]{32}$/);
    assert.notEqual(one, two);
  });
});
