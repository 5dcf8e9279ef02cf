/**
 * The other side of the bulk measure: it receives uploads and sends downloads, any number of them on a connection
 * (bench/stream.mjs has the bytes). It is a worker thread, so that it does not share a processor with the load generator;
 * it must stay much lighter than the programs that are measured.
 */
import { createServer } from "node:net";
import { parentPort } from "node:worker_threads";
import { BAD, OK, PatternCounter, parseRequest, REQUEST_BYTES, sendPattern } from "./stream.mjs";

const server = createServer({ noDelay: true, highWaterMark: 1024 * 1024 }, (socket) => {
  let pending = Buffer.alloc(0);
  let upload = null;
  const onBytes = (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      rest = upload === null ? readRequest(rest) : readUpload(rest);
    }
  };
  const readRequest = (chunk) => {
    const missing = REQUEST_BYTES - pending.length;
    pending = Buffer.concat([pending, chunk.subarray(0, missing)]);
    if (pending.length === REQUEST_BYTES) {
      const { op, length } = parseRequest(pending);
      pending = Buffer.alloc(0);
      if (op === "U") upload = new PatternCounter(length);
      else sendPattern(socket, length);
    }
    return chunk.subarray(missing);
  };
  const readUpload = (chunk) => {
    const rest = chunk.subarray(upload.take(chunk));
    if (upload.complete) {
      socket.write(Buffer.of(upload.intact ? OK : BAD));
      upload = null;
    }
    return rest;
  };
  socket.on("data", onBytes);
  // The generator notices a broken connection and reports it.
  socket.on("error", () => socket.destroy());
});

server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
