/**
 * What the bench compares, all with the same target: our pair of ends, Debian's spiped pair and no tunnel at all. Both
 * pairs get the same options and the same key, so that they differ only in the program. Every process is our own child
 * on 127.0.0.1 and is ended by its pid.
 */
import { copyFileSync } from "node:fs";
import { basename, join } from "node:path";
import { makeKey, NONCE_BYTES, plainClient } from "../scripts/lib/ends.mjs";
import { Failure } from "../scripts/lib/failure.mjs";
import { endChild, lastLine, makeFolder, removeFolder } from "../scripts/lib/own.mjs";
import { startOnFreePort } from "../scripts/lib/ports.mjs";
import { tunneld } from "../scripts/lib/project.mjs";

/**
 * The two programs. Ours is a copy of the bundle: a build in the middle of a run must not change what is measured.
 * `crypto` forces the suite of our program ("node" or "noble").
 */
export function programsFor({ spiped, crypto }) {
  const bundle = join(makeFolder("tun-bundle"), basename(tunneld));
  copyFileSync(tunneld, bundle);
  const env = crypto === undefined ? process.env : { ...process.env, TUNNELD_CRYPTO: crypto };
  return [
    { name: "ours", title: "our pair", command: process.execPath, first: [bundle, "spiped"], env },
    { name: "spiped", title: "the spiped pair", command: spiped, first: [], env: process.env },
  ];
}

/**
 * Starts the pairs of `programs` (see `programsFor`) and a direct connection, all to `targetPort`, runs
 * `body(contenders)` and always ends them. `answers(port)` tells whether the target can be reached at that port.
 * A contender is { name, title, port, ends }: where to connect, and its processes ({ role, pid }).
 * A failure names an end that died, if one did.
 */
export async function withContenders(programs, { targetPort, answers, body }) {
  const contenders = await startContenders(programs, { targetPort, answers });
  try {
    return await body(contenders);
  } catch (error) {
    const dead = contenders.flatMap(({ ends }) => ends).find(({ child }) => child.exitCode !== null || child.signalCode !== null);
    if (dead === undefined) throw error;
    throw new Failure(`${dead.name} ended by itself (${dead.child.signalCode ?? `exit code ${dead.child.exitCode}`}: ${lastLine(dead.log())}).`, {
      cause: error,
    });
  } finally {
    await Promise.all(contenders.map((contender) => contender.stop()));
  }
}

/** The pairs of `programs` and the direct connection, all to `targetPort`. */
async function startContenders(programs, { targetPort, answers }) {
  const folder = makeFolder("tun-bench");
  const keyFile = join(folder, "bench.key");
  await makeKey(keyFile);
  const contenders = [];
  for (const program of programs) contenders.push(await startPair(program, { targetPort, answers, keyFile }));
  contenders.push({ name: "direct", title: "a direct connection", port: targetPort, ends: [], stop: async () => removeFolder(folder) });
  return contenders;
}

async function startPair(program, { targetPort, answers, keyFile }) {
  const { name, title } = program;
  const far = await startEnd(program, { role: "-d", targetPort, keyFile, ready: greets });
  const near = await startEnd(program, { role: "-e", targetPort: far.port, keyFile, ready: answers });
  const ends = [near, far];
  const stop = async () => {
    // Their connections are closed already, and the bench need not wait for anything that still drains.
    await Promise.all(ends.map(({ child }) => endChild(child, 1000)));
  };
  return { name, title, port: near.port, ends, stop };
}

async function startEnd({ name, command, first, env }, { role, targetPort, keyFile, ready }) {
  const label = `${name} (the ${role === "-d" ? "server" : "client"} end)`;
  const { child, port, log } = await startOnFreePort(label, {
    command,
    // -n 0: no limit on connections. -F: in the foreground, so that the pid is ours.
    argsFor: (chosen) => [...first, "-F", "-n", "0", role, "-s", `[127.0.0.1]:${chosen}`, "-t", `[127.0.0.1]:${targetPort}`, "-k", keyFile],
    ready: (started) => ready(started.port),
    spawnOptions: { env },
    timeoutMs: 20_000,
  });
  return { role: role === "-d" ? "server" : "client", name: label, child, pid: child.pid, port, log };
}

async function greets(port) {
  const { bytes } = await plainClient(port, { words: "", enough: NONCE_BYTES, timeoutMs: 5000 });
  return bytes.length === NONCE_BYTES;
}
