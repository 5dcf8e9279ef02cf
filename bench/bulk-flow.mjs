/**
 * A bulk upload to Redis that goes on beside other things: SETs of one connection, many under way at once, each confirmed
 * by Redis.
 */
import { connect } from "node:net";
import { encodeCommand } from "./redis-client.mjs";

const PIECE_BYTES = 256 * 1024;
/** 16 MB under way: more than a window of the longest way here holds. */
const UNDER_WAY = 64;
const ANSWER_BYTES = "+OK\r\n".length;

/** Starts it. `during(ms)` resolves to what was confirmed in that time: { bytes, elapsedSeconds }. Call `stop`. */
export function startBulk({ port }) {
  const piece = Buffer.from(encodeCommand("SET", "bench:bulk", "x".repeat(PIECE_BYTES)));
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let answered = 0;
  let asked = 0;
  const ask = () => {
    for (; asked - Math.floor(answered / ANSWER_BYTES) < UNDER_WAY; asked += 1) socket.write(piece);
  };
  socket.on("data", (chunk) => {
    answered += chunk.length;
    ask();
  });
  socket.on("error", () => socket.destroy());
  ask();
  return {
    during: async (ms) => {
      const [before, start] = [answered, performance.now()];
      await new Promise((resolve) => setTimeout(resolve, ms));
      return { bytes: ((answered - before) / ANSWER_BYTES) * PIECE_BYTES, elapsedSeconds: (performance.now() - start) / 1000 };
    },
    stop: () => socket.destroy(),
  };
}
