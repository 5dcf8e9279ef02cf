/** One client's session: hello first, validation both ways, codes in `data`, subscriptions that end with it. */
import assert from "node:assert/strict";
import type { ClientHandle } from "../../../daemon/rpc/session.ts";
import { METHODS, type MethodName, NOTIFICATIONS, type NotificationName } from "../../../shared/contract/methods.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { until } from "../../support/process/until.ts";
import { openDoor } from "../../support/rpc/door.ts";
import { PAYLOADS, withUnknownFields } from "../../support/rpc/payloads.ts";
import { frame, type RawClient } from "../../support/rpc/raw-client.ts";
import { stageForEach } from "../../support/stage.ts";

describe("a client's session", () => {
  const stage = stageForEach();

  const errorOf = async (client: RawClient, method: string, params?: unknown): Promise<readonly [number, string | undefined]> => {
    const { error } = await client.ask(method, params);
    assert.ok(error, `${method} was refused`);
    return [error.code, error.data?.code];
  };

  it("answers hello with what the daemon says about itself", async () => {
    const client = await (await openDoor(stage)).connect();
    assert.deepEqual((await client.hello()).result, PAYLOADS.requests.hello.result);
  });

  it("passes on the recorded payload of every request, and passes back its result", async () => {
    const door = await openDoor(stage);
    const client = await door.greeted();
    for (const name of Object.keys(METHODS).filter((one) => one !== "hello") as MethodName[]) {
      const { params, result } = PAYLOADS.requests[name];
      assert.deepEqual((await client.ask(name, params)).result, result, name);
      assert.deepEqual(door.calls.at(-1), { name, params });
    }
  });

  it("drops unknown fields before a handler sees them", async () => {
    const door = await openDoor(stage);
    const client = await door.greeted();
    await client.ask("keys/put", withUnknownFields(PAYLOADS.requests["keys/put"].params));
    assert.deepEqual(door.calls.at(-1)?.params, PAYLOADS.requests["keys/put"].params);
  });

  it("checks and serialises a notification to all clients once, however many clients there are", async () => {
    const door = await openDoor(stage);
    const reads: number[] = [];
    const clients: RawClient[] = [];
    for (const count of [1, 5]) {
      while (clients.length < count) clients.push(await door.greeted());
      let read = 0;
      const params = {
        get id() {
          read += 1;
          return `for ${count}`;
        },
      };
      door.clients.broadcast("tunnel/removed", params);
      reads.push(read);
    }
    assert.equal(reads[1], reads[0]);
    for (const client of clients) {
      await until(() => client.notifications("tunnel/removed").at(-1)?.params?.["id"] === "for 5", { what: "it was told" });
    }
  });

  it("passes on every notification as recorded", async () => {
    const door = await openDoor(stage);
    const client = await door.greeted();
    for (const name of Object.keys(NOTIFICATIONS) as NotificationName[]) door.clients.broadcast(name, PAYLOADS.notifications[name] as never);
    await until(() => client.notifications("daemon/closing").length > 0, { what: "the last notification came" });
    for (const [name, params] of Object.entries(PAYLOADS.notifications)) assert.deepEqual(client.notifications(name)[0]?.params, params, name);
  });

  it("refuses every request but hello before hello, and still accepts hello afterwards", async () => {
    const door = await openDoor(stage);
    const client = await door.connect();
    for (const name of Object.keys(METHODS).filter((one) => one !== "hello") as MethodName[]) {
      assert.deepEqual(await errorOf(client, name, PAYLOADS.requests[name].params), [-32_600, "DAEMON_VERSION"], name);
    }
    assert.deepEqual(door.calls, []);
    assert.ok((await client.hello()).result);
  });

  it("refuses a second hello and goes on", async () => {
    const client = await (await openDoor(stage)).greeted();
    assert.deepEqual(await errorOf(client, "hello", PAYLOADS.requests.hello.params), [-32_000, "DAEMON_VERSION"]);
    assert.ok((await client.ask("keys/list")).result);
  });

  for (const protocol of [0, 2, -1, 2 ** 53 - 1]) {
    it(`refuses a client of protocol ${protocol}, says both versions and logs it`, async () => {
      const door = await openDoor(stage);
      const client = await door.connect();
      const { error } = await client.ask("hello", { ...PAYLOADS.requests.hello.params, protocol });
      assert.deepEqual([error?.code, error?.data?.code], [-32_000, "DAEMON_VERSION"]);
      assert.match(error?.message ?? "", new RegExp(`protocol 1, not ${protocol}`));
      assert.match(door.warnings.join(), new RegExp(`protocol ${protocol}`));
      assert.equal(door.clients.count, 0);
    });
  }

  for (const method of ["tunnel/explode", "constructor", "__proto__", "toString", "", "rpc.discover", "x".repeat(100_000)]) {
    it(`answers the unknown method "${method.slice(0, 20)}" and logs it short`, async () => {
      const door = await openDoor(stage);
      const client = await door.greeted();
      assert.deepEqual(await errorOf(client, method, {}), [-32_601, "DAEMON_VERSION"]);
      assert.equal(door.warnings.length, 1);
      assert.ok((door.warnings[0]?.length ?? 0) < 300);
    });
  }

  it("keeps control characters in a method's or client's name out of the log", async () => {
    const door = await openDoor(stage);
    const client = await door.greeted({ name: "shop\u001b[2J\n{}" });
    await client.ask("a\u001b]0;x\u0007\nb", {});
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    assert.doesNotMatch(door.warnings.join(""), /[\u0000-\u001f\u007f-\u009f]/);
  });

  const wrong: readonly (readonly [MethodName, unknown])[] = [
    ["tunnel/open", undefined],
    ["tunnel/open", null],
    ["tunnel/open", []],
    ["tunnel/open", "cache"],
    ["tunnel/open", { configPath: 7, name: "cache" }],
    ["tunnel/open", { configPath: "/x", name: "n".repeat(65) }],
    ["tunnel/open", { configPath: "/x", name: "cache", probe: "yes" }],
    ["tunnels/set", { scope: "s", configPath: "/x", names: Array.from({ length: 1_001 }, (_, index) => `n${index}`) }],
    ["tunnels/set", { scope: "s", configPath: `/${"p".repeat(4_096)}`, names: [] }],
    ["tunnels/set", { scope: "s", configPath: ".vscode/tunnels.json", names: [] }],
    ["pin/add", { configPath: "", name: "cache" }],
    ["approvals/list", { configPath: "../tunnels.json" }],
    ["stats/subscribe", { intervalMs: 1 }],
    ["stats/subscribe", { intervalMs: 1e9 }],
    ["log/subscribe", { replay: -1 }],
    ["log/subscribe", { replay: 1e9 }],
    ["log/subscribe", { level: "everything" }],
    ["keys/put", { name: "team", key: 5 }],
    ["keys/import", { name: "team", form: "pem", data: "" }],
    ["keys/import", { name: "team", form: "hex", data: "0".repeat(160 * 1024 + 1) }],
    ["keys/export", { name: "team" }],
    ["keys/forget", { name: "team", stored: "everywhere" }],
    ["daemon/drain", { deadlineMs: -1 }],
    ["daemon/replace", {}],
  ];
  for (const [method, params] of wrong) {
    it(`refuses ${method} with ${(JSON.stringify(params) ?? "no parameters").slice(0, 60)}`, async () => {
      const door = await openDoor(stage);
      const client = await door.greeted();
      assert.deepEqual(await errorOf(client, method, params), [-32_602, "CONFIG_INVALID"]);
      assert.deepEqual(door.calls.slice(1), []);
      assert.match(door.warnings.join(), new RegExp(`${method}: `));
    });
  }

  it("names the field that is wrong, and never its value", async () => {
    const door = await openDoor(stage);
    const client = await door.greeted();
    for (const [method, params] of [
      ["keys/put", { name: "team", key: ["c2VjcmV0"] }],
      ["keys/import", { name: "team", form: "c2VjcmV0", data: "c2VjcmV0" }],
      ["keys/import", { name: "team", form: "base64", data: ["c2VjcmV0"] }],
    ] as const) {
      const { error } = await client.ask(method, params);
      assert.match(error?.message ?? "", new RegExp(`^${method}: (key|form|data): `));
      assert.doesNotMatch(`${error?.message}${door.warnings.join()}`, /c2Vj/);
    }
  });

  it("accepts a request without parameters where none are needed", async () => {
    const client = await (await openDoor(stage)).greeted();
    assert.ok((await client.ask("tunnels/list")).result);
    assert.ok((await client.ask("tunnels/list", {})).result);
  });

  it("accepts a request whose unknown fields are nested without end", async () => {
    const client = await (await openDoor(stage)).greeted();
    const depth = 50_000;
    client.write(frame(`{"jsonrpc":"2.0","id":"deep","method":"keys/list","params":{"x":${"[".repeat(depth)}${"]".repeat(depth)}}}`));
    assert.ok((await client.response("deep")).result);
  });

  it("passes the code of a TunnelError on in `data`", async () => {
    const refuse = (): never => {
      throw new TunnelError("NOT_APPROVED", '"cache" is not approved');
    };
    const client = await (await openDoor(stage, { handlers: { "approvals/grant": refuse } })).greeted();
    const { error } = await client.ask("approvals/grant", PAYLOADS.requests["approvals/grant"].params);
    assert.deepEqual(error, { code: -32_000, message: '"cache" is not approved', data: { code: "NOT_APPROVED" } });
  });

  it("tells a client only that there is an internal fault, and logs the fault", async () => {
    const fault = (): never => {
      throw new TypeError("undefined is not a tunnel");
    };
    const door = await openDoor(stage, { handlers: { "keys/list": fault } });
    const client = await door.greeted();
    const { error } = await client.ask("keys/list");
    assert.equal(error?.code, -32_603);
    assert.doesNotMatch(error?.message ?? "", /undefined/);
    assert.match(door.warnings.join(), /undefined is not a tunnel/);
    assert.ok((await client.ask("tunnels/list")).result);
  });

  it("does not send a result that breaks the contract", async () => {
    const door = await openDoor(stage, { handlers: { "keys/put": () => ({ key: "c2VjcmV0" }) } });
    const client = await door.greeted();
    assert.equal((await client.ask("keys/put", PAYLOADS.requests["keys/put"].params)).error?.code, -32_603);
    assert.doesNotMatch(JSON.stringify([client.received, door.warnings]), /c2Vj/);
  });

  it("does not send result fields that the contract does not know", async () => {
    const client = await (await openDoor(stage, { handlers: { "keys/put": () => ({ fingerprint: "f", key: "c2VjcmV0" }) } })).greeted();
    assert.deepEqual((await client.ask("keys/put", PAYLOADS.requests["keys/put"].params)).result, { fingerprint: "f" });
  });

  it("answers requests in the order in which they are done, not in which they arrived", async () => {
    let answer: (value: unknown) => void = () => {};
    const client = await (await openDoor(stage, { handlers: { "keys/list": () => new Promise((resolve) => (answer = resolve)) } })).greeted();
    const slow = client.send("keys/list");
    assert.ok((await client.ask("tunnels/list")).result);
    answer(PAYLOADS.requests["keys/list"].result);
    assert.ok((await client.response(slow)).result);
  });

  it("answers a request that was cancelled", async () => {
    let answer: (value: unknown) => void = () => {};
    const client = await (await openDoor(stage, { handlers: { "keys/list": () => new Promise((resolve) => (answer = resolve)) } })).greeted();
    const id = client.send("keys/list");
    client.write(frame({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id } }));
    assert.ok((await client.ask("tunnels/list")).result);
    answer(PAYLOADS.requests["keys/list"].result);
    assert.deepEqual((await client.response(id)).result, PAYLOADS.requests["keys/list"].result);
  });

  it("runs the clean-up for a client once, when the client goes", async () => {
    const ends: string[] = [];
    const onGone = (client: ClientHandle): unknown => {
      client.onGone(() => ends.push("gone"));
      return PAYLOADS.requests["keys/list"].result;
    };
    const door = await openDoor(stage, { handlers: { "keys/list": onGone } });
    const client = await door.greeted();
    await client.ask("keys/list");
    assert.deepEqual(ends, []);
    client.socket.destroy();
    await until(() => ends.length > 0, { what: "the session ended" });
    assert.deepEqual([ends, door.clients.count, door.gone.length], [["gone"], 0, 1]);
  });

  it("runs the clean-up for a client at once when the client is gone already", async () => {
    let finish: () => void = () => {};
    const ends: string[] = [];
    const late = async (client: ClientHandle): Promise<unknown> => {
      await new Promise<void>((resolve) => (finish = resolve));
      client.onGone(() => ends.push("gone"));
      client.notify("tunnel/removed", { id: "x" });
      return PAYLOADS.requests["keys/list"].result;
    };
    const door = await openDoor(stage, { handlers: { "keys/list": late } });
    const client = await door.greeted();
    client.send("keys/list");
    await until(() => door.calls.some(({ name }) => name === "keys/list"), { what: "the request was under way" });
    client.socket.destroy();
    await until(() => door.gone.length === 1, { what: "the session ended" });
    finish();
    await until(() => ends.length === 1, { what: "the late handler was told" });
    assert.deepEqual(door.warnings, []);
  });

  it("sends answers that were given before the door closes", async () => {
    const door = await openDoor(stage, {
      handlers: {
        "daemon/shutdown": () => {
          setImmediate(() => {
            door.clients.broadcast("daemon/closing", { reason: "shutdown" });
            door.clients.close();
          });
          return {};
        },
      },
    });
    const client = await door.greeted();
    assert.deepEqual((await client.ask("daemon/shutdown")).result, {});
    await client.closed();
    assert.equal(client.notifications("daemon/closing").length, 1);
  });
});
