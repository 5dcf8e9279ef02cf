/**
 * A session of the native wire under a random schedule: two ends, connections that
 * are cut at any moment, handshakes that are late, applications that stop reading.
 * Each rule of the design can be switched off, to see what breaks without it. The
 * ends are a model of a few lines, or the real session.ts; the schedule is the same.
 */
import type { TakeUp } from "../../../daemon/protocol/native-hello.ts";
import { type Acknowledgement, readRecord } from "../../../daemon/protocol/native-records.ts";
import { type FillFrames, Session } from "../../../daemon/protocol/session.ts";

/** The rules of the design's section on sessions; see session.ts. */
export interface Rules {
  /** Before an end says what it has received, the connection before is taken out. */
  readonly takesOldOut: boolean;
  /** Message 1 goes out on one connection only. */
  readonly asksOnce: boolean;
  /** A server drops an attempt that does not rise. */
  readonly attemptsRise: boolean;
  /** "Received" outside of what can be is refused. */
  readonly checksRange: boolean;
  /** The wire is read whatever is full. */
  readonly alwaysReads: boolean;
  /** "Received" is what was decrypted, not what the application has taken. */
  readonly acknowledgesAtOnce: boolean;
}

export const ALL_RULES: Rules = {
  takesOldOut: true,
  asksOnce: true,
  attemptsRise: true,
  checksRange: true,
  alwaysReads: true,
  acknowledgesAtOnce: true,
};

/** What a schedule has led to. */
export interface Outcome {
  /** A byte came that is not the next one: twice, or after a gap. */
  wrongBytes: number;
  /** Connections that carried data and were taken out for an attempt that the client had given up. */
  killed: number;
  /** The session had to be given up, as one end claimed what can't be. */
  broken: number;
  /** Everything has arrived within the bound on steps. */
  isComplete: boolean;
  cuts: number;
}

/** What a schedule needs of a session; session.ts has it. */
type SessionLike = Pick<Session, "receivedBytes" | "keptBytes" | "received" | "record" | "acknowledged" | "nextAttempt" | "judge" | "goOn">;

/** The byte at a place of a stream of an end: a repeated or left-out piece does not fit. */
function byteAt(side: number, at: number): number {
  return (at * 131 + (at >>> 8) * 7 + (at >>> 16) + side * 89) & 0xff;
}

/** The rules in a few lines: all bytes are kept in one array, which is never shortened. */
class ModelSession implements SessionLike {
  readonly #rules: Rules;
  readonly #sent: number[] = [];
  #acked = 0;
  #written = 0;
  #attempt = 0;
  receivedBytes = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  get keptBytes(): number {
    return this.#sent.length - this.#acked;
  }

  received(count: number): void {
    this.receivedBytes += count;
  }

