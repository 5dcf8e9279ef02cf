/**
 * Asks what is behind a stream: Redis with PING (no credentials), MySQL by its
 * greeting, ended with a login that is refused; of any other service nothing is
 * known, so nothing is asked. A service of the wrong kind is named.
 */
import type * as net from "node:net";
import type { Service } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { recogniseServer } from "../protocol/recognise.ts";
import type { Clock } from "../proxy/stats.ts";
import { isUnfinished, refusalIn } from "../services/first-words.ts";
import { probe } from "../services/probe.ts";
import type { Ending } from "./far-socket.ts";
import type { ServiceStream } from "./service-stream.ts";
import type { ServiceSighting } from "./sighting.ts";
import type { Timings } from "./timings.ts";

/** What asking needs. */
export interface AskOptions {
  readonly service: Service;
  readonly timings: Timings;
  readonly roundTripMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const REDIS_STANDALONE = /cluster support disabled/;
const PING = "PING\r\n";
const CLUSTER_INFO = "CLUSTER INFO\r\n";

/**
 * Asks; leaves the stream for its owner to end.
 * @throws the signal's reason
 */
export async function askService(stream: ServiceStream, options: AskOptions): Promise<ServiceSighting> {
  const sighting = await ask(stream, options);
  // Whatever it looked like to the one who asked: a damaged stream is no answer.
  return stream.fault ? { seen: "fault", error: stream.fault } : sighting;
}

function ask(stream: ServiceStream, options: AskOptions): Promise<ServiceSighting> {
  switch (options.service) {
    case "redis":
      return askRedis(stream, options);
    case "mysql":
      return askMySql(stream, options);
    case "tcp":
      return watch(stream, options);
  }
}

async function askRedis(stream: ServiceStream, options: AskOptions): Promise<ServiceSighting> {
  const { timings, roundTripMs, clock, signal } = options;
  const startMs = clock.monotonicMs();
  const sinceMs = (): number => clock.monotonicMs() - startMs;
  // Something that speaks first is no Redis, or one that refuses; and to MySQL, PING would be an error that counts.
  await stream.until(() => stream.said.length > 0, { ms: timings.firstWordMs + 2 * roundTripMs, signal });
  if (stream.said.length > 0) return spokeFirst(stream, options, sinceMs());
  if (stream.ending) return closedUnasked(stream.ending, sinceMs(), options);
  const { ms, line } = await askLine(stream, PING, options);
  if (stream.said.length === 0) return nothingSaid(stream, sinceMs());
  const refusal = refusalIn("redis", stream.said);
  if (refusal) return { seen: "refused", ...refusal, ms };
  if (line === undefined && isUnfinished("redis", stream.said)) return { seen: "unfinished", end: stream.ending ?? "waiting", ms };
  if (!isRedisLine(line)) return { seen: "other", what: labelOf(stream.said), ms };
  const isCluster = line.startsWith("+") && (await inCluster(stream, options));
  return { seen: "answered", what: `Redis (${line.slice(1)})`, ms, isCluster };
}

/** What came unasked, when Redis was expected. */
async function spokeFirst(stream: ServiceStream, options: AskOptions, ms: number): Promise<ServiceSighting> {
  // The rest of its first words may come in the next packet.
  await stream.until(() => refusalIn("redis", stream.said) !== undefined || !isUnfinished("redis", stream.said), {
    ms: options.timings.strangerMs,
    signal: options.signal,
  });
  const refusal = refusalIn("redis", stream.said);
  if (refusal) return { seen: "refused", ...refusal, ms };
  if (isUnfinished("redis", stream.said)) return { seen: "unfinished", end: stream.ending ?? "waiting", ms };
  const what = labelOf(stream.said);
  // Leaves MySQL the way that doesn't count as an error.
  if (recogniseServer(stream.said)?.protocol === "mysql") await probed(stream, options.timings.serviceMs).catch(() => {});
  return { seen: "other", what, ms };
}

/** Whether Redis runs in cluster mode; false when it doesn't say. */
async function inCluster(stream: ServiceStream, options: AskOptions): Promise<boolean> {
  const before = stream.said.length;
  stream.write(CLUSTER_INFO);
  const answer = (): string => latin1(stream.said.subarray(before));
  await stream.until(() => answer().includes("\r\n"), { ms: options.timings.strangerMs, signal: options.signal });
  return answer().startsWith("$") && !REDIS_STANDALONE.test(answer());
}

async function askMySql(stream: ServiceStream, options: AskOptions): Promise<ServiceSighting> {
  const { clock, timings, signal } = options;
  const startMs = clock.monotonicMs();
  let firstMs: number | undefined;
  await stream.until(
    () => {
      if (stream.said.length > 0) firstMs ??= clock.monotonicMs() - startMs;
      return firstMs !== undefined;
    },
    { ms: timings.serviceMs, signal },
  );
  const ms = firstMs ?? clock.monotonicMs() - startMs;
  if (stream.said.length === 0) {
    if (stream.ending) return closedUnasked(stream.ending, ms, options);
    // A MySQL would have spoken long ago, so this can't disturb one.
    const { line } = await askLine(stream, PING, { ...options, timings: { ...timings, serviceMs: timings.strangerMs } });
    return line === undefined ? nothingSaid(stream, ms) : { seen: "other", what: labelOf(stream.said), ms };
  }
  try {
    const { saw } = await probed(stream, timings.serviceMs);
    return { seen: "answered", what: recogniseServer(stream.said)?.label ?? saw, ms, isCluster: false };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TunnelError)) throw error;
    const refusal = refusalIn("mysql", stream.said);
    if (refusal) return { seen: "refused", ...refusal, ms };
    return isUnfinished("mysql", stream.said) ? { seen: "unfinished", end: stream.ending ?? "waiting", ms } : { seen: "other", what: labelOf(stream.said), ms };
  }
}

