/**
 * npm start: shows a working tunnel, on a fresh clone with nothing but Node and npm. It starts a real database, a server
 * end and a client end with a fresh key, works through them, and shows the bytes on the wire and what a client without
 * the key gets. Then it stays open for you to try, until Ctrl-C. All of it is on 127.0.0.1, and all of it is removed.
 */
import { join } from "node:path";
import { build } from "./lib/build.mjs";
import { makeKey, NONCE_BYTES, plainClient, startClientEnd, startServerEnd } from "./lib/ends.mjs";
import { Failure, main } from "./lib/failure.mjs";
import { sideBySide } from "./lib/hexdump.mjs";
import { install } from "./lib/install.mjs";
import { bold, cyan, dim, green, say, step } from "./lib/output.mjs";
import { endChild, makeFolder } from "./lib/own.mjs";
import { provision } from "./lib/provision.mjs";
import { startRelay } from "./lib/relay.mjs";
import { startOptions } from "./lib/start-options.mjs";
import { untilStopped } from "./lib/until-stopped.mjs";

const HELP = `npm start [-- [--mysql] [--once] | -- --vscode]

  npm start                   Redis through a tunnel; stays until Ctrl-C
  npm start -- --mysql        MariaDB instead
  npm start -- --vscode       VS Code with the extension in your browser, a Redis and a MariaDB to reach
  npm start -- --once         end after the demonstration

TUNNELS_SPIPED=/usr/bin/spiped runs another spiped at both ends, to compare; TUNNELS_TOOLS=unpack uses databases
unpacked into the cache folder even if they are installed. NO_COLOR is respected.`;

await main(async () => {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) return say(HELP);
  const options = startOptions(args, process.env);

  heading(1, "Setting up");
  await step("packages", install);
  await step("build", build);
  if (options.vscode) return (await import("./lib/demo-vscode.mjs")).demonstrateVsCode();
  const service = options.mysql ? await import("./lib/demo-mysql.mjs") : await import("./lib/demo-redis.mjs");
  let tools;
  await step(`${service.label} programs`, async () => {
    tools = await provision([service.group]);
  });

  const tunnel = await startTunnel(service);
  await useTunnel(service, tunnel);
  await showWire(service, tunnel);
  await showStranger(service, tunnel);
  if (!options.once) await stay(service, { ...tunnel, tools });
  await stop(service, tunnel);
});

function heading(number, text) {
  say(`\n${bold(`${number}. ${text}`)}`);
}

async function startTunnel(service) {
  heading(2, "A database, a key and the two ends of a tunnel");
  const tunnel = { keyFile: join(makeFolder("tun-key"), "demo.key") };
  await step(service.label, async () => {
    tunnel.server = await service.start();
    return `127.0.0.1:${tunnel.server.port}`;
  });
  await step("fresh key", () => makeKey(tunnel.keyFile));
  await step("server end", async () => {
    tunnel.far = await startServerEnd({ targetPort: tunnel.server.port, keyFile: tunnel.keyFile });
    return `127.0.0.1:${tunnel.far.port} → 127.0.0.1:${tunnel.server.port}  ${dim(`process ${tunnel.far.child.pid}`)}`;
  });
  await step("client end", async () => {
    // The relay is in place of the Internet: it sees the same bytes as an eavesdropper would.
    tunnel.wire = await startRelay(tunnel.far.port);
    const answers = (port) => service.answersAt(port, tunnel.server);
    tunnel.near = await startClientEnd({ targetPort: tunnel.wire.port, keyFile: tunnel.keyFile, answers });
    const way = `127.0.0.1:${tunnel.near.port} → 127.0.0.1:${tunnel.wire.port} ${dim("(a relay that records)")}`;
    return `${way} → 127.0.0.1:${tunnel.far.port}  ${dim(`process ${tunnel.near.child.pid}`)}`;
  });
  return tunnel;
}

async function useTunnel(service, tunnel) {
  heading(3, `${service.label} through the client end, 127.0.0.1:${tunnel.near.port}`);
  tunnel.client = await service.open(tunnel.near.port, tunnel.server);
  for (const [label, body] of service.steps(tunnel.client, tunnel.near.port, tunnel.server)) await step(label, body);
}

/** One more connection, with a relay before the client end too: shows the same command before and after encryption. */
async function showWire(service, tunnel) {
  heading(4, "What the client sent, and what crossed the wire");
  const front = await startRelay(tunnel.near.port);
  const client = await service.open(front.port, tunnel.server);
  const [plain, wire] = [front.connections.at(-1), tunnel.wire.connections.at(-1)];
  const before = { plain: plain.bytes.length, wire: wire.bytes.length };
  await service.speak(client);
  const sent = plain.bytes.subarray(before.plain);
  const crossed = wire.bytes.subarray(before.wire);
  for (const line of sideBySide({ title: "the client", bytes: sent }, { title: "the wire", bytes: crossed })) say(`    ${line}`);
  await service.close(client);
  await front.stop();
  if (!sent.includes(service.message)) throw new Failure("The relay missed the command: please report this.");
  const recorded = tunnel.wire.connections.map(({ bytes }) => bytes);
  if (recorded.some((bytes) => bytes.includes(service.message))) {
    throw new Failure(`"${service.message}" crossed the wire in plain text: don't use this build, and please report it.`);
  }
  const total = recorded.reduce((sum, bytes) => sum + bytes.length, 0);
  say(`  ${green("✔")} "${service.message}" is nowhere in the ${total.toLocaleString("en")} bytes recorded on the wire`);
}

async function showStranger(service, tunnel) {
  heading(5, `A plain client at the encrypted port, 127.0.0.1:${tunnel.far.port}`);
  const before = await service.seen(tunnel.client);
  let visit;
  await step(service.firstWords ? `sends ${JSON.stringify(service.firstWords)} and waits` : "waits for a greeting", async () => {
    visit = await plainClient(tunnel.far.port, { words: service.firstWords });
    if (visit.bytes.length !== NONCE_BYTES || !visit.ended) {
      throw new Failure(`A plain client got ${visit.bytes.length} bytes instead of a nonce and a close: please report this.`);
    }
    return `→ ${NONCE_BYTES} random bytes, then closed`;
  });
  say(`    ${dim(visit.bytes.toString("hex"))}`);
  const after = await service.seen(tunnel.client);
  const news = Object.keys(after)
    .map((name) => `new ${name}: ${after[name] - before[name]}`)
    .join(", ");
  say(`  ${green("✔")} meanwhile ${service.label} reports ${news}`);
}

async function stay(service, tunnel) {
  const [command, how] = [service.tryCommand(tunnel.near.port, tunnel), "Ctrl-C ends it and removes everything."];
  say(`\n${bold("The tunnel is open.")} Try it:\n\n    ${cyan(command)}\n\n${how}`);
  const ends = { "The server end": tunnel.far, "The client end": tunnel.near, [service.label]: tunnel.server };
  await untilStopped(ends);
}

async function stop(service, tunnel) {
  await step("everything stopped and removed", async () => {
    await service.close(tunnel.client);
    await Promise.all([endChild(tunnel.near.child, 2000), endChild(tunnel.far.child, 2000)]);
    await tunnel.wire.stop();
    await tunnel.server.stop();
  });
}
