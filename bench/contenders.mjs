/**
 * What the bench compares, all with the same target: our pairs of ends on either wire, Debian's spiped, other tunnels, a
 * pipe without cryptography on the same Node.js, and no tunnel at all. Every process is our own child on 127.0.0.1 and is
 * ended by its pid. `between` puts something between the two ends, such as a slow network.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { basename, join } from "node:path";
import { makeKey, NONCE_BYTES, plainClient } from "../scripts/lib/ends.mjs";
import { Failure } from "../scripts/lib/failure.mjs";
import { endChild, lastLine, makeFolder, removeFolder, run } from "../scripts/lib/own.mjs";
import { startOnFreePort } from "../scripts/lib/ports.mjs";
import { tunneld } from "../scripts/lib/project.mjs";

/** Names of all contenders, in the order of their turns. */
export const CONTENDERS = ["ours", "native", "spiped", "stunnel", "ssh", "pipe", "direct"];

/**
 * The programs. Ours is a copy of the bundle: a build in the middle of a run must not change what is measured. `tools`
 * lacks what could not be had, and so does the result. `crypto` forces the suite of our program ("node" or "noble").
 */
export function programsFor({ tools, crypto, only = CONTENDERS }) {
  const bundle = join(makeFolder("tun-bundle"), basename(tunneld));
  copyFileSync(tunneld, bundle);
  const env = crypto === undefined ? process.env : { ...process.env, TUNNELD_CRYPTO: crypto };
  const node = process.execPath;
  const programs = [
    { name: "ours", title: "our pair", command: node, first: [bundle, "spiped"], env, start: startSpipedPair },
    { name: "native", title: "our pair on the native wire", command: node, bundle, env, start: startNativePair },
    { name: "spiped", title: "the spiped pair", command: tools.spiped, first: [], env: process.env, start: startSpipedPair },
    { name: "stunnel", title: "the stunnel pair", command: tools.stunnel, start: startStunnelPair },
    { name: "ssh", title: "ssh -L", command: tools.ssh, tools, start: startSsh },
    { name: "pipe", title: "a plain pipe", command: node, start: startPipes },
  ];
  return programs.filter(({ name, command }) => only.includes(name) && command !== undefined);
}

/**
 * Starts the pairs of `programs` (see `programsFor`) and a direct connection, all to `targetPort`, runs
 * `body(contenders)` and always ends them. `answers(port)` tells whether the target can be reached at that port.
 * `between(port)` resolves to { port, stop }: what the near end connects to in place of the far end.
 * A contender is { name, title, port, ends }: where to connect, and its processes ({ role, pid }).
 * A failure names an end that died, if one did.
 */
export async function withContenders(programs, { targetPort, answers, between, body }) {
  const contenders = [];
  const folder = makeFolder("tun-bench");
  const keyFile = join(folder, "bench.key");
  await makeKey(keyFile);
  const relays = [];
  const way = async (port) => {
    if (between === undefined) return port;
    const relay = await between(port);
    relays.push(relay);
    return relay.port;
  };
  try {
    for (const program of programs) contenders.push({ ...(await program.start(program, { targetPort, answers, keyFile, folder, way })), relay: relays.at(-1) });
    const port = await way(targetPort);
    contenders.push({ name: "direct", title: "a direct connection", port, ends: [], relay: relays.at(-1) });
    return await body(contenders);
  } catch (error) {
    const dead = contenders.flatMap(({ ends }) => ends).find(({ child }) => child.exitCode !== null || child.signalCode !== null);
    if (dead === undefined) throw error;
    throw new Failure(`${dead.name} ended by itself (${dead.child.signalCode ?? `exit code ${dead.child.exitCode}`}: ${lastLine(dead.log())}).`, {
      cause: error,
    });
  } finally {
    // Their connections are closed already, and the bench need not wait for anything that still drains.
    await Promise.all(contenders.flatMap(({ ends }) => ends).map(({ child }) => endChild(child, 1000)));
    await Promise.all(relays.map((relay) => relay.stop()));
    removeFolder(folder);
  }
}

/** Two ends of one program that differ in their arguments: `args(role, port, target)`. `ready(port)` tells whether a far end is there. */
async function startLikeEnds(program, { targetPort, answers, way }, { args, ready }) {
  const far = await startEnd(program, { role: "server", args: (port) => args("server", port, targetPort), ready });
  const target = await way(far.port);
  return pairOf(program, await startEnd(program, { role: "client", args: (port) => args("client", port, target), ready: answers }), far);
}

function startSpipedPair(program, context) {
  const args = (role, port, target) => [
    ...program.first,
    // -n 0: no limit on connections. -F: in the foreground, so that the pid is ours.
    ...["-F", "-n", "0", role === "server" ? "-d" : "-e", "-s", `[127.0.0.1]:${port}`, "-t", `[127.0.0.1]:${target}`, "-k", context.keyFile],
  ];
  return startLikeEnds(program, context, { args, ready: greets });
}

