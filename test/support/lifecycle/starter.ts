/**
 * A test program: one of many that try to become the daemon at the same moment.
 * Arguments: the socket's path. It prints "up". At each line "go" it claims the
 * socket, connects to the winner and prints {role, instanceId}; at "leave" it
 * hangs up and prints "left". A daemon ends properly at SIGTERM, and every
 * program ends when its input ends.
 */
import type * as net from "node:net";
import { claimSocket, releaseSocket } from "../../../daemon/lifecycle/door/singleton.ts";
import { ask, greet, greetingServer, onLine } from "./greeting.ts";

const socketPath = process.argv[2] ?? "";
let connection: net.Socket | undefined;

process.stdout.write("up\n");
onLine(process.stdin, (line) => {
  if (line === "go") void start();
  else leave();
});
process.stdin.once("end", () => process.exit(0));

async function start(): Promise<void> {
  const instanceId = `${process.pid}-${Math.random()}`;
  const claim = await claimSocket({ server: greetingServer(instanceId), socketPath, alsoCheck: [], instanceId, verify: (path) => greet(path) });
  if (claim.kind === "ours") {
    process.once("SIGTERM", () => {
      releaseSocket(claim.socket);
      process.exit(0);
    });
  }
  const { answer, socket } = await ask(socketPath, "hello");
  connection = socket;
  process.stdout.write(`${JSON.stringify({ role: claim.kind, instanceId: answer })}\n`);
}

function leave(): void {
  connection?.destroy();
  process.stdout.write("left\n");
}
