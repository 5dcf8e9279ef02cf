/** Framing: any cut of the stream gives the same messages, and nothing too long gets in. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameDecoder, MAX_HEADER_BYTES } from "../../../../shared/contract/frame-decoder.ts";
import { frame } from "../../../support/rpc/raw-client.ts";
import { errorOf } from "../../../support/wire/codes.ts";

const LIMIT = 10_000;

function decode(...chunks: readonly (string | Uint8Array)[]): object[] {
  const decoder = new FrameDecoder(LIMIT);
  const messages: object[] = [];
  for (const chunk of chunks) decoder.push(Buffer.from(chunk as string), (message) => void messages.push(message));
  return messages;
}

const messageOf = (...chunks: readonly string[]): string => errorOf(() => decode(...chunks)).message;

describe("the frame decoder", () => {
  it("reads the same messages however the stream is cut", () => {
    const message = fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: "binary" }), fc.integer()), { maxKeys: 4, noNullPrototype: true });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), fc.array(fc.nat()), (messages, cuts) => {
        const stream = Buffer.from(messages.map((one) => frame(one)).join(""));
        const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
        const chunks = places.slice(1).map((end, index) => stream.subarray(places[index], end));
        assert.deepEqual(decode(...chunks), JSON.parse(JSON.stringify(messages)));
      }),
      { numRuns: 300 },
    );
  });

  it("reads a stream that comes byte by byte", () => {
    assert.deepEqual(decode(...[...Buffer.from(frame({ a: "ä" }))].map((byte) => Buffer.from([byte]))), [{ a: "ä" }]);
  });

  it("accepts the header's name in any case, and other headers beside it", () => {
    assert.deepEqual(decode("Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-LENGTH:2\r\n\r\n{}"), [{}]);
  });

  it("accepts a message of exactly the limit", () => {
    const text = JSON.stringify({ a: "x".repeat(LIMIT - 8) });
    assert.equal(text.length, LIMIT);
    assert.equal(decode(frame(text)).length, 1);
  });

  it("refuses a message one byte over the limit as soon as the header is there", () =>
    assert.match(messageOf(`Content-Length: ${LIMIT + 1}\r\n\r\n`), /10001 bytes, 10000 are allowed/));

  it("refuses a length with more digits than a number holds", () =>
    assert.match(messageOf(`Content-Length: ${"9".repeat(400)}\r\n\r\n`), /one Content-Length/));

  it("refuses a header without an end", () => assert.match(messageOf("X: ".padEnd(MAX_HEADER_BYTES, "x")), /longer than 1024 bytes/));

  it("refuses a header that exceeds the limit and ends in the same chunk", () => {
    assert.match(messageOf(`X: ${"x".repeat(MAX_HEADER_BYTES)}\r\nContent-Length: 2\r\n\r\n{}`), /longer than 1024 bytes/);
  });

  for (const [what, header] of [
    ["two lengths", "Content-Length: 2\r\nContent-Length: 999999999"],
    ["no length", "Content-Type: x"],
    ["a negative length", "Content-Length: -1"],
    ["a length in hexadecimal", "Content-Length: 0x10"],
    ["a length with a sign", "Content-Length: +2"],
    ["two numbers", "Content-Length: 2, 3"],
    ["nothing behind the colon", "Content-Length:"],
    ["an empty header", ""],
    ["a carriage return alone, which another reader might not take for a line's end", "Content-Length: 2\r"],
    ["a line feed alone", "Content-Length: 2\nX: y"],
    ["a line without a colon", "GET / HTTP/1.1"],
    ["a folded line", "Content-Length: 2\r\n X: y"],
  ] as const) {
    it(`refuses ${what}`, () => assert.equal(errorOf(() => decode(`${header}\r\n\r\n{}`)).code, "CONFIG_INVALID"));
  }

  for (const [what, body] of [
    ["text that is not JSON", "hello"],
    ["half of a message", '{"a":'],
    ["a batch", "[{}]"],
    ["a number", "1"],
    ["null", "null"],
  ] as const) {
    it(`refuses ${what}`, () => assert.equal(errorOf(() => decode(frame(body))).code, "CONFIG_INVALID"));
  }

  it("refuses an empty message", () => assert.match(messageOf("Content-Length: 0\r\n\r\n"), /empty/));

  it("never quotes a message that can't be read", () => assert.doesNotMatch(messageOf(frame('{"key":"c2VjcmV0"')), /c2Vj/));

  it("stays failed", () => {
    const decoder = new FrameDecoder(LIMIT);
    assert.throws(() => decoder.push(Buffer.from("x\r\n\r\n"), () => {}));
    assert.throws(() => decoder.push(Buffer.from(frame({})), () => assert.fail("it delivered")), { code: "CONFIG_INVALID" });
  });

  it("hands out the messages before the one that is refused", () => {
    const messages: object[] = [];
    assert.throws(() => new FrameDecoder(LIMIT).push(Buffer.from(`${frame({ a: 1 })}x\r\n\r\n`), (message) => void messages.push(message)));
    assert.deepEqual(messages, [{ a: 1 }]);
  });

  it("allocates no memory for a body that is only announced", () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoders = Array.from({ length: 200 }, () => new FrameDecoder(4 * 1024 * 1024));
    for (const decoder of decoders) decoder.push(Buffer.from(`Content-Length: ${4 * 1024 * 1024}\r\n\r\n{`), () => {});
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
  });

  it("accepts JSON that is nested a hundred thousand deep", () => {
    const depth = 100_000;
    const messages: object[] = [];
    new FrameDecoder(1_000_000).push(Buffer.from(frame(`{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`)), (message) => void messages.push(message));
    assert.equal(messages.length, 1);
  });
});
