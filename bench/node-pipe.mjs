/**
 * A pipe without any cryptography, on the two modules that the daemon stands on, net and streams: what Node itself allows.
 * node bench/node-pipe.mjs LISTEN-PORT TARGET-PORT
 */
import { connect, createServer } from "node:net";

const [listen, target] = process.argv.slice(2).map(Number);

createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  near.pipe(far).pipe(near);
  near.on("error", () => far.destroy());
  far.on("error", () => near.destroy());
}).listen(listen, "127.0.0.1");
