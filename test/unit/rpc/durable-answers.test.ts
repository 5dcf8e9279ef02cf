/**
 * A change that is answered as done is on the disk; a change that is not on the
 * disk is answered as a failure that says what holds.
 */
import assert from "node:assert/strict";
import { StateFile } from "../../../daemon/lifecycle/state-file.ts";
import type { HandlerContext } from "../../../daemon/rpc/context.ts";
import { createHandlers } from "../../../daemon/rpc/handlers.ts";
import type { ClientHandle, Handlers } from "../../../daemon/rpc/session.ts";
import { approvalStorage } from "../../../daemon/tunnels/approval-storage.ts";
import { Approvals } from "../../../daemon/tunnels/approvals.ts";
import { type DaemonState, daemonStateSchema } from "../../../daemon/tunnels/daemon-state.ts";
import { FakeTime } from "../../support/lifecycle/fake-time.ts";
import { stageForEach } from "../../support/stage.ts";
import { APP, Household, Managed } from "../../support/tunnels/managed.ts";
import { rejectionOf } from "../../support/wire/codes.ts";

const CACHE = { configPath: APP, name: "cache" };

/** One life of a daemon over a state file, on a disk that can be full. */
class Life {
  readonly managed: Managed;
  readonly handlers: Handlers;
  readonly file: StateFile<DaemonState>;
  readonly client: ClientHandle;
  isFull = false;

  constructor(scope: ConstructorParameters<typeof Managed>[0], disk: { text: string | undefined }, path: string) {
    const time = new FakeTime();
    this.file = new StateFile<DaemonState>({
      path,
      uid: undefined,
      parse: (value) => daemonStateSchema.parse(value),
      initial: () => daemonStateSchema.parse(disk.text === undefined ? {} : JSON.parse(disk.text)),
      onProblem: () => {},
      wallMs: () => 0,
      timers: time,
      write: async (_, text) => {
        if (this.isFull) throw Object.assign(new Error("acted"), { code: "ENOSPC" });
        disk.text = text;
      },
    });
    const { file } = this;
    const store = {
      get state() {
        return file.value;
      },
      commit: file.commit.bind(file),
      update: file.update.bind(file),
    };
    const approvals = new Approvals(approvalStorage(store), () => 0);
    const house = new Household();
    house.write(APP, { cache: {} });
    this.managed = new Managed(scope, house, { store, approvals });
    const { manager } = this.managed;
    const configs = { get: (path: string) => house.read(path), refresh: (path: string) => house.read(path), release: () => {} };
    this.handlers = createHandlers({ manager, approvals, planner: house.planner(), configs } as unknown as HandlerContext);
    const holder = this.managed.client();
    this.client = { holder, protocol: 1, isGone: false, notify: () => {}, onGone: () => {} };
  }

  async grant(): Promise<void> {
    const { pending } = await this.handlers["approvals/list"](this.client, { configPath: APP });
    const digest = pending[0]?.digest ?? "";
    await this.handlers["approvals/grant"](this.client, { ...CACHE, digest });
  }

  /** What a daemon that reads `state` would know about the tunnel. */
  static facts(state: DaemonState): string {
    const said = [
      state.approvals.length > 0 && "approved",
      state.pins.length > 0 && "pinned",
      state.closed.length > 0 && "closed",
      state.ports.length > 0 && "port",
    ];
    return said.filter((word) => word !== false).join(" ");
  }
}

type Step = (life: Life) => unknown;
const grant: Step = (life) => life.grant();
const pin: Step = ({ handlers, client }) => handlers["pin/add"](client, CACHE);
const unpin: Step = ({ handlers, client }) => handlers["pin/remove"](client, CACHE);
const revoke: Step = ({ handlers, client }) => handlers["approvals/revoke"](client, CACHE);
const open: Step = ({ handlers, client }) => handlers["tunnel/open"](client, CACHE);
const close: Step = ({ handlers, client }) => handlers["tunnel/close"](client, CACHE);
const restart: Step = ({ handlers, client }) => handlers["tunnel/restart"](client, CACHE);
const set: Step = ({ handlers, client }) => handlers["tunnels/set"](client, { scope: APP, configPath: APP, names: ["cache"] });

interface Row {
  readonly request: string;
  readonly before: readonly Step[];
  readonly step: Step;
  /** On the disk when it is answered as done. */
  readonly done: string;
  /** In memory when the disk is full; the disk has what it had. */
  readonly held: string;
  readonly says: RegExp;
}

