/** What other extensions get. */
import assert from "node:assert/strict";
import { createApi, type TunnelsApi } from "../../../extension/api.ts";
import { type Disposable, Emitter } from "../../../extension/emitter.ts";
import { english } from "../../../extension/model/translate.ts";
import { refOf, type TunnelItem } from "../../../extension/model/tunnel-item.ts";
import type { OpenResult } from "../../../extension/tunnels/tunnel-actions.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { tunnelStatus } from "../../support/status.ts";
import { PERSONAL, tunnelItem } from "../../support/tunnel-item.ts";

/** A window with these tunnels, which opening leaves in `opened`. */
class Window {
  items: readonly TunnelItem[];
  readonly changed = new Emitter<void>();
  readonly opened: string[] = [];
  readonly listenerErrors: unknown[] = [];
  result: OpenResult = { at: "open", status: tunnelStatus({ state: "verified" }) };
  readonly api: TunnelsApi;

  constructor(...items: readonly TunnelItem[]) {
    this.items = items;
    const window = this;
    const store = {
      get items() {
        return window.items;
      },
      onDidChange: this.changed.event,
      refreshApprovals: async () => void setImmediate(() => this.change()),
    };
    const actions = {
      open: async (item: TunnelItem) => {
        this.opened.push(item.source.kind);
        this.items = this.items.map((one) => (one === item ? { ...one, approval: { at: "approved" } } : one));
        return this.result;
      },
      close: async () => true,
    };
    const link = { state: { at: "connected" } } as const;
    this.api = createApi({ store, actions, link, t: english, onListenerError: (error) => this.listenerErrors.push(error) }).api;
  }

  change(items: readonly TunnelItem[] = this.items): void {
    this.items = items;
    this.changed.fire();
  }
}

const closed = (): TunnelItem => tunnelItem({ status: null, more: { wanted: false, approval: { at: "unknown" } } });

describe("the API for other extensions", () => {
  it("has version 1 and can't be changed", () => {
    const { api } = new Window();
    assert.equal(api.version, 1);
    assert.ok(Object.isFrozen(api));
  });

  it("describes an open tunnel in plain data", () => {
    const item = tunnelItem({ entry: { group: "staging" } });
    assert.deepEqual(new Window(item).api.tunnels(), [
      {
        name: "cache",
        configPath: item.source.configPath,
        source: "workspace",
        folder: "/srv/app",
        role: "client",
        service: "redis",
        target: "cache.example.com:6479",
        group: "staging",
        state: "listening",
        isOpen: true,
        url: "redis://127.0.0.1:6579",
        host: "127.0.0.1",
        port: "6579",
      },
    ]);
  });

  it("gives no address for a tunnel that is not approved as it stands", () => {
    const [tunnel] = new Window(tunnelItem({ more: { approval: { at: "unknown" } } })).api.tunnels();
    assert.deepEqual([tunnel?.isOpen, tunnel?.url, tunnel?.host, tunnel?.port], [true, undefined, undefined, undefined]);
  });

  it("hands out frozen data", () => {
    const tunnels = new Window(tunnelItem()).api.tunnels();
    assert.ok(Object.isFrozen(tunnels) && Object.isFrozen(tunnels[0]));
  });

  it("opens a tunnel by its name", async () => {
    const window = new Window(closed());
    await window.api.open("cache");
    assert.deepEqual(window.opened, ["workspace"]);
  });

  it("opens exactly the referenced tunnel when two tunnels have the same name", async () => {
    const [own, shared] = [tunnelItem({ source: PERSONAL }), closed()];
    const window = new Window(own, shared);
    await window.api.open(refOf(shared));
    await window.api.open(refOf(own));
    assert.deepEqual(window.opened, ["workspace", "personal"]);
  });

  it("resolves to the tunnel in its open state", async () => {
    const tunnel = await new Window(closed()).api.open("cache");
    assert.deepEqual([tunnel.state, tunnel.url], ["verified", "redis://127.0.0.1:6579"]);
  });

  it("rejects with the failure's code when a tunnel does not open", async () => {
    const window = new Window(closed());
    window.result = { at: "failed", error: new TunnelError("CONNECT_REFUSED", "nothing listens there") };
    await assert.rejects(window.api.open("cache"), { code: "CONNECT_REFUSED" });
  });

  it("rejects when the user says no", async () => {
    const window = new Window(closed());
    window.result = { at: "cancelled" };
    await assert.rejects(window.api.open("cache"), { code: "NOT_APPROVED" });
  });

  it("suggests the nearest name when no tunnel has the given name", async () => {
    await assert.rejects(new Window(closed()).api.open("cahce"), { code: "CONFIG_INVALID", message: 'There is no tunnel "cahce". Did you mean "cache"?' });
  });

  for (const wrong of [undefined, null, 7, {}, { name: "cache" }]) {
    it(`rejects ${JSON.stringify(wrong)} in place of a tunnel`, async () => {
      await assert.rejects(new Window(closed()).api.close(wrong as never), { code: "CONFIG_INVALID" });
    });
  }

  it("gives the URL of an open tunnel without opening it again", async () => {
    const window = new Window(tunnelItem());
    assert.equal(await window.api.url("cache"), "redis://127.0.0.1:6579");
    assert.deepEqual(window.opened, []);
  });

  it("opens a closed tunnel to give its URL", async () => {
    const window = new Window(closed());
    assert.equal(await window.api.url("cache"), "redis://127.0.0.1:6579");
    assert.deepEqual(window.opened, ["workspace"]);
  });

  it("has no URL for a server's end, and does not open it", async () => {
    const window = new Window(tunnelItem({ entry: { role: "server" } }));
    await assert.rejects(window.api.url("cache"), { code: "CONFIG_INVALID" });
    assert.deepEqual(window.opened, []);
  });
});

describe("the API's event", () => {
  it("fires when something has changed, but not when only counters have", () => {
    const window = new Window(tunnelItem());
    const seen: string[] = [];
    window.api.onDidChange(() => seen.push("changed"));
    window.change([tunnelItem({ status: { plainInBytes: 1_000 } })]);
    assert.deepEqual(seen, []);
    window.change([tunnelItem({ status: { state: "verified" } })]);
    assert.deepEqual(seen, ["changed"]);
  });

  it("no longer calls a listener that was disposed of", () => {
    const window = new Window(tunnelItem());
    const seen: string[] = [];
    window.api.onDidChange(() => seen.push("changed")).dispose();
    window.change([]);
    assert.deepEqual(seen, []);
  });

  it("takes the two further arguments of a VS Code event", () => {
    const window = new Window(tunnelItem());
    const subscriptions: Disposable[] = [];
    const self = { seen: 0 };
    window.api.onDidChange(
      function (this: typeof self) {
        this.seen += 1;
      },
      self,
      subscriptions,
    );
    window.change([]);
    assert.deepEqual([self.seen, subscriptions.length], [1, 1]);
  });

  it("still reaches the other listeners when one throws", () => {
    const window = new Window(tunnelItem());
    const seen: string[] = [];
    window.api.onDidChange(() => {
      throw new Error("somebody else's fault");
    });
    window.api.onDidChange(() => seen.push("changed"));
    window.change([]);
    assert.deepEqual([seen, window.listenerErrors.length], [["changed"], 1]);
  });
});