/** A far end by "tunneld serve", and a daemon with one tunnel. */
async function startNativePair(program, { targetPort, answers, keyFile, folder, way }) {
  const home = join(folder, program.name);
  const entry = (name, port, target, more) => {
    const config = join(home, `${name}-${port}.json`);
    mkdirSync(home, { recursive: true });
    const tunnel = { listen: `127.0.0.1:${port}`, target: `127.0.0.1:${target}`, key: { file: keyFile }, wire: "native", maxConnections: 100_000, ...more };
    writeFileSync(config, JSON.stringify({ version: 1, tunnels: { [name]: tunnel } }));
    return config;
  };
  const state = (name) => ["--state-dir", stateFolder(home, name)];
  const { bundle } = program;
  const far = await startEnd(program, {
    role: "server",
    args: (port) => [bundle, "serve", "--config", entry("far", port, targetPort, { role: "server" }), ...state("far")],
    ready: listens,
  });
  const target = await way(far.port);
  const near = await startEnd(program, {
    role: "client",
    args: () => [bundle, "daemon", ...state("near")],
    ready: async (port) => {
      await run(program.command, [bundle, "up", "--yes", "--config", entry("near", port, target, {}), ...state("near")], { env: program.env });
      return await answers(port);
    },
  });
  return pairOf(program, near, far);
}

/** The daemon takes only a folder that nobody else can enter. */
function stateFolder(home, name) {
  const folder = join(home, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** TLS 1.3 with a pre-shared key, as the other contenders have one. */
function startStunnelPair(program, context) {
  const { keyFile, folder } = context;
  const secrets = join(folder, "psk");
  writeFileSync(secrets, `bench:${readFileSync(keyFile).toString("hex")}\n`, { mode: 0o600 });
  const args = (role, port, target) => {
    const config = join(folder, `stunnel-${role}-${port}.conf`);
    const lines = ["foreground = yes", "pid =", "syslog = no", "debug = err", "socket = l:TCP_NODELAY=1", "socket = r:TCP_NODELAY=1", "[bench]"];
    lines.push(`client = ${role === "client" ? "yes" : "no"}`, `accept = 127.0.0.1:${port}`, `connect = 127.0.0.1:${target}`);
    lines.push("sslVersionMin = TLSv1.3", "ciphersuites = TLS_AES_128_GCM_SHA256", `PSKsecrets = ${secrets}`);
    if (role === "client") lines.push("PSKidentity = bench");
    writeFileSync(config, `${lines.join("\n")}\n`);
    return [config];
  };
  return startLikeEnds(program, context, { args, ready: listens });
}

/** A server of its own, with keys of its own, for the user who runs the bench. */
async function startSsh(program, { targetPort, answers, folder, way }) {
  const { sshd, sshKeygen } = program.tools;
  const keys = ["host", "user"].map((name) => join(folder, `ssh-${name}`));
  for (const key of keys) await run(sshKeygen, ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const [hostKey, userKey] = keys;
  const authorized = join(folder, "authorized_keys");
  copyFileSync(`${userKey}.pub`, authorized);
  chmodSync(authorized, 0o600);
  // Debian's sshd, as root, wants this folder, which its service makes otherwise.
  if (process.getuid?.() === 0 && !existsSync("/run/sshd")) mkdirSync("/run/sshd", { mode: 0o755 });
  const option = (text) => ["-o", text];
  const far = await startEnd(
    { ...program, command: sshd },
    {
      role: "server",
      args: (port) => [
        ...["-D", "-e", "-f", "/dev/null", "-h", hostKey, "-p", String(port)],
        ...["ListenAddress=127.0.0.1", `AuthorizedKeysFile=${authorized}`, "StrictModes=no", "PidFile=none", "PermitRootLogin=prohibit-password"].flatMap(
          option,
        ),
      ],
      ready: listens,
    },
  );
  const target = await way(far.port);
  const near = await startEnd(program, {
    role: "client",
    args: (port) => [
      ...["-F", "none", "-N", "-i", userKey, "-p", String(target), "-l", userInfo().username, "-L", `127.0.0.1:${port}:127.0.0.1:${targetPort}`],
      ...["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "BatchMode=yes", "ExitOnForwardFailure=yes"].flatMap(option),
      "127.0.0.1",
    ],
    ready: answers,
  });
  return pairOf(program, near, far);
}

function startPipes(program, context) {
  const script = join(import.meta.dirname, "node-pipe.mjs");
  return startLikeEnds(program, context, { args: (_, port, target) => [script, String(port), String(target)], ready: listens });
}

function pairOf({ name, title }, near, far) {
  return { name, title, port: near.port, ends: [near, far] };
}

async function startEnd({ name, command, env = process.env }, { role, args, ready }) {
  const label = `${name} (the ${role} end)`;
  const { child, port, log } = await startOnFreePort(label, {
    command,
    argsFor: args,
    ready: (started) => ready(started.port),
    spawnOptions: { env },
    timeoutMs: 20_000,
  });
  return { role, name: label, child, pid: child.pid, port, log };
}

async function greets(port) {
  const { bytes } = await plainClient(port, { words: "", enough: NONCE_BYTES, timeoutMs: 5000 });
  return bytes.length === NONCE_BYTES;
}

/** Whether something takes connections there. */
function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.destroy());
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  });
}
