/** One tunnel on its own, with clock and timers that the test controls, and all that it reports. */
import { systemRandom } from "../../../daemon/crypto/random.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";
import { nativeSettings } from "../../../daemon/proxy/connection-settings.ts";
import type { ForwarderEvent } from "../../../daemon/proxy/forwarder.ts";
import { SharedPorts } from "../../../daemon/proxy/shared-port.ts";
import { NativeWays } from "../../../daemon/tunnels/native-ways.ts";
import type { TunnelPlan } from "../../../daemon/tunnels/plan.ts";
import { Tunnel } from "../../../daemon/tunnels/tunnel.ts";
import type { TunnelError } from "../../../shared/errors.ts";
import { FakeTime } from "../lifecycle/fake-time.ts";
import { until } from "../process/until.ts";
import type { Stage } from "../stage.ts";
import { local } from "../wire/ends.ts";
import { keyOf } from "../wire/handshakes.ts";
import { SUITES } from "../wire/suites.ts";

/** See the file's header. */
export class Solo {
  readonly time = new FakeTime();
  readonly tunnel: Tunnel;
  /** The states that it has reported, in order. */
  readonly states: string[] = [];
  readonly events: ForwarderEvent[] = [];
  readonly bindFailures: TunnelError[] = [];
  readonly told: string[] = [];
  /** Names that were looked up. */
  readonly lookedUp: string[] = [];

  /** `ways`: the native wire may be spoken, on sessions that are shared with other tunnels. */
  constructor(scope: Stage, plan: Partial<TunnelPlan> = {}, ways?: NativeWays) {
    this.tunnel = new Tunnel(planOf(plan), {
      suite: SUITES[0] as CipherSuite,
      random: systemRandom,
      clock: this.time,
      after: (ms, action) => this.time.after(ms, action),
      nodeMemory: { nodesOf: () => [], keepNodes: () => {}, claim: () => undefined },
      lookup: (host) => {
        this.lookedUp.push(host);
        return Promise.resolve(["127.0.0.1"]);
      },
      isOwnSocket: () => false,
      ports: new SharedPorts(),
      ways: ways ?? new NativeWays(),
      ...(ways && { native: nativeSettings(SUITES[0] as CipherSuite, systemRandom) }),
      observer: {
        listening: () => void this.told.push("listening"),
        released: () => void this.told.push("released"),
        bindFailed: (_, error) => void this.bindFailures.push(error),
        changed: ({ state }, what) => {
          if (what === "state") this.states.push(state);
        },
        event: (_, event) => void this.events.push(event),
      },
    });
    scope.own(this.tunnel, (tunnel) => tunnel.close());
  }

  /** Where it listens. */
  get place(): { readonly port: number } {
    const { listen } = this.tunnel;
    if (listen.kind !== "tcp") throw new TypeError("it listens at a unix socket");
    return { port: listen.port };
  }

  failures(code: string): number {
    return this.events.filter((event) => event.type === "failure" && event.error.code === code).length;
  }

  async failed(code: string, count = 1): Promise<void> {
    await until(() => this.failures(code) >= count, { what: `${code} had come ${count} times` });
  }

  async reaches(state: string): Promise<void> {
    await until(() => this.tunnel.state === state, { what: `it was ${state}` });
  }
}

/** A plan for a client of service tcp at any port, with key "one". */
export function planOf(plan: Partial<TunnelPlan> = {}): TunnelPlan {
  return {
    ...{ name: "cache", role: "client", service: "tcp", listen: { kind: "tcp", host: "127.0.0.1", port: 0 }, target: local(1), bind: undefined },
    ...{ keys: [keyOf("one")], forwardSecrecy: "require", timeoutMs: 60_000, keepAlive: true, dnsRefreshMs: 60_000, maxConnections: 100 },
    ...plan,
  };
}
