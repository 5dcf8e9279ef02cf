/**
 * A fault of a far side has one name everywhere: a client that just tries, `wait`, the drop-in's log and the diagnosis say
 * the same, on a first contact and where the key has worked before, however long the way. Debian's spiped closes silently
 * both for a different key and for a backend that refuses, so the moment of the close tells the two apart.
 */
import assert from "node:assert/strict";
import { digHole } from "../support/diagnose/hole.ts";
import { startRefusingLater } from "../support/diagnose/refuses-later.ts";
import { startSlowRelay } from "../support/diagnose/slow-relay.ts";
import { startBackend } from "../support/process/backend.ts";
import { freeAddress, makeKey, startEnd } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { approveAndWant, Home, type TestClient } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

/** How often each fault is tried; a full far end, which keeps no more than ten in its backlog, only once. */
const TIMES = 5;
const PING = "*1\r\n$4\r\nPING\r\n";
const PONG = "+PONG\r\n";

/** Where things are. */
interface Scene {
  readonly stage: Stage;
  /** Where the far end must listen. */
  readonly at: string;
  readonly key: string;
  readonly otherKey: string;
  readonly redis: string;
  readonly hole: string;
}

interface Fault {
  readonly start: (scene: Scene) => Promise<unknown>;
  readonly code: string;
  /** The code that all give where the key has worked before, if more can be known then. */
  readonly codeLater?: string;
  /** What is different about our side. */
  readonly entry?: object;
  readonly dropInArgs?: readonly string[];
  readonly times?: number;
}

const debians =
  (args: readonly string[], backend: "redis" | "hole" | "nothing" = "redis", key: "key" | "otherKey" = "key") =>
  async (scene: Scene): Promise<unknown> => {
    const target = backend === "nothing" ? await freeAddress() : scene[backend];
    // spiped's default time to give up a black-holed backend; the ends under test are more patient (-o).
    const limits = backend === "hole" ? ["-o", "5"] : [];
    return startEnd(scene.stage, { maker: "Debian's", role: "-d", source: scene.at, target, key: scene[key], args: [...limits, ...args] });
  };

const refusingAfter =
  (afterMs: number) =>
  ({ stage, at, key }: Scene): Promise<unknown> =>
    startRefusingLater(stage, { at, key, afterMs });

const FAULTS: Readonly<Record<string, Fault>> = {
  "a backend that refuses at once": { start: debians([], "nothing"), code: "BACKEND_DOWN" },
  "a backend that refuses after 25 ms": { start: refusingAfter(25), code: "BACKEND_DOWN" },
  "a backend that refuses after 50 ms": { start: refusingAfter(50), code: "BACKEND_DOWN" },
  "a backend that is black-holed": { start: debians([], "hole"), code: "BACKEND_DOWN" },
  "another key": { start: debians([], "redis", "otherKey"), code: "KEY_MISMATCH" },
  "forward secrecy required there (-g), off here": {
    start: debians(["-g"]),
    code: "FORWARD_SECRECY_REFUSED",
    entry: { forwardSecrecy: "off" },
    dropInArgs: ["-f"],
  },
  "forward secrecy off there (-f), required here": {
    start: debians(["-f"]),
    code: "FORWARD_SECRECY_REFUSED",
    dropInArgs: ["-g"],
  },
  "a far end at its limit": {
    start: async (scene) => {
      await startEnd(scene.stage, { maker: "Debian's", role: "-d", source: scene.at, target: scene.redis, key: scene.key, args: ["-n", "1", "-o", "600"] });
      await (await connectTo(scene.stage, scene.at)).has(32);
    },
    code: "HANDSHAKE_TIMEOUT",
    codeLater: "LIMIT_REACHED",
    entry: { timeoutSeconds: 10 },
    dropInArgs: ["-o", "10"],
    times: 1,
  },
};

/** Where a row is played. */
interface Place {
  readonly home: Home;
  readonly window: TestClient;
  /** The far end's address as our side knows it. */
  readonly way: string;
  readonly name: string;
  readonly workedBefore: boolean;
}

/** What each source said, without repetitions: one code each, when all is well. */
interface Said {
  readonly "a client's failure": string;
  readonly wait: string;
  readonly "the state afterwards": string;
  readonly "the drop-in": string;
  readonly diagnosis: string;
}

function expected({ code: codeFirst, codeLater = codeFirst, times = TIMES }: Fault, workedBefore: boolean): Said {
  const code = workedBefore ? codeLater : codeFirst;
  return {
    "a client's failure": `${code} x ${times}`,
    wait: `${code} x ${2 * times}`,
    "the state afterwards": `${code} x ${2 * times}`,
    "the drop-in": `${code} x 1`,
    diagnosis: `${code} x ${times}`,
  };
}

function counted(codes: readonly unknown[]): string {
  return [...new Set(codes)].map((code) => `${code} x ${codes.filter((other) => other === code).length}`).join(", ");
}

