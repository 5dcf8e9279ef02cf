/** Changes of the machine's addresses: which of them count, and which don't. */
import assert from "node:assert/strict";
import type { NetworkInterfaceInfo } from "node:os";
import { watchNetwork } from "../../../daemon/lifecycle/network-watch.ts";
import type { Timers } from "../../../shared/time.ts";

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

function address(text: string, internal = false): NetworkInterfaceInfo {
  return { address: text, netmask: "255.255.255.0", family: "IPv4", mac: "00:00:00:00:00:00", internal, cidr: null };
}

const LOOPBACK = [address("127.0.0.1", true)];
const WIFI = [address("192.168.1.5")];
const HOME: Interfaces = { lo: LOOPBACK, wlan0: WIFI };

describe("a watch of the machine's addresses", () => {
  let now: Interfaces | Error;
  let look: () => void;
  let changes: number;
  const timers: Timers = {
    after: () => assert.fail("nothing is done once"),
    every: (_, action) => {
      look = action;
      return () => {};
    },
  };

  beforeEach(() => {
    now = HOME;
    changes = 0;
    watchNetwork({
      timers,
      onChange: () => {
        changes += 1;
      },
      interfaces: () => {
        if (now instanceof Error) throw now;
        return now;
      },
    });
  });

  for (const [title, next, expected] of [
    ["the same again", { ...HOME }, 0],
    ["another Wi-Fi", { ...HOME, wlan0: [address("10.3.0.9")] }, 1],
    ["a VPN that comes", { ...HOME, tun0: [address("10.8.0.2")] }, 1],
    ["no network at all", { lo: LOOPBACK }, 1],
    ["the same address at another device", { lo: LOOPBACK, eth0: WIFI }, 1],
    ["another loopback address", { ...HOME, lo: [address("127.0.0.1", true), address("127.0.0.2", true)] }, 0],
    ["the same in another order", { wlan0: WIFI, lo: LOOPBACK }, 0],
    ["a system that does not say", new Error("no"), 0],
  ] as const)
    it(`tells of ${expected === 1 ? "" : "no change for "}${title}`, () => {
      now = next as Interfaces | Error;
      look();
      look();
      assert.equal(changes, expected);
    });

  it("tells of each change, the way back too", () => {
    for (const next of [{ lo: LOOPBACK }, HOME, { lo: LOOPBACK }, HOME]) {
      now = next as Interfaces;
      look();
    }
    assert.equal(changes, 4);
  });
});
