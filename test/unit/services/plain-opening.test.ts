/** How few bytes are enough to recognise a plain client for certain; bytes that could be a friend's nonce never are. */
import assert from "node:assert/strict";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { clientHello } from "../../../daemon/diagnosis/client-hello.ts";
import { diagnosisNonce } from "../../../daemon/diagnosis/nonce.ts";
import { isPlainOpening } from "../../../daemon/services/plain-opening.ts";
import { ascii, fromHex, join } from "../../support/wire/bytes.ts";

const CLIENTS: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ["redis-cli and every Redis library", ascii("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n")],
  ["a Redis health check", ascii("PING\r\n")],
  ["the same, in small letters", ascii("ping\r\n")],
  ["a Redis line with more in it", ascii("AUTH secret\n")],
  ["curl", ascii("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
  ["a browser", ascii("GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n")],
  ["an HTTP health check", ascii("HEAD / HTTP/1.0\r\n\r\n")],
  ["an HTTP proxy's client", ascii("CONNECT db.example.com:443 HTTP/1.1\r\n\r\n")],
  ["HTTP/2", ascii("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
  ["TLS", clientHello(systemRandom)],
  ["SSH", ascii("SSH-2.0-OpenSSH_9.2p1\r\n")],
  ["a MySQL login", join(fromHex("5500000185a6ff0100000001210000000000000000000000000000000000000000000000"), ascii("app\0"))],
];

/** Bits that the bytes of an opening fix: for each byte, how few of its 256 values still make an opening. */
function fixedBits(opening: Uint8Array): number {
  let bits = 0;
  for (const index of opening.keys()) {
    let fitting = 0;
    for (let value = 0; value < 256; value++) if (isPlainOpening(opening.with(index, value))) fitting += 1;
    bits += 8 - Math.log2(fitting);
  }
  return bits;
}

describe("a plain client's opening", () => {
  for (const [what, bytes] of CLIENTS) {
    it(`of ${what} is known within a nonce's length or as soon as it is whole, and fixes at least 38 bits`, () => {
      const length = [...bytes.keys()].find((count) => isPlainOpening(bytes.subarray(0, count + 1)));
      assert.ok(length !== undefined && length < 36, `after ${length} bytes`);
      // Of a word all the words that fit are one way to be taken for a client, which this counts apart: 40 less the four letters' two bits.
      assert.ok(fixedBits(bytes.subarray(0, length + 1)) >= 38, `${fixedBits(bytes.subarray(0, length + 1))} bits`);
    });
  }

  it("is not recognised while too little of it has arrived", () => {
    for (const text of ["", "P", "PING", "PING\n", "*1\r\n", "GET ", "GET /", "GET /a", "POST"]) assert.equal(isPlainOpening(ascii(text)), false, text);
    assert.equal(isPlainOpening(clientHello(systemRandom).subarray(0, 9)), false);
  });

  it("is not recognised in text that begins no protocol known here", () => {
    for (const text of ["hello, is anybody there?\r\n", "STATS items\r\n", "220 mail.example.com ESMTP\r\n"])
      assert.equal(isPlainOpening(ascii(text)), false, text);
  });

  it("is not recognised in a nonce or a part of one, nor in a diagnosis's nonce", () => {
    for (let count = 0; count < 5_000; count++) {
      for (const nonce of [systemRandom(32), diagnosisNonce(systemRandom)]) {
        for (const length of [1, 8, 16, 32]) assert.equal(isPlainOpening(nonce.subarray(0, length)), false);
      }
    }
  });

  it("is not recognised in a diagnosis's nonce that happens to begin with a command's letters", () => {
    const nonce = diagnosisNonce(systemRandom);
    for (const word of ["PING", "INFO", "QUIT", "*1", "GET "]) assert.equal(isPlainOpening(join(ascii(word), nonce.subarray(word.length))), false, word);
  });
});