describe("what is wrong with a far side has one name", () => {
  const stage = stageForEach();

  /** Opens tunnels and a drop-in, meets the fault with each of them, and returns what they said. */
  async function observe({ times = TIMES, ...fault }: Fault, scene: Scene, { home, window, way, name, workedBefore }: Place): Promise<Said> {
    const names = Array.from({ length: 2 * times }, (_, index) => `t${index}`);
    const target = way.replace(/[[\]]/g, "");
    const entry = { service: "redis", target, key: { file: scene.key }, timeoutSeconds: 30, ...fault.entry };
    // Identical entries would share one tunnel.
    const configPath = home.workspace(name, Object.fromEntries(names.map((one, index) => [one, { ...entry, maxConnections: 50 + index }])));
    const opened = await approveAndWant(window, configPath, names);
    const dropIn = await startEnd(stage, { role: "-e", target: way, key: scene.key, args: fault.dropInArgs ?? [] });
    if (workedBefore) {
      const good = await startEnd(stage, { maker: "Debian's", role: "-d", source: scene.at, target: scene.redis, key: scene.key });
      for (const address of [...opened.map(({ listen }) => listen), dropIn.address]) await until(() => ping(address), { what: "the key had worked" });
      good.program.child.kill("SIGKILL");
      await good.program.exit();
    }
    await fault.start(scene);

    const [tried, probedOnly] = [names.slice(0, times), names.slice(times)];
    const codes = async (): Promise<ReadonlyMap<string, unknown>> => {
      const { tunnels } = await window.daemon.request("tunnels/list", {});
      return new Map(tunnels.filter((one) => one.configPath === configPath).map((one) => [one.name, one.lastFailure?.code]));
    };
    const probe = async (one: string): Promise<unknown> => (await window.daemon.request("tunnel/probe", { configPath, name: one })).probed?.code;
    const each = <T>(all: readonly string[], look: (one: string) => Promise<T>): Promise<T[]> => Promise.all(all.map(look));

    // One kind after the other: spiped keeps ten newcomers in its backlog.
    const diagnoses = await each(tried, (one) => window.daemon.request("tunnel/diagnose", { configPath, name: one }));
    await each(tried, (one) => ping(opened.find((status) => status.name === one)?.listen ?? ""));
    const afterTries = await codes();
    await each(tried, () => ping(dropIn.address));
    const firstProbes = await each(probedOnly, probe);
    const secondProbes = await each(tried, probe);
    return {
      "a client's failure": counted(tried.map((one) => afterTries.get(one))),
      wait: counted([...firstProbes, ...secondProbes]),
      "the state afterwards": counted([...(await codes()).values()]),
      "the drop-in": counted(codesIn(dropIn.program.stderr)),
      diagnosis: counted(diagnoses.map(({ code }) => code)),
    };
  }

  /** A client's only command; resolves once it is answered or its connection has ended, to whether it was answered. */
  async function ping(address: string): Promise<boolean> {
    const peer = await connectTo(stage, address);
    peer.send(PING);
    await until(() => peer.receivedBytes >= PONG.length || peer.hasEnded || peer.isClosed, { what: "the client had its answer" });
    peer.socket.destroy();
    return peer.text === PONG;
  }

  for (const delayMs of [0, 1, 20]) {
    for (const workedBefore of [false, true]) {
      it(`for a client, wait, the drop-in and the diagnosis: ${delayMs} ms each way, ${workedBefore ? "the key worked before" : "first contact"}`, async () => {
        const home = new Home(stage, ["--linger", "1", "--idle", "30"]);
        const window = home.client();
        const redis = (await startBackend(stage, ({ socket }) => void socket.on("data", () => socket.write(PONG)))).address;
        const hole = (await digHole(stage)).replace(/^([\d.]+):/, "[$1]:");
        const said = Object.entries(FAULTS).map(async ([what, fault], index) => {
          const at = await freeAddress(`127.0.1.${index + 1}`);
          const scene = { stage, at, key: makeKey(stage, `key${index}`), otherKey: makeKey(stage, `other${index}`), redis, hole };
          const way = delayMs === 0 ? at : await startSlowRelay(stage, at, delayMs);
          return [what, await observe(fault, scene, { home, window, way, name: `app${index}`, workedBefore })] as const;
        });
        await Promise.allSettled(said);
        const wanted = Object.entries(FAULTS).map(([what, fault]) => [what, expected(fault, workedBefore)]);
        assert.deepEqual(Object.fromEntries(await Promise.all(said)), Object.fromEntries(wanted));
      });
    }
  }
});

/** The codes of a drop-in's log, each once for what it repeats. */
function codesIn(stderr: string): string[] {
  return [...stderr.matchAll(/: ([A-Z_]+): /g)].map(([, code = ""]) => code);
}
