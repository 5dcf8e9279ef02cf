/**
 * A test program: a daemon that hands its listeners over to the next generation
 * of itself. Arguments: the folder. It listens at a TCP port, at a unix socket
 * bound like the daemon's own (linked) and at one bound directly, and prints the
 * addresses. At an input line it hands over, prints {pid} and runs until its last
 * connection ends. Every generation greets with its number.
 */
import { once } from "node:events";
import type * as net from "node:net";
import * as path from "node:path";
import { claimSocket, leaveToSuccessor } from "../../../daemon/lifecycle/door/singleton.ts";
import { handOver, type OfferedListener } from "../../../daemon/lifecycle/hand-over/hand-over.ts";
import { isSuccessor, receiveListeners } from "../../../daemon/lifecycle/hand-over/receive-listeners.ts";
import { greet, greetingServer } from "./greeting.ts";

void (isSuccessor() ? takeOver() : begin());

async function begin(): Promise<void> {
  const folder = process.argv[2] ?? "";
  const linked = greetingServer("1");
  const linkedPath = path.join(folder, "linked.sock");
  const claim = await claimSocket({ server: linked, socketPath: linkedPath, alsoCheck: [], instanceId: "1", verify: (socket) => greet(socket) });
  if (claim.kind === "other") throw new Error("somebody else is there");
  const tcp = await listening(greetingServer("1").listen(0, "127.0.0.1"));
  const port = (tcp.address() as net.AddressInfo).port;
  const directPath = path.join(folder, "direct.sock");
  const direct = await listening(greetingServer("1").listen(directPath));
  const handlelessPath = path.join(folder, "handleless.sock");
  const listeners: readonly OfferedListener[] = [
    { id: "rpc", address: linkedPath, kind: "unix", server: linked, release: () => leaveToSuccessor(claim.socket) },
    { id: "tcp", address: `127.0.0.1:${port}`, kind: "tcp", server: tcp },
    { id: "direct", address: directPath, kind: "unix", server: direct },
    // Does not listen, so there is no handle to send.
    { id: "handleless", address: handlelessPath, kind: "unix", server: greetingServer("1") },
  ];
  say({ port, linkedPath, directPath, handlelessPath });
  await once(process.stdin, "data");
  const { pid } = await handOver({ program: process.argv[1] ?? "", args: [], listeners, payload: { generation: 2 }, timeoutMs: 120_000, cwd: "/" });
  say({ pid });
  process.stdin.destroy();
}

async function takeOver(): Promise<void> {
  const received = await receiveListeners();
  const { generation } = received.payload as { readonly generation: number };
  const handles = received.listeners.filter(({ hasHandle }) => hasHandle);
  for (const listener of handles) await listener.listen(greetingServer(String(generation)));
  await received.ready();
  for (const { hasHandle, address } of received.listeners) if (!hasHandle) greetingServer(String(generation)).listen(address);
}

async function listening(server: net.Server): Promise<net.Server> {
  await once(server, "listening");
  return server;
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
