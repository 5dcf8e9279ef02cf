/** Node's inspector would give away the keys in memory: it is not open once a program works, whenever SIGUSR1 came. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { startSink } from "../support/process/backend.ts";
import { commandOf, freeAddress, makeKey, TUNNELD } from "../support/process/ends.ts";
import { listeningPorts } from "../support/process/listening.ts";
import { statusField } from "../support/process/proc-info.ts";
import type { Program } from "../support/process/program.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

/** Signal 10 in the mask SigCgt of /proc/PID/status: sent before anybody catches it, it ends the process. */
const SIGUSR1_BIT = 1n << 9n;

function catchesSigusr1({ pid }: Program): boolean {
  return (BigInt(`0x${statusField(pid, "SigCgt")}`) & SIGUSR1_BIT) !== 0n;
}

/** A program, and how the test knows that it has started. */
interface Started {
  readonly program: Program;
  readonly isReady: () => boolean;
  /** Ports that it listens at by itself. */
  readonly ports: readonly number[];
}

const PROGRAMS: Readonly<Record<string, (stage: Stage) => Promise<Started>>> = {
  "spiped -d": async (stage) => {
    const address = await freeAddress();
    const port = Number(/\d+$/.exec(address)?.[0]);
    const [node, ...args] = commandOf("ours", "spiped");
    const program = stage.spawn(node, [...args, "-F", "-d", "-s", address, "-t", address, "-k", makeKey(stage)]);
    return { program, isReady: () => listeningPorts(program.pid).includes(port), ports: [port] };
  },
  spipe: async (stage) => {
    const far = await startSink(stage);
    const [node, ...args] = commandOf("ours", "spipe");
    const program = stage.spawn(node, [...args, "-t", far.address, "-k", makeKey(stage), "-o", "3600"]);
    return { program, isReady: () => far.peers.length > 0, ports: [] };
  },
  daemon: async (stage) => {
    const run = stage.path("state/run");
    const program = stage.spawn(process.execPath, [TUNNELD, "daemon", "--state-dir", stage.path("state")]);
    return { program, isReady: () => existsSync(run) && readdirSync(run).some((name) => name.endsWith(".sock")), ports: [] };
  },
};

describe("SIGUSR1 while a program starts", () => {
  const stage = stageForEach();

  for (const [name, start] of Object.entries(PROGRAMS)) {
    it(`leaves no inspector open, at whatever moment it comes (${name})`, async () => {
      const { program, isReady, ports } = await start(stage);
      await until(() => catchesSigusr1(program), { what: "Node caught the signal" });
      await until(
        () => {
          program.child.kill("SIGUSR1");
          return isReady();
        },
        { what: "it worked" },
      );
      await until(() => listeningPorts(program.pid).every((port) => ports.includes(port)), { what: "no inspector listened" });
      assert.equal(program.isRunning, true);
    });
  }
});