const ROWS: readonly Row[] = [
  { request: "approvals/grant", before: [], step: grant, done: "approved", held: "", says: /^"cache" was not approved: / },
  {
    request: "approvals/revoke",
    before: [grant, pin],
    step: revoke,
    done: "pinned port",
    held: "pinned port",
    says: /is revoked, but only until the daemon ends: /,
  },
  { request: "pin/add", before: [grant], step: pin, done: "approved pinned port", held: "approved", says: /^"cache" was not pinned: / },
  {
    request: "pin/add of a closed tunnel",
    before: [grant, open, close],
    step: pin,
    done: "approved pinned port",
    held: "approved closed port",
    says: /^"cache" was not pinned: /,
  },
  {
    request: "pin/remove",
    before: [grant, pin],
    step: unpin,
    done: "approved port",
    held: "approved port",
    says: /is no longer pinned, but only until the daemon ends: /,
  },
  {
    request: "tunnel/close",
    before: [grant, pin],
    step: close,
    done: "approved pinned closed port",
    held: "approved pinned closed port",
    says: /is closed, but only until the daemon ends: /,
  },
  {
    request: "tunnel/open of a closed tunnel",
    before: [grant, open, close],
    step: open,
    done: "approved port",
    held: "approved closed port",
    says: /^"cache" was not opened: /,
  },
  {
    request: "tunnel/open, which picks a port",
    before: [grant],
    step: open,
    done: "approved port",
    held: "approved port",
    says: /^"cache" is open, but where it listens is only remembered/,
  },
  {
    request: "tunnels/set, which picks a port",
    before: [grant],
    step: set,
    done: "approved port",
    held: "approved port",
    says: /^"cache" is open, but where it listens is only remembered/,
  },
  {
    request: "tunnel/restart of a closed tunnel",
    before: [grant, pin, close],
    step: restart,
    done: "approved pinned port",
    held: "approved pinned closed port",
    says: /^"cache" was not opened: /,
  },
];

describe("an answer to a change", () => {
  const scope = stageForEach();
  const stage = stageForEach();
  let disk: { text: string | undefined };
  beforeEach(() => {
    disk = { text: undefined };
  });
  const live = (): Life => new Life(scope, disk, stage.path("none.json"));
  const onDisk = (): string => Life.facts(live().file.value);

  for (const { request, before, step, done, held, says } of ROWS) {
    it(`to ${request} comes when the change is on the disk`, async () => {
      const life = live();
      for (const earlier of before) await earlier(life);
      await step(life);
      assert.deepEqual([onDisk(), Life.facts(life.file.value)], [done, done]);
    });

    it(`to ${request} on a full disk is a failure that says what holds, each time the request is sent`, async () => {
      const life = live();
      for (const earlier of before) await earlier(life);
      const had = disk.text;
      life.isFull = true;
      for (let time = 0; time < 2; time += 1) {
        const { code, message } = await rejectionOf(Promise.resolve().then(() => step(life)));
        assert.equal(code, "STATE_NOT_SAVED");
        assert.match(message, says);
        assert.match(message, /can't write .*: the disk is full: free some space$/);
        assert.deepEqual([disk.text, Life.facts(life.file.value)], [had, held]);
      }
      life.isFull = false;
      await step(life);
      assert.equal(onDisk(), done);
    });
  }

  it("closes a tunnel whose approval is revoked, even when the disk is full", async () => {
    const life = live();
    await grant(life);
    await pin(life);
    life.isFull = true;
    await rejectionOf(Promise.resolve(revoke(life)));
    assert.deepEqual([life.managed.status(APP, "cache").state, life.managed.manager.running.length], ["not-approved", 0]);
  });

  it("says that a tunnel is not closed for good even when nobody wants the tunnel any more", async () => {
    const life = live();
    await grant(life);
    await open(life);
    life.isFull = true;
    for (let time = 0; time < 2; time += 1) assert.equal((await rejectionOf(Promise.resolve(close(life)))).code, "STATE_NOT_SAVED");
    assert.equal(life.managed.find(APP, "cache"), undefined);
  });

  it("opens nothing that could not be pinned", async () => {
    const life = live();
    await grant(life);
    life.isFull = true;
    await rejectionOf(Promise.resolve(pin(life)));
    assert.deepEqual([life.managed.find(APP, "cache"), life.managed.manager.isIdle], [undefined, true]);
  });

  it("needs no disk when nothing changes", async () => {
    const life = live();
    for (const step of [grant, pin, open]) await step(life);
    life.isFull = true;
    for (const step of [open, pin, restart, set]) await step(life);
    assert.equal(life.managed.status(APP, "cache").state, "listening");
  });
});
