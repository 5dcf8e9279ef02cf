/**
 * Clients that misbehave at the door: each one is let go within its limit and
 * logged, and no other client notices.
 */
import assert from "node:assert/strict";
import { MAX_CLIENTS, MAX_UNREAD_BYTES } from "../../../daemon/rpc/limits.ts";
import type { ClientHandle } from "../../../daemon/rpc/session.ts";
import { MAX_MESSAGE_BYTES, type NotificationParams } from "../../../shared/contract/methods.ts";
import { until, untilStill } from "../../support/process/until.ts";
import { type Door, type DoorOptions, openDoor } from "../../support/rpc/door.ts";
import { PAYLOADS } from "../../support/rpc/payloads.ts";
import { frame, type RawClient } from "../../support/rpc/raw-client.ts";
import { stageForEach } from "../../support/stage.ts";

const MIB = 1024 * 1024;

describe("the daemon's door", () => {
  const stage = stageForEach();

  /** A door with a client that behaves, and a check that this client was not disturbed. */
  async function inhabited(options?: DoorOptions): Promise<{ readonly door: Door; readonly other: RawClient; undisturbed(): Promise<void> }> {
    const door = await openDoor(stage, options);
    const other = await door.greeted();
    return {
      door,
      other,
      undisturbed: async () => {
        assert.ok((await other.ask("tunnels/list")).result);
        assert.equal(other.isClosed, false);
      },
    };
  }

  const request = (id: unknown): string => frame({ jsonrpc: "2.0", id, method: "keys/list", params: {} });
  const bad: readonly (readonly [string, string, RegExp])[] = [
    ["JSON that is not", frame('{"jsonrpc":"2.0",'), /not JSON/],
    ["a batch", frame([{ jsonrpc: "2.0", id: 1, method: "keys/list" }]), /batches/],
    ["an object that is no message", frame({ hello: "daemon" }), /neither a request nor a notification/],
    ["a response nobody asked for", frame({ jsonrpc: "2.0", id: 1, result: {} }), /neither a request nor a notification/],
    ["a request with id null", request(null), /neither a request nor a notification/],
    ["a request whose id is an object", request({}), /neither a request nor a notification/],
    ["a header without a length", "Content-Type: x\r\n\r\n{}", /one Content-Length/],
    ["an HTTP request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", /not in the form/],
    ["a header without an end", "X: ".padEnd(2_000, "x"), /longer than 1024 bytes/],
    ["a TLS ClientHello", `\u0016\u0003\u0001${"\u0000".repeat(1_100)}`, /longer than 1024 bytes/],
    ["a message that is too long", `Content-Length: ${MAX_MESSAGE_BYTES + 1}\r\n\r\n`, /4194305 bytes, 4194304 are allowed/],
    ["a message of a terabyte", "Content-Length: 1099511627776\r\n\r\n", /1099511627776 bytes/],
    ["a second length that contradicts the first", "Content-Length: 2\r\nContent-Length: 99999999999\r\n\r\n{}", /one Content-Length/],
  ];
  for (const when of ["before", "after"] as const) {
    for (const [what, bytes, reason] of bad) {
      it(`lets a client go that sends ${what} ${when} hello, and logs that once`, async () => {
        const { door, undisturbed } = await inhabited();
        const client = when === "before" ? await door.connect() : await door.greeted({ name: "stranger", pid: 77 });
        client.write(bytes);
        await client.closed();
        assert.equal(door.warnings.length, 1);
        assert.match(door.warnings[0] ?? "", reason);
        assert.match(door.warnings[0] ?? "", when === "before" ? /has not said hello/ : /"vscode stranger" \(process 77\)/);
        await undisturbed();
      });
    }
  }

  it("refuses an oversized message as soon as its header is there, without reading on", async () => {
    const { door } = await inhabited();
    const client = await door.greeted();
    client.write(`Content-Length: ${MAX_MESSAGE_BYTES + 1}\r\n\r\n`);
    await client.closed();
    assert.deepEqual(client.received.length, 1);
  });

  it("accepts a message of exactly the maximum length", async () => {
    const { door } = await inhabited();
    const client = await door.greeted();
    const head = '{"jsonrpc":"2.0","id":"big","method":"keys/list","params":{"x":"';
    client.write(frame(`${head}${"x".repeat(MAX_MESSAGE_BYTES - head.length - 3)}"}}`));
    assert.ok((await client.response("big")).result);
  });

  for (const [what, bytes] of [
    ["nothing", ""],
    ["half a header", "Content-Len"],
    ["half a message", 'Content-Length: 100\r\n\r\n{"json'],
    ["only notifications", frame({ jsonrpc: "2.0", method: "initialized", params: {} })],
  ] as const) {
    it(`lets a client go that sends ${what} and then sits there`, async () => {
      const { door, undisturbed } = await inhabited();
      door.patience(150);
      const client = await door.connect();
      client.write(bytes);
      await client.closed();
      assert.match(door.warnings.join(), /has not said hello was let go: no hello within 0\.15 s/);
      await undisturbed();
    });
  }

  it("lets a client go that only ever says a wrong hello", async () => {
    const { door } = await inhabited();
    door.patience(150);
    const client = await door.connect();
    client.send("hello", { ...PAYLOADS.requests.hello.params, protocol: 9 });
    await client.closed();
    assert.equal(door.clients.count, 1);
  });

  it("waits for ever for a client that said hello", async () => {
    const { door } = await inhabited();
    door.patience(50);
    let client = await door.connect();
    // On a busy machine, hello itself may arrive too late.
    const hasSaidHello = async (): Promise<boolean> =>
      client.hello().then(
        () => true,
        async () => {
          client = await door.connect();
          return false;
        },
      );
    await until(hasSaidHello, { what: "it had said hello in time" });
    const silent = await door.connect();
    await silent.closed();
    assert.ok((await client.ask("keys/list")).result);
  });

  it("tolerates notifications, even unknown ones", async () => {
    const { door } = await inhabited();
    const client = await door.greeted();
    client.write(frame({ jsonrpc: "2.0", method: "$/setTrace", params: { value: "verbose" } }).repeat(1_000));
    client.write(frame({ jsonrpc: "2.0", method: "$/cancelRequest" }));
    client.write(frame({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id: "nobody" } }));
    assert.ok((await client.ask("keys/list")).result);
    assert.deepEqual(door.warnings, []);
  });

  it("refuses an id that is in use, and accepts the id again when it is free", async () => {
    let answer: () => void = () => {};
    const slow = (): Promise<unknown> => new Promise((resolve) => (answer = () => resolve(PAYLOADS.requests["tunnel/probe"].result)));
    const { door } = await inhabited({ handlers: { "tunnel/probe": slow } });
    const client = await door.greeted();
    client.write(request(7));
    await client.response(7);
    client.write(request(7));
    await until(() => client.received.filter(({ id }) => id === 7).length === 2, { what: "the second one was answered" });
    client.write(frame({ jsonrpc: "2.0", id: 7, method: "tunnel/probe", params: PAYLOADS.requests["tunnel/probe"].params }));
    client.write(request("7"));
    await client.closed();
    answer();
    assert.match(door.warnings.join(), /id is that of a request under way/);
  });

  it("lets go of a subscribed client that does not read, at the limit, and frees what waited for it", async () => {
    const { door, other, undisturbed } = await inhabited();
    const deaf = await door.greeted();
    deaf.socket.pause();
    const sample = { atMs: 1, tunnels: Array.from({ length: 500 }, () => PAYLOADS.requests["tunnel/open"].result) } as NotificationParams<"stats/sample">;
    const bytes = JSON.stringify(sample).length;
    let sent = 0;
    while (door.clients.count === 2 && sent < 1_000) {
      door.clients.broadcast("stats/sample", sample);
      sent += 1;
      const reached = sent;
      await until(() => other.notifications("stats/sample").length === reached, { what: "the other client had it" });
    }
    assert.match(door.warnings.join(), /does not read/);
    assert.ok(sent * bytes > MAX_UNREAD_BYTES, `${sent} samples`);
    assert.ok(sent * bytes < MAX_UNREAD_BYTES + 8 * MIB, `${sent} samples of ${bytes} bytes`);
    await until(() => door.gone.length === 1, { what: "its leases ended" });
    deaf.socket.resume();
    await deaf.closed();
    await undisturbed();
  });

  it("logs once that it let a log subscriber go, and tells the other subscribers", async () => {
    const entry = (message: string): NotificationParams<"log/entry"> =>
      ({ ...PAYLOADS.notifications["log/entry"], message }) as NotificationParams<"log/entry">;
    const door = await openDoor(stage, { onWarning: (message, clients) => clients.broadcast("log/entry", entry(message)) });
    const [deaf, other] = [await door.greeted(), await door.greeted()];
    deaf.socket.pause();
    for (let sent = 0; door.clients.count === 2 && sent < 1_000; sent++) {
      door.clients.broadcast("log/entry", entry("x".repeat(100_000)));
      await until(() => other.notifications("log/entry").length > sent, { what: "the other client had it" });
    }
    assert.deepEqual([door.warnings.length, door.gone.length, door.clients.count], [1, 1, 1]);
    await until(() => other.notifications("log/entry").some(({ params }) => /was let go/.test(JSON.stringify(params))), { what: "the other was told" });
  });

  it("stops reading from a client that keeps asking and never reads the answers", async () => {
    const large = Array.from({ length: 20 }, () => PAYLOADS.requests["tunnel/open"].result);
    const list = (): unknown => ({ daemon: PAYLOADS.requests.hello.result, tunnels: large });
    const { door, undisturbed } = await inhabited({ handlers: { "tunnels/list": list } });
    const greedy = await door.greeted();
    greedy.socket.pause();
    const asked = 3_000;
    for (let count = 0; count < asked; count++) greedy.send("tunnels/list", {});
    const calls = await untilStill(() => door.calls.length, { what: "the daemon asked for no more" });
    assert.ok(calls < asked / 2, `${calls} of ${asked} were taken`);
    await undisturbed();
    greedy.socket.resume();
    await until(() => greedy.received.length === asked + 1, { what: "all were answered once it reads" });
    assert.deepEqual(door.warnings, []);
  });

  it("notices the end of a client from which it does not read", async () => {
    const answers: (() => void)[] = [];
    const slow = (): Promise<unknown> => new Promise((resolve) => answers.push(() => resolve(PAYLOADS.requests["keys/list"].result)));
    const { door } = await inhabited({ handlers: { "keys/list": slow } });
    const client = await door.greeted();
    for (let id = 0; id < 300; id++) client.send("keys/list");
    await until(() => answers.length >= 256, { what: "its requests were under way" });
    client.socket.destroy();
    for (const answer of answers) answer();
    await until(() => door.gone.length === 1, { what: "its session ended" });
  });

  it(`serves ${MAX_CLIENTS} clients at once, turns one more away, and accepts a new one when another has left`, async () => {
    const { door, undisturbed } = await inhabited();
    const clients = await Promise.all(Array.from({ length: MAX_CLIENTS - 1 }, () => door.greeted()));
    assert.equal(door.clients.count, MAX_CLIENTS);
    const late = await door.connect();
    await late.closed();
    assert.match(door.warnings.join(), /more than 256 clients/);
    door.clients.broadcast("tunnel/removed", { id: "x" });
    await until(() => clients.every((client) => client.notifications("tunnel/removed").length === 1), { what: "all were told" });
    clients[0]?.socket.destroy();
    await until(() => door.clients.count === MAX_CLIENTS - 1, { what: "there was room" });
    assert.ok((await (await door.connect()).hello()).result);
    await undisturbed();
  });

  it("counts clients that have not said hello towards the limit, but lets them go in time", async () => {
    const door = await openDoor(stage);
    door.patience(500);
    const silent = await Promise.all(Array.from({ length: MAX_CLIENTS }, () => door.connect()));
    await Promise.all(silent.map((client) => client.closed()));
    door.patience(undefined);
    assert.ok((await (await door.connect()).hello()).result);
  });

  it("ends every session when it closes, also that of a client that does not read", async () => {
    const flood = (client: ClientHandle): unknown => {
      for (let i = 0; i < 2_000; i++) client.notify("log/entry", { atMs: i, level: "info", message: "x".repeat(2_000) });
      return PAYLOADS.requests["log/subscribe"].result;
    };
    const { door, other } = await inhabited({ handlers: { "log/subscribe": flood } });
    const deaf = await door.greeted();
    deaf.socket.pause();
    deaf.send("log/subscribe", {});
    await until(() => door.calls.some(({ name }) => name === "log/subscribe"), { what: "it had much to read" });
    door.clients.close();
    await other.closed();
    // The client gets only what is in its kernel buffers; the rest is dropped after a moment.
    await until(() => door.gone.length === 2, { what: "both sessions had ended" });
    deaf.socket.resume();
    await deaf.closed();
  });
});
