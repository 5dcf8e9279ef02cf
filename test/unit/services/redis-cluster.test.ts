/** Addresses of nodes in a cluster's replies: changed there and nowhere else, however the bytes are cut. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ClusterReplies, type NodeReply, nodeText } from "../../../daemon/services/redis-cluster.ts";

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const array = (...items: readonly string[]): string => `*${items.length}\r\n${items.join("")}`;
const command = (...words: readonly string[]): string => array(...words.map(bulk));
const ID = "a".repeat(40);

/** Each node's port here is its own and 30,000. */
function placed(piece: Uint8Array | NodeReply): Uint8Array {
  return piece instanceof Uint8Array ? piece : piece.rewritten(({ port }) => ({ host: "127.0.0.1", port: port + 30_000 }));
}

function cut(text: string, sizes: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, "latin1");
  const pieces: Buffer[] = [];
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    const to = at + Math.max(1, sizes[index % Math.max(1, sizes.length)] ?? bytes.length);
    pieces.push(bytes.subarray(at, to));
    at = to;
  }
  return pieces;
}

function through(asked: string, answered: string, sizes: readonly number[] = []): string {
  const replies = new ClusterReplies();
  for (const piece of cut(asked, sizes)) replies.asked(piece);
  return Buffer.concat(cut(answered, sizes).flatMap((piece) => replies.answered(piece).map(placed))).toString("latin1");
}

const slotsOf = (host: string, port: number): string => array(array(":0\r\n", ":5460\r\n", array(bulk(host), `:${port}\r\n`, bulk(ID), "*0\r\n")));
const lineOf = (host: string, port: number): string => `${ID} ${host}:${port}@17000 myself,master - 0 0 1 connected 0-5460\n`;

/** A command, its answer, and what comes of that. */
type Case = readonly [string, string, string];

const CLUSTER: readonly Case[] = [
  [command("GET", "k"), "-MOVED 3999 10.0.0.5:7000\r\n", "-MOVED 3999 127.0.0.1:37000\r\n"],
  [command("GET", "k"), "-ASK 3999 10.0.0.5:7000\r\n", "-ASK 3999 127.0.0.1:37000\r\n"],
  [command("GET", "k"), "-MOVED 3999 db-1.internal:7000\r\n", "-MOVED 3999 127.0.0.1:37000\r\n"],
  [command("GET", "k"), "-MOVED 3999 2001:db8::5:7000\r\n", "-MOVED 3999 127.0.0.1:37000\r\n"],
  [command("cluster", "slots"), slotsOf("10.0.0.5", 7000), slotsOf("127.0.0.1", 37_000)],
  ["CLUSTER SLOTS\r\n", slotsOf("10.0.0.5", 7000), slotsOf("127.0.0.1", 37_000)],
  [command("CLUSTER", "NODES"), bulk(lineOf("10.0.0.5", 7000)), bulk(lineOf("127.0.0.1", 37_000))],
  [command("CLUSTER", "REPLICAS", ID), array(bulk(lineOf("10.0.0.5", 7000))), array(bulk(lineOf("127.0.0.1", 37_000)))],
];

/** Ordinary traffic, and what only looks like a cluster's words. */
const ORDINARY: readonly Case[] = [command("GET", "k"), command("GET", "CLUSTER SLOTS"), command("EVAL", "return 1", "0")].flatMap((asked) =>
  [
    "+OK\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "_\r\n",
    ":7\r\n",
    bulk("-MOVED 3999 10.0.0.5:7000\r\n"),
    bulk(lineOf("10.0.0.5", 7000)),
    slotsOf("10.0.0.5", 7000),
    array("-MOVED 1 10.0.0.5:7000\r\n", bulk("x")),
    "-ERR MOVED 3999 10.0.0.5:7000\r\n",
    `-${"x".repeat(500)}\r\n`,
    `=8\r\ntxt:MOVE\r\n`,
    `%1\r\n${bulk("a")}~2\r\n#t\r\n,1.5\r\n`,
    `|1\r\n${bulk("ttl")}:5\r\n${bulk("v")}`,
    "*0\r\n",
    bulk(""),
  ].map((answered): Case => [asked, answered, answered]),
);

/** RESP3: said without being asked. */
const PUSHES = [`>2\r\n${bulk("invalidate")}${array(bulk("k"))}`, `>3\r\n${bulk("message")}${bulk("c")}${bulk("-MOVED 1 10.0.0.5:7000")}`];