  record(room: number, fill: FillFrames, acknowledges?: Acknowledgement): Uint8Array | undefined {
    if (this.#written === this.#sent.length && room > 0) {
      const into = new Uint8Array(room);
      this.#sent.push(
        ...into.subarray(
          0,
          fill(into, 0, () => {}),
        ),
      );
    }
    const frames = this.#sent.slice(this.#written, this.#written + room);
    this.#written += frames.length;
    if (frames.length === 0 && !acknowledges) return undefined;
    const head = acknowledges ? new Uint8Array(17) : new Uint8Array(1);
    if (acknowledges) {
      head[0] = 1;
      new DataView(head.buffer).setBigUint64(1, BigInt(acknowledges.receivedBytes));
    }
    return Uint8Array.from([...head, ...frames]);
  }

  acknowledged(bytes: number): boolean {
    if (bytes > this.#written) return false;
    this.#acked = Math.max(this.#acked, bytes);
    return true;
  }

  nextAttempt(): ReturnType<Session["nextAttempt"]> {
    this.#attempt += 1;
    return { session: new Uint8Array(16), secret: new Uint8Array(32), attempt: this.#attempt, receivedBytes: this.receivedBytes };
  }

  judge({ attempt, receivedBytes }: TakeUp): void {
    if (this.#rules.attemptsRise && attempt <= this.#attempt) throw new Error("late");
    this.#check(receivedBytes);
    this.#attempt = Math.max(attempt, this.#attempt);
  }

  goOn(receivedBytes: number): void {
    this.#check(receivedBytes);
    this.#acked = Math.max(this.#acked, receivedBytes);
    this.#written = receivedBytes;
  }

  #check(receivedBytes: number): void {
    if (this.#rules.checksRange && (receivedBytes < this.#acked || receivedBytes > this.#sent.length)) throw new Error("range");
  }
}

/** A connection: records on their way to each end. */
interface Wire {
  readonly toward: readonly [Uint8Array[], Uint8Array[]];
}

/** A handshake on its way. */
interface Asking {
  readonly wire: Wire;
  readonly asked: TakeUp;
  answer: number | undefined;
}

interface End {
  readonly session: SessionLike;
  wire: Wire | undefined;
  /** Bytes of its application that are not sent, and how many have come for it. */
  left: number;
  said: number;
  got: number;
  /** Of these, not taken by the application yet. */
  untaken: number;
  acknowledged: number;
  isReading: boolean;
}

/** Small, so that ends are often full. */
const CAP_BYTES = 600;
const INBOX_BYTES = 500;
const MOST_STEPS = 30_000;

/** mulberry32: the same schedule for the same seed, anywhere. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

/** How a schedule is run. */
export interface HowToRun {
  /** Default: all. */
  readonly rules?: Rules;
  /** With session.ts; default: the model. */
  readonly real?: boolean;
  /** What each end sends. */
  readonly bytes?: number;
  /** Nothing is cut. */
  readonly isQuiet?: boolean;
}

/** Runs one schedule; the network is bad for the first part of it. */
export function runSchedule(seed: number, how: HowToRun = {}): Outcome {
  return new Schedule(seed, how).run();
}

class Schedule {
  readonly #random: (below: number) => number;
  readonly #rules: Rules;
  readonly #ends: readonly [End, End];
  readonly #outcome: Outcome = { wrongBytes: 0, killed: 0, broken: 0, isComplete: false, cuts: 0 };
  readonly #asking: Asking[] = [];
  /** Connections that were cut and whose last records an end may still read, if nobody takes them out. */
  readonly #old: Wire[] = [];
  readonly #bytes: number;
  /** Applications that write all they have before they read. */
  readonly #writesFirst: boolean;
  readonly #isQuiet: boolean;
  /** The first attempt that the client has not given up. */
  #firstOfRound: number | undefined;

  constructor(seed: number, { rules = ALL_RULES, real = false, bytes = 4_000, isQuiet = false }: HowToRun) {
    this.#isQuiet = isQuiet;
    this.#random = randomOf(seed);
    this.#rules = rules;
    this.#bytes = bytes;
    this.#writesFirst = seed % 2 === 0;
    const end = (): End => ({
      session: real ? new Session({ name: new Uint8Array(16), secret: new Uint8Array(32) }) : new ModelSession(rules),
      ...{ wire: undefined, left: bytes, said: 0, got: 0, untaken: 0, acknowledged: 0, isReading: true },
    });
    this.#ends = [end(), end()];
    const wire: Wire = { toward: [[], []] };
    for (const one of this.#ends) one.wire = wire;
  }

  run(): Outcome {
    for (let step = 0; step < MOST_STEPS && !this.#isDone; step++) this.#step(step < MOST_STEPS / 3);
    this.#outcome.isComplete = this.#isDone;
    return this.#outcome;
  }

  get #isDone(): boolean {
    return this.#outcome.wrongBytes + this.#outcome.broken > 0 || this.#ends.every((end) => end.left === 0 && end.got === this.#bytes);
  }

  #step(isBad: boolean): void {
    const side = this.#random(2) as 0 | 1;
    const end = this.#ends[side];
    const dice = this.#random(100);
    if (dice < 35) this.#send(side);
    else if (dice < 70) this.#deliver(side, end.wire);
    else if (dice < 80) this.#read(end, isBad);
    else if (dice < 83) this.#deliver(side, this.#old[this.#random(Math.max(1, this.#old.length))]);
    else if (dice < 86) this.#cut(side, isBad);
    else if (dice < 90) this.#ask();
    else if (dice < 91) this.#lie();
    else if (dice < 95) this.#askArrives();
    else this.#answerArrives();
  }

  #send(side: 0 | 1): void {
    const end = this.#ends[side];
    if (!end.wire) return;
    const room = Math.max(0, Math.min(1 + this.#random(200), CAP_BYTES - end.session.keptBytes));
    const stated = this.#rules.acknowledgesAtOnce ? end.session.receivedBytes : end.got - end.untaken;
    const acknowledges = stated > end.acknowledged && this.#random(3) === 0 ? { receivedBytes: stated, releasedBytes: 0 } : undefined;
    if (acknowledges) end.acknowledged = stated;
    const fill = (into: Uint8Array, at: number): number => {
      const count = Math.min(end.left, into.length - at);
      for (let index = 0; index < count; index++) into[at + index] = byteAt(side, end.said + index);
      end.left -= count;
      end.said += count;
      return at + count;
    };
    // What is to be sent again goes whatever the cap says: it is kept already.
    const text = end.session.record(room === 0 ? this.#again(end) : room, room === 0 ? (_, at) => at : fill, acknowledges);
    if (text) end.wire.toward[1 - side]?.push(Uint8Array.from(text));
  }

  #again(end: End): number {
    return end.session.keptBytes > 0 ? 1 + this.#random(200) : 0;
  }

  #deliver(side: 0 | 1, wire: Wire | undefined): void {
    const end = this.#ends[side];
    if (!wire) return;
    if (!this.#rules.alwaysReads && end.untaken >= INBOX_BYTES) return;
    const text = wire.toward[side].shift();
    const record = text && readRecord(text);
    if (!record) return;
    // A connection that was taken out is heard no more, its acknowledgements neither.
    if (record.acknowledgement && wire === end.wire && !end.session.acknowledged(record.acknowledgement.receivedBytes)) {
      this.#outcome.broken += 1;
      return;
    }
    for (const byte of record.frames) {
      if (byte !== byteAt(1 - side, end.got)) this.#outcome.wrongBytes += 1;
      end.got += 1;
    }
    end.session.received(record.frames.length);
    end.untaken += record.frames.length;
  }

  #read(end: End, isBad: boolean): void {
    if (this.#random(20) === 0) end.isReading = !isBad || !end.isReading;
    if (end.isReading && !(this.#writesFirst && end.left > 0)) end.untaken -= this.#random(end.untaken + 1);
  }

  /** One end sees that its connection is cut; what was on its way to the other end may still be read there. */
  #cut(side: 0 | 1, isBad: boolean): void {
    const end = this.#ends[side];
    if (this.#isQuiet || !end.wire || (!isBad && this.#ends[1 - side]?.wire === end.wire)) return;
    this.#takeOut(end);
    this.#outcome.cuts += 1;
  }

  #takeOut(end: End): void {
    if (end.wire && !this.#rules.takesOldOut) this.#old.push(end.wire);
    end.wire = undefined;
  }

  /** The client has a connection with both nonces: message 1. */
  #ask(): void {
    const [client, server] = this.#ends;
    const isDead = client.wire !== undefined && client.wire !== server.wire;
    if (client.wire && !isDead) return;
    if (this.#asking.length > 4) return;
    this.#takeOut(client);
    const times = this.#rules.asksOnce ? 1 : 2;
    this.#firstOfRound = undefined;
    for (let index = 0; index < times; index++) {
      const asked = client.session.nextAttempt();
      this.#firstOfRound ??= asked.attempt;
      this.#asking.push({ wire: { toward: [[], []] }, asked, answer: undefined });
    }
  }

  /** A client that knows the secret, and has lost count. */
  #lie(): void {
    const [client, server] = this.#ends;
    if (client.wire || this.#asking.length > 4) return;
    const acknowledged = server.said - server.session.keptBytes;
    const isTooMuch = acknowledged === 0 || this.#random(2) === 0;
    const receivedBytes = isTooMuch ? this.#bytes + 1 + this.#random(1_000) : this.#random(acknowledged);
    this.#asking.push({ wire: { toward: [[], []] }, asked: { ...client.session.nextAttempt(), receivedBytes }, answer: undefined });
  }

  /** Message 1 comes to the server, perhaps long after the client has given it up. */
  #askArrives(): void {
    const server = this.#ends[1];
    const waiting = this.#asking.filter(({ answer }) => answer === undefined);
    const asking = waiting[this.#random(Math.max(1, waiting.length))];
    if (!asking) return;
    try {
      server.session.judge(asking.asked);
    } catch {
      this.#asking.splice(this.#asking.indexOf(asking), 1);
      return;
    }
    if (server.wire && server.wire === this.#ends[0].wire) this.#outcome.killed += 1;
    this.#takeOut(server);
    asking.answer = server.session.receivedBytes;
    try {
      server.session.goOn(asking.asked.receivedBytes);
    } catch {
      this.#outcome.broken += 1;
      return;
    }
    server.wire = asking.wire;
    server.acknowledged = server.session.receivedBytes;
  }

  /** Message 2 comes to the client, which goes by its newest attempt alone. */
  #answerArrives(): void {
    const client = this.#ends[0];
    const answered = this.#asking.filter(({ answer }) => answer !== undefined);
    const asking = answered[this.#random(Math.max(1, answered.length))];
    if (!asking || client.wire) return;
    this.#asking.splice(this.#asking.indexOf(asking), 1);
    if (asking.asked.attempt < (this.#firstOfRound ?? 0)) return;
    try {
      client.session.goOn(asking.answer ?? 0);
    } catch {
      this.#outcome.broken += 1;
      return;
    }
    client.wire = asking.wire;
    client.acknowledged = client.session.receivedBytes;
  }
}
