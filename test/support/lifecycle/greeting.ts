/**
 * The smallest stand-in for the RPC's hello: a client sends "hello", and the
 * daemon answers with its instance id. "count" gives the number of clients that
 * said hello and are still connected. Any other line is echoed.
 */
import * as net from "node:net";

/** A server that greets with this id. */
export function greetingServer(instanceId: string): net.Server {
  const greeted = new Set<net.Socket>();
  return net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("close", () => greeted.delete(socket));
    onLine(socket, (line) => {
      if (line === "hello") greeted.add(socket);
      socket.write(`${line === "hello" ? instanceId : line === "count" ? greeted.size : line}\n`);
    });
  });
}

/** Calls back for each whole line. */
export function onLine(stream: NodeJS.ReadableStream, heard: (line: string) => void): void {
  let rest = "";
  stream.on("data", (chunk: Buffer | string) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) heard(line);
  });
}

/** Connects and asks; resolves to the answer and the connection, which the caller ends. */
export function ask(where: string | net.TcpNetConnectOpts, question: string): Promise<{ readonly answer: string; readonly socket: net.Socket }> {
  return new Promise((resolve, reject) => {
    const socket = typeof where === "string" ? net.connect({ path: where }) : net.connect(where);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without an answer")));
    onLine(socket, (answer) => {
      // A later error only means that the connection has ended.
      socket.removeListener("error", reject).on("error", () => {});
      resolve({ answer, socket });
    });
    socket.write(`${question}\n`);
  });
}

/** Connects and asks; resolves to the answer only. */
export async function greet(where: string | net.TcpNetConnectOpts, question = "hello"): Promise<string> {
  const { answer, socket } = await ask(where, question);
  socket.destroy();
  return answer;
}