describe("a cluster's nodes in replies", () => {
  for (const [asked, answered, expected] of CLUSTER)
    it(`become places of this machine: ${JSON.stringify(answered.slice(0, 40))}`, () => {
      assert.equal(through(asked, answered), expected);
    });

  it("are changed in CLUSTER SHARDS, with every name of a node, in RESP2 and RESP3", () => {
    const node = (host: string, port: number, name: string, map: string): string =>
      `${map}${bulk("id")}${bulk(ID)}${bulk("port")}:${port}\r\n${bulk("ip")}${bulk(host)}${bulk("endpoint")}${bulk(name)}${bulk("hostname")}${bulk(name)}${bulk("role")}${bulk("master")}`;
    const shards = (map: string, inner: string, host: string, port: number, name: string): string =>
      array(`${map}${bulk("slots")}${array(":0\r\n", ":5460\r\n")}${bulk("nodes")}${array(node(host, port, name, inner))}`);
    for (const [map, inner] of [["*4\r\n", "*12\r\n"] as const, ["%2\r\n", "%6\r\n"] as const]) {
      assert.equal(
        through(command("CLUSTER", "SHARDS"), shards(map, inner, "10.0.0.5", 7000, "db-1.internal")),
        shards(map, inner, "127.0.0.1", 37_000, "127.0.0.1"),
      );
    }
  });

  it("are asked for by address where the cluster prefers host names", () => {
    const replies = new ClusterReplies();
    replies.asked(Buffer.from(command("CLUSTER", "SLOTS")));
    const named = array(array(":0\r\n", ":1\r\n", array(bulk("db-1.internal"), ":7000\r\n", bulk(ID), array(bulk("ip"), bulk("10.0.0.5")))));
    const [reply] = replies.answered(Buffer.from(named));
    assert.ok(reply && !(reply instanceof Uint8Array));
    assert.deepEqual(reply.nodes, [{ host: "10.0.0.5", port: 7000, names: ["db-1.internal"] }]);
    assert.deepEqual(reply.nodes.map(nodeText), ["10.0.0.5:7000"]);
  });

  it("property: any traffic in any pieces passes byte for byte, but for these", () => {
    const asked = fc.array(fc.oneof(fc.constantFrom(...CLUSTER), fc.constantFrom(...ORDINARY)), { maxLength: 30 });
    const pushes = fc.array(fc.constantFrom("", ...PUSHES), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(asked, pushes, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 }), (cases, between, sizes) => {
        const parts = cases.map((one, index) => ({ one, push: between[index % between.length] ?? "" }));
        const said = parts.map(({ one, push }) => push + one[1]).join("");
        const expected = parts.map(({ one, push }) => push + one[2]).join("");
        assert.equal(through(cases.map(([words]) => words).join(""), said, sizes), expected);
      }),
      { numRuns: 2_000 },
    );
  });

  for (const words of [["SUBSCRIBE", "c"], ["MONITOR"], ["CLIENT", "REPLY", "OFF"], ["PSYNC", "?", "-1"]])
    it(`are changed in redirections only, once answers can't be counted: ${words.join(" ")}`, () => {
      const asked = command(...words) + command("CLUSTER", "NODES");
      const value = bulk(lineOf("10.0.0.5", 7000));
      assert.equal(through(asked, `+OK\r\n${value}-MOVED 1 10.0.0.5:7000\r\n`), `+OK\r\n${value}-MOVED 1 127.0.0.1:37000\r\n`);
    });

  it("are left alone in replies of another form, and by a service that is none", () => {
    const strange = [
      array(array(":0\r\n", bulk("x"), array(bulk("10.0.0.5"), ":7000\r\n"))),
      bulk("no nodes here"),
      "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$-1\r\n:7000\r\n",
      "-ERR This instance has cluster support disabled\r\n",
      "HTTP/1.1 400 Bad Request\r\nServer: 10.0.0.5:7000\r\n\r\n",
      "*99999999999999999999\r\n",
      "$12x\r\n",
      "-MOVED 3999 10.0.0.5:99999\r\n",
      "-MOVED 3999 :7000\r\n",
      `${"*1\r\n".repeat(5_000)}:1\r\n`,
    ];
    for (const reply of strange) for (const question of ["SLOTS", "SHARDS", "NODES"]) assert.equal(through(command("CLUSTER", question), reply, [7]), reply);
  });

  it("hold no more than a bound: a reply that never ends passes", () => {
    const replies = new ClusterReplies();
    replies.asked(Buffer.from(command("CLUSTER", "SLOTS")));
    const piece = Buffer.alloc(1024 * 1024, ":1\r\n");
    let [passed, given] = [0, 0];
    for (const bytes of [Buffer.from("*999999999\r\n"), ...Array.from({ length: 20 }, () => piece)]) {
      given += bytes.length;
      for (const out of replies.answered(bytes)) passed += (out as Uint8Array).length;
      assert.ok(given - passed <= 9 * 1024 * 1024);
    }
    assert.equal(passed, given);
  });

  it("are 10,000 in one reply", () => {
    const many = Array.from({ length: 10_000 }, (_, index) => lineOf(`10.0.${index >> 8}.${index & 255}`, 7000)).join("");
    assert.match(through(command("CLUSTER", "NODES"), bulk(many), [65_536]), /^\$\d+\r\na{40} 127\.0\.0\.1:37000@/);
  });
});
