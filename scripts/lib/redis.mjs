/**
 * A throw-away Redis: a free port on 127.0.0.1, nothing saved, gone with its folder when stopped or when the script
 * ends, however it ends. Never the machine's own Redis.
 */
import { connect } from "node:net";
import { endChild, makeFolder, removeFolder } from "./own.mjs";
import { startOnFreePort } from "./ports.mjs";
import { locate } from "./provision.mjs";

export async function startRedis(options = {}) {
  const { redisServer } = locate(["redis"]);
  const folder = makeFolder("tun-redis");
  const { child, port } = await startOnFreePort("redis-server", {
    command: redisServer,
    argsFor: (chosen) => [
      ...["--port", String(chosen), "--bind", "127.0.0.1", "--protected-mode", "yes", "--dir", folder],
      ...["--save", "", "--appendonly", "no", "--daemonize", "no", ...(options.args ?? [])],
    ],
    // The answer must have our server's pid: after a lost race for the port, another Redis could answer.
    ready: ({ child: started, port: chosen }) => answersAt(chosen, started.pid),
  });
  return {
    port,
    pid: child.pid,
    child,
    stop: async () => {
      await endChild(child);
      removeFolder(folder);
    },
  };
}

/** True if the Redis with this pid, and no other, answers at `port`. */
export function answersAt(port, pid) {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write("INFO server\r\nQUIT\r\n"));
    socket.setEncoding("utf8").setTimeout(3000, () => socket.destroy());
    socket.on("data", (text) => {
      answer += text;
    });
    socket.on("error", () => {});
    socket.once("close", () => resolve(answer.includes(`process_id:${pid}\r\n`)));
  });
}
