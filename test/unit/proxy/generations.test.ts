/** A port that was handed over: sessions stay in the process where they began, and come back to it through the ones after it. */
import assert from "node:assert/strict";
import type * as net from "node:net";
import { type Generations, type Passed, processNameOf } from "../../../daemon/proxy/generations.ts";
import { stageForEach } from "../../support/stage.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { type End, startEnd } from "../../support/wire/ends.ts";
import { type Network, startNetwork } from "../../support/wire/network.ts";
import { type Backend, type Joined, join, speaks, startBackend } from "../../support/wire/peer.ts";

const KEEPS_MS = 60_000;

/** One process, as the others see it: what it passes back is taken at once by the one before it. */
class Generation implements Generations {
  older: Generation | undefined;
  end: End | undefined;
  hasSuccessor = false;
  readonly passed: Passed[] = [];
  /** Names of processes before it. */
  before: string[] = [];

  isBefore(session: Uint8Array): boolean {
    return this.older !== undefined && this.before.includes(processNameOf(session));
  }

  passBack(wire: net.Socket, passed: Passed): void {
    this.passed.push(passed);
    if (this.older?.isBefore(passed.begun.session)) this.older.passBack(wire, passed);
    else if (this.older?.end) this.older.end.forwarder.takeBack(wire, passed.begun);
    else wire.destroy();
  }
}

describe("sessions of a port that was handed over", () => {
  const scope = stageForEach();
  let backend: Backend;
  let network: Network;
  let client: End;

  const common = { wire: "auto", keepsMs: KEEPS_MS } as const;
  const startFar = (generations: Generation): Promise<End> => startEnd(scope, { ...common, role: "server", target: backend.port, generations });
  const sessionOf = (end: End): string => {
    const name = end.routes[0]?.native?.session?.name;
    assert.ok(name);
    return processNameOf(name);
  };

  /** A far end with one session, and its successors at the same place, the newest last. */
  async function upgraded(times: number): Promise<{ readonly ends: readonly End[]; readonly generations: readonly Generation[]; readonly pair: Joined }> {
    backend = await startBackend(scope);
    const generations = [new Generation()];
    const ends = [await startFar(generations[0] as Generation)];
    (generations[0] as Generation).end = ends[0];
    network = await startNetwork(scope, (ends[0] as End).port);
    client = await startEnd(scope, { ...common, role: "client", target: network.port });
    const pair = await join(scope, client, backend);
    const first = sessionOf(client);
    for (let index = 1; index <= times; index++) {
      const generation = new Generation();
      const older = generations.at(-1) as Generation;
      generation.older = older;
      generation.before = [first];
      generations.push(generation);
      generation.end = await startFar(generation);
      ends.push(generation.end);
      older.hasSuccessor = true;
      network.leadTo((ends.at(-1) as End).port);
      void ends[index - 1]?.forwarder.drain();
    }
    return { ends, generations, pair };
  }

  for (const times of [1, 2])
    it(`go on in the first process after ${times === 1 ? "an upgrade" : "two upgrades"} and a cut`, async () => {
      const { ends, generations, pair } = await upgraded(times);
      for (let cut = 1; cut <= 3; cut++) {
        pair.user.write(pattern(100_000, cut));
        network.cut("reset");
        sameBytes(await pair.service.read(100_000), pattern(100_000, cut), "what was on its way");
        await speaks(pair, 10 * cut);
      }
      assert.deepEqual(
        generations.map(({ passed }) => passed.length),
        [0, ...generations.slice(1).map(() => 3)],
      );
      assert.deepEqual({ ...ends[0]?.stats.sessions }, { open: 1, waiting: 0, resumed: 3, gone: 0 });
      assert.deepEqual(
        ends.map(({ failures }) => failures),
        ends.map(() => []),
      );
      // New connections are the newest's, on a session of its own.
      await speaks(await join(scope, client, backend), 100);
      assert.equal(ends.at(-1)?.stats.total, 1);
      assert.deepEqual(client.failures, []);
    });

  it("are gone when the first process has ended, and the next connection is served", async () => {
    const { ends, generations, pair } = await upgraded(1);
    const newest = generations[1] as Generation;
    newest.older = undefined;
    ends[0]?.forwarder.close();
    network.cut("reset");
    await Promise.all([pair.user.ending(), pair.service.ending()]);
    await speaks(await join(scope, client, backend), 1);
    assert.equal(newest.passed.length, 0);
  });

  it("end with their connection when nobody passes connections back", async () => {
    const { ends, generations, pair } = await upgraded(1);
    (generations[0] as Generation).hasSuccessor = false;
    network.cut("reset");
    await pair.service.ending();
    assert.equal(ends[0]?.stats.sessions.open, 0);
  });

  it("are not given to whoever holds the key and not the session's secret", async () => {
    const { ends, pair } = await upgraded(1);
    const stranger = await startEnd(scope, { ...common, role: "client", target: (ends[1] as End).port });
    await speaks(await join(scope, stranger, backend), 1);
    await speaks(pair, 2);
    assert.deepEqual({ ...ends[0]?.stats.sessions }, { open: 1, waiting: 0, resumed: 0, gone: 0 });
  });
});
