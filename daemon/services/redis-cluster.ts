/**
 * Makes a Redis Cluster reachable through tunnels: the addresses of its nodes, in
 * the replies that have them, become those of this machine. Everything else passes
 * byte for byte.
 *
 *     -MOVED 3999 10.0.0.5:7000       an error in answer to any command, ASK alike
 *     CLUSTER SLOTS, SHARDS, NODES, REPLICAS, SLAVES     found by counting commands and replies
 *
 * After SUBSCRIBE, MONITOR and the like, answers can no longer be counted: from then
 * on only errors are changed. Bounded: only a reply that is changed is held. Pure.
 *
 * Source: redis.io, "Redis cluster specification", "CLUSTER SLOTS", "CLUSTER SHARDS",
 * "CLUSTER NODES"
 */
import { latin1 } from "./latin1.ts";
import { RedisCommands } from "./redis-commands.ts";
import { type Part, ReplyScanner, readReply } from "./resp.ts";

/** A node as the cluster names it. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
  /** Further names of its host, which MOVED may use. */
  readonly names: readonly string[];
}

/** A node's text: how it is looked up. */
export function nodeText({ host, port }: Pick<NodeAddress, "host" | "port">): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Where a node is on this machine. */
export interface LocalNode {
  readonly host: string;
  readonly port: number;
}

/** A reply with addresses in it: needs their places before it can be passed on. */
export interface NodeReply {
  readonly nodes: readonly NodeAddress[];
  rewritten(placeOf: (node: NodeAddress) => LocalNode): Uint8Array;
}

type Kind = "lists" | "shards" | "lines";
const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["CLUSTER SLOTS", "lists"],
  ["CLUSTER SHARDS", "shards"],
  ["CLUSTER NODES", "lines"],
  ["CLUSTER REPLICAS", "lines"],
  ["CLUSTER SLAVES", "lines"],
]);
/** Commands that are named with their second word. */
const FAMILIES = new Set(["CLUSTER", "CLIENT"]);
/** Commands that have not exactly one answer each. */
const UNCOUNTED = new Set([
  ...["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"],
  ...["MONITOR", "SYNC", "PSYNC", "CLIENT REPLY"],
]);

/** Our choice: the largest reply that is held; 10,000 nodes have 2 MB. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;
/** A redirection is shorter: two words, a slot, a host name of at most 253 bytes and a port. */
const MAX_ERROR_BYTES = 300;
/** Our choice: questions about nodes that wait for their answers at once. */
const MAX_QUESTIONS = 1_000;

const ERROR = 0x2d;
const PUSH = 0x3e;
const REDIRECTION = /^-(MOVED|ASK) (\d{1,5}) (\S*):(\d{1,5})\r\n$/;

/** See the file's header. One for each connection. */
export class ClusterReplies {
  readonly #commands = new RedisCommands(FAMILIES);
  readonly #replies = new ReplyScanner();
  #sent = 0;
  #answered = 0;
  /** Questions without an answer, by their number among the commands. */
  readonly #questions: { readonly at: number; readonly kind: Kind }[] = [];
  #isCounting = true;
  /** What comes from the service is not Redis's: it passes. */
  #isStrange = false;
  /** The beginning of a reply that may be changed. */
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #isPush = false;