/** Of a plain TCP service nothing is known but that it may speak first; a far end that gives up on its backend closes within this time. */
async function watch(stream: ServiceStream, options: AskOptions): Promise<ServiceSighting> {
  const { clock, timings, roundTripMs, signal } = options;
  const startMs = clock.monotonicMs();
  await stream.until(() => stream.said.length > 0, { ms: timings.serviceMs + 2 * roundTripMs, signal });
  const ms = clock.monotonicMs() - startMs;
  if (stream.said.length > 0) return { seen: "answered", what: labelOf(stream.said), ms, isCluster: false };
  return stream.ending ? closedUnasked(stream.ending, ms, options) : { seen: "open", openMs: ms };
}

/** The probe of an explicit open, over a stream that stands for a socket: it uses nothing else of one. */
function probed(stream: ServiceStream, timeoutMs: number): Promise<{ readonly saw: string }> {
  return probe(stream as unknown as net.Socket, { service: "mysql", timeoutMs });
}

/** Sends a question and waits for a whole line; `ms` is until its first byte. */
async function askLine(stream: ServiceStream, question: string, options: AskOptions): Promise<{ readonly ms: number; readonly line: string | undefined }> {
  const { clock, timings, signal } = options;
  const startMs = clock.monotonicMs();
  let firstMs: number | undefined;
  stream.write(question);
  await stream.until(
    () => {
      if (stream.said.length > 0) firstMs ??= clock.monotonicMs() - startMs;
      return firstLine(stream.said) !== undefined;
    },
    { ms: timings.serviceMs, signal },
  );
  return { ms: firstMs ?? clock.monotonicMs() - startMs, line: firstLine(stream.said) };
}

function closedUnasked(end: Ending, waitedMs: number, { timings, roundTripMs }: AskOptions): ServiceSighting {
  return { seen: "closed", end, asked: false, isEarly: waitedMs < timings.turnedAwayMs + 2 * roundTripMs, waitedMs };
}

function nothingSaid(stream: ServiceStream, waitedMs: number): ServiceSighting {
  return stream.ending ? { seen: "closed", end: stream.ending, asked: true, isEarly: false, waitedMs } : { seen: "silent", waitedMs };
}

/** Any simple reply will do: +PONG, or -NOAUTH, -LOADING and the like, which a live Redis says too. */
function isRedisLine(line: string | undefined): line is string {
  return line !== undefined && /^(\+PONG$|-[A-Z]+ )/.test(line);
}

function firstLine(bytes: Uint8Array): string | undefined {
  const text = latin1(bytes);
  const end = text.indexOf("\r\n");
  return end < 0 ? undefined : text.slice(0, end);
}

function labelOf(bytes: Uint8Array): string {
  return recogniseServer(bytes)?.label ?? "something unknown";
}

/** Enough of it for every question here. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 4_096)).toString("latin1");
}
