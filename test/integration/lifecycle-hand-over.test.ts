/**
 * An upgrade between real processes: the listening sockets change hands, and nobody who connects meanwhile notices.
 */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import type * as net from "node:net";
import { handOver } from "../../daemon/lifecycle/hand-over/hand-over.ts";
import { FakeTime } from "../support/lifecycle/fake-time.ts";
import { ask, greet, greetingServer } from "../support/lifecycle/greeting.ts";
import { bundleProgram, LineProgram } from "../support/lifecycle/programs.ts";
import { isAlive } from "../support/process/proc-info.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";
import { rejectionOf } from "../support/wire/codes.ts";

/** How long a successor may take here: only a test's own clock gets that far, no real wait does. */
const READY_WITHIN_MS = 600_000;

/** How many connects the successor must have answered before a test ends. */
const ENOUGH = 200;

describe("handing listeners over to a successor", () => {
  const stage = stageForEach();

  it("refuses or forgets no client that connects every millisecond, over TCP and over a unix socket", async () => {
    const old = await startGeneration(stage);
    const clients = [new Connector({ host: "127.0.0.1", port: old.port }), new Connector(old.linkedPath)];
    for (const client of clients) stage.own(() => client.stop());
    await until(() => clients.every((client) => client.answered("1") >= ENOUGH), { what: "the old one had answered many" });
    const { pid } = JSON.parse(await old.program.ask("hand over")) as { pid: number };
    stage.ownPid(pid);
    await until(() => clients.every((client) => client.answered("2") >= ENOUGH), { what: "the successor had answered many" });
    for (const client of clients) await client.finish();
    assert.deepEqual(
      clients.map((client) => client.failures),
      [[], []],
    );
  });

  it("leaves open connections with the old process, which ends with the last of them", async () => {
    const old = await startGeneration(stage);
    const { socket } = await ask(old.linkedPath, "hello");
    const { pid } = JSON.parse(await old.program.ask("hand over")) as { pid: number };
    stage.ownPid(pid);
    assert.equal(await greet(old.linkedPath), "2");
    assert.equal(await next(socket, "still there"), "still there");
    assert.ok(isAlive(old.program.child.pid ?? 0));
    socket.destroy();
    await until(() => old.program.child.exitCode === 0, { what: "the old process ended by itself" });
    assert.equal(await greet(old.linkedPath), "2", "its end took nobody's socket away");
  });

  it("hands over a unix socket that was bound directly, and its path stays", async () => {
    const old = await startGeneration(stage);
    const { pid } = JSON.parse(await old.program.ask("hand over")) as { pid: number };
    stage.ownPid(pid);
    assert.equal(await greet(old.directPath), "2");
    assert.ok(existsSync(old.directPath));
  });

  it("lets the successor bind a socket that can't be sent, once the old process has let it go", async () => {
    const old = await startGeneration(stage);
    const { pid } = JSON.parse(await old.program.ask("hand over")) as { pid: number };
    stage.ownPid(pid);
    await until(() => existsSync(old.handlelessPath), { what: "the successor had bound it" });
    assert.equal(await greet(old.handlelessPath), "2");
  });

  it("goes on as before when the successor ends at once", async () => {
    const { server, path } = await startHere(stage);
    writeFileSync(stage.path("bad.cjs"), "process.exit(3)");
    const offer = handOver({ ...handOverTo(stage.path("bad.cjs")), listeners: [{ id: "a", address: path, kind: "unix", server }] });
    const error = await rejectionOf(offer);
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /exit code 3/);
    assert.equal(await greet(path), "here");
  });

  it("goes on as before, and ends the successor, when the successor is not ready in time", async () => {
    const { server, path } = await startHere(stage);
    const pidFile = stage.path("pid");
    writeFileSync(stage.path("slow.cjs"), `process.on("message", () => {}); require("node:fs").writeFileSync(${JSON.stringify(pidFile)}, String(process.pid))`);
    const time = new FakeTime();
    const offer = rejectionOf(handOver({ ...handOverTo(stage.path("slow.cjs")), listeners: [{ id: "a", address: path, kind: "unix", server }], timers: time }));
    await until(() => existsSync(pidFile), { what: "the successor had started" });
    time.pass(READY_WITHIN_MS);
    assert.equal((await offer).code, "DAEMON_UNREACHABLE");
    assert.equal(await greet(path), "here");
  });
});

function handOverTo(program: string): { readonly program: string; readonly args: readonly string[]; readonly timeoutMs: number; readonly cwd: string } {
  return { program, args: [], timeoutMs: READY_WITHIN_MS, cwd: "/" };
}

interface Generation {
  readonly program: LineProgram;
  readonly port: number;
  readonly linkedPath: string;
  readonly directPath: string;
  readonly handlelessPath: string;
}

async function startGeneration(stage: Stage): Promise<Generation> {
  const program = new LineProgram(stage, { program: bundleProgram("generation", stage.folder), args: [stage.folder] });
  return { program, ...JSON.parse(await program.line()) };
}

async function startHere(stage: Stage): Promise<{ readonly server: net.Server; readonly path: string }> {
  const path = stage.path("here.sock");
  const server = greetingServer("here");
  stage.own(() => server.close());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { server, path };
}

/** Sends a line on an open connection; resolves to the echo. */
function next(socket: net.Socket, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once("data", (chunk) => resolve(chunk.toString().trim()));
    socket.once("close", () => reject(new Error("closed")));
    socket.write(`${line}\n`);
  });
}

/** Connects every millisecond, asks, and remembers who answered and what failed. */
class Connector {
  readonly failures: string[] = [];
  readonly #answers = new Map<string, number>();
  readonly #open = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(where: string | net.TcpNetConnectOpts) {
    this.#timer = setInterval(() => {
      const attempt = greet(where).then(
        (answer) => void this.#answers.set(answer, this.answered(answer) + 1),
        (error: Error) => void this.failures.push(error.message),
      );
      this.#open.add(attempt);
      void attempt.finally(() => this.#open.delete(attempt));
    }, 1);
  }

  answered(generation: string): number {
    return this.#answers.get(generation) ?? 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Stops, and waits for the connects under way: a connect that is never served keeps the test waiting. */
  async finish(): Promise<void> {
    this.stop();
    await Promise.all(this.#open);
  }
}