  /** What the client has said. */
  asked(bytes: Uint8Array): void {
    if (!this.#isCounting) return;
    for (const name of this.#commands.push(bytes) ?? ["MONITOR"]) {
      const kind = KINDS.get(name);
      if (UNCOUNTED.has(name) || (kind && this.#questions.length >= MAX_QUESTIONS)) {
        this.#isCounting = false;
        return;
      }
      if (kind) this.#questions.push({ at: this.#sent, kind });
      this.#sent += 1;
    }
  }

  /** What the service has said, as it is to be passed on: bytes, and replies that have to be changed first. */
  answered(bytes: Uint8Array): (Uint8Array | NodeReply)[] {
    const out: (Uint8Array | NodeReply)[] = [];
    let [at, passed] = [0, 0];
    while (at < bytes.length && !this.#isStrange) {
      if (this.#replies.isBetween) {
        this.#isPush = bytes[at] === PUSH;
        if (bytes[at] === ERROR || (!this.#isPush && this.#questions[0]?.at === this.#answered)) {
          if (at > passed) out.push(bytes.subarray(passed, at));
          passed = at;
          this.#held = [];
          this.#heldBytes = 0;
        }
      }
      const to = this.#replies.next(bytes, at);
      this.#isStrange = to === undefined;
      at = to ?? bytes.length;
      if (this.#held) {
        this.#held.push(bytes.subarray(passed, at));
        this.#heldBytes += at - passed;
        passed = at;
      }
      if (!this.#isStrange && this.#replies.isBetween) this.#onReply(out);
      else if (this.#isStrange || this.#heldBytes > this.#mostHeld) out.push(...this.#release());
    }
    if (passed < bytes.length) out.push(passed === 0 ? bytes : bytes.subarray(passed));
    return out;
  }

  get #mostHeld(): number {
    return this.#held?.[0]?.[0] === ERROR ? MAX_ERROR_BYTES : MAX_HELD_BYTES;
  }

  #onReply(out: (Uint8Array | NodeReply)[]): void {
    const question = this.#isPush ? undefined : this.#questions[0];
    const kind = question?.at === this.#answered ? question.kind : undefined;
    if (kind) this.#questions.shift();
    if (!this.#isPush) this.#answered += 1;
    if (!this.#held) return;
    const reply = Buffer.concat(this.#release());
    out.push(reply[0] === ERROR ? (redirection(reply) ?? reply) : (nodeReply(reply, kind) ?? reply));
  }

  #release(): Uint8Array[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#heldBytes = 0;
    return held;
  }
}

type PlaceOf = (node: NodeAddress) => LocalNode;

/** What stands in place of the bytes `from` to `to` of a reply. */
interface Change {
  readonly from: number;
  readonly to: number;
  readonly nodes: readonly NodeAddress[];
  readonly text: (placeOf: PlaceOf) => string;
}

/** undefined: no redirection. */
function redirection(reply: Uint8Array): NodeReply | undefined {
  const [, word, slot, host = "", port] = REDIRECTION.exec(latin1(reply)) ?? [];
  const node = word === undefined ? undefined : nodeOf([host], port);
  if (!node) return undefined;
  return { nodes: [node], rewritten: (placeOf) => Buffer.from(`-${word} ${slot} ${placeOf(node).host}:${placeOf(node).port}\r\n`, "latin1") };
}

/** undefined: the reply has no addresses, or another form. */
function nodeReply(reply: Uint8Array, kind: Kind | undefined): NodeReply | undefined {
  const whole = kind === undefined ? undefined : readReply(reply);
  if (!whole) return undefined;
  const changes = kind === "lists" ? slotChanges(whole) : kind === "shards" ? shardChanges(whole) : lineChanges(whole);
  if (changes.length === 0) return undefined;
  const ordered = changes.toSorted((a, b) => a.from - b.from);
  return {
    nodes: [...new Map(changes.flatMap(({ nodes }) => nodes.map((node) => [nodeText(node), node] as const))).values()],
    rewritten: (placeOf) => {
      const parts: Uint8Array[] = [];
      let at = 0;
      for (const { from, to, text } of ordered) {
        parts.push(reply.subarray(at, from), Buffer.from(text(placeOf), "latin1"));
        at = to;
      }
      return Buffer.concat([...parts, reply.subarray(at)]);
    },
  };
}

/** `[[0, 5460, ["10.0.0.5", 7000, "id", ["hostname", "db-1"]], …], …]` */
function slotChanges(whole: Part): Change[] {
  return whole.items.flatMap(({ items: [first, last, ...nodes] }) =>
    first?.type === ":" && last?.type === ":"
      ? nodes.flatMap(({ items: [host, port, , more] }) => {
          const named = pairs(more?.items ?? []);
          return nodeChanges([named.get("ip"), host, named.get("hostname")], port);
        })
      : [],
  );
}

/** Maps, or flat lists in RESP2: `slots`, `nodes`; in each node `ip`, `endpoint`, `hostname`, `port`. */
function shardChanges(whole: Part): Change[] {
  return whole.items.flatMap((shard) =>
    (pairs(shard.items).get("nodes")?.items ?? []).flatMap(({ items }) => {
      const named = pairs(items);
      return nodeChanges([named.get("ip"), named.get("endpoint"), named.get("hostname")], named.get("port"));
    }),
  );
}

/** `id 10.0.0.5:7000@17000,db-1 flags …`: one string with a line for each node, or a string for each. */
function lineChanges(whole: Part): Change[] {
  const strings = whole.type === "*" ? whole.items : [whole];
  return strings.flatMap(({ type, from, to, text }): Change[] => {
    if (text === undefined || (type !== "$" && type !== "=")) return [];
    const lines = text.split("\n").map((line) => {
      const [, before = "", host = "", port, bus = "", name = "", after = ""] = NODE_LINE.exec(line) ?? [];
      const node = port === undefined ? undefined : nodeOf([host, name], port);
      return { line, node, write: ({ host: local, port: at }: LocalNode) => `${before} ${local}:${at}${bus}${name === "" ? "" : `,${local}`}${after}` };
    });
    const nodes = lines.flatMap(({ node }) => node ?? []);
    if (nodes.length === 0) return [];
    const whole = (placeOf: PlaceOf): string => lines.map(({ line, node, write }) => (node ? write(placeOf(node)) : line)).join("\n");
    return [{ from, to, nodes, text: (placeOf) => bulk(type, whole(placeOf)) }];
  });
}

/** The id, host, port, bus port, host name, and the rest. */
const NODE_LINE = /^((?:txt:)?[0-9a-f]{40}) (\S*?):(\d{1,5})(@\d+)?(?:,([^\s,]*))?([, ].*)$/;

/** The parts that name a node's host, those by address first, and its port. */
function nodeChanges(hosts: readonly (Part | undefined)[], port: Part | undefined): Change[] {
  const node =
    port?.type === ":"
      ? nodeOf(
          hosts.map((part) => part?.text ?? ""),
          port.text,
        )
      : undefined;
  if (!node || !port) return [];
  const named = hosts.filter((part) => part?.text !== undefined && part.text !== "" && part.type === "$") as Part[];
  return [
    ...named.map(({ from, to }) => ({ from, to, nodes: [node], text: (placeOf: PlaceOf) => bulk("$", placeOf(node).host) })),
    { from: port.from, to: port.to, nodes: [node], text: (placeOf) => `:${placeOf(node).port}\r\n` },
  ];
}

/** A node by the first of its names; undefined: none of them is one. "?" is what Redis says for a name that it does not know. */
function nodeOf(hosts: readonly string[], portText: string | undefined): NodeAddress | undefined {
  const port = Number(portText);
  const [host, ...names] = [...new Set(hosts)].filter((name) => HOST.test(name));
  return host === undefined || !Number.isInteger(port) || port < 1 || port > 65_535 ? undefined : { host: host.toLowerCase(), port, names };
}

const HOST = /^[\w.:-]{1,253}$/;

/** A map's values by their keys; a flat list counts as a map, as it does in RESP2. */
function pairs(items: readonly Part[]): ReadonlyMap<string, Part> {
  const named = new Map<string, Part>();
  for (let index = 0; index + 1 < items.length; index += 2) {
    const [key, value] = [items[index], items[index + 1]];
    if (key?.text !== undefined && value) named.set(key.text, value);
  }
  return named;
}

function bulk(type: string, text: string): string {
  return `${type}${text.length}\r\n${text}\r\n`;
}
