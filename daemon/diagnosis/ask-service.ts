/**
 * Asks what is behind a stream: Redis with PING (no credentials), MySQL by its
 * greeting, ended with a login that is refused, PostgreSQL whether it speaks TLS,
 * MongoDB with hello. Nothing is known of any other service, so it is asked nothing.
 * A service of the wrong kind is named. A Redis
 * is asked inside TLS if its entry says that it speaks TLS. If it does not answer
 * as it should, another connection finds out whether it speaks TLS.
 */

import type * as net from "node:net";
import { isRedis } from "../../shared/contract/service-titles.ts";
import type { Service } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { type MessageArgument, message } from "../../shared/message.ts";
import type { Clock } from "../../shared/time.ts";
import { isUnfinished, refusalIn } from "../services/first-words.ts";
import { latin1 } from "../services/latin1.ts";
import { type ProbeResult, probe } from "../services/probe.ts";
import { recogniseServer } from "../services/recognise.ts";
import { isTls, startTls, type TlsStart } from "../services/tls-client.ts";
import type { Ending } from "./far-socket.ts";
import { plainLink } from "./link.ts";
import { ServiceStream } from "./service-stream.ts";
import type { ServiceSighting } from "./sighting.ts";
import type { Timings } from "./timings.ts";

/** What asking needs. */
export interface AskOptions {
  readonly service: Service;
  /** The entry says that the service speaks TLS. */
  readonly tls?: boolean | undefined;
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
  // Whatever the sighting says: a damaged stream is no answer.
  return stream.fault ? { seen: "fault", error: stream.fault } : sighting;
}

function ask(stream: ServiceStream, options: AskOptions): Promise<ServiceSighting> {
  switch (options.service) {
    case "redis":
    case "redis-cluster":
      return options.tls ? askInTls(stream, options, askRedis) : askRedis(stream, options);
    case "mysql":
      return askMySql(stream, options);
    case "postgres":
      return askByProbe(stream, options, "postgres");
    case "mongodb":
      return options.tls ? askInTls(stream, options, askMongo) : askMongo(stream, options);
    case "tcp":
      return watch(stream, options);
  }
}

type Ask = (stream: ServiceStream, options: AskOptions) => Promise<ServiceSighting>;

const askMongo: Ask = (stream, options) => askByProbe(stream, { ...options, tls: false }, "mongodb");

/** As `ask`, inside TLS; its certificate is not judged. */
async function askInTls(stream: ServiceStream, options: AskOptions, askInside: Ask): Promise<ServiceSighting> {
  const { timings, roundTripMs, clock, signal } = options;
  const startMs = clock.monotonicMs();
  const early = await seenUnasked(stream, options);
  if (early) return early;
  const askedMs = clock.monotonicMs();
  const start = await tlsOver(stream, timings.serviceMs + 2 * roundTripMs, signal);
  const ms = clock.monotonicMs() - askedMs;
  switch (start.is) {
    case "secured": {
      const inside = new ServiceStream({ link: plainLink(start.socket), lingerMs: timings.lingerMs });
      try {
        const sighting = await askInside(inside, options);
        if (start.isRefused()) return tlsAlone(ms);
        return sighting.seen === "answered" ? { ...sighting, what: message("{0} over TLS", sighting.what) } : sighting;
      } finally {
        inside.destroySoon();
      }
    }
    case "refused":
      return tlsAlone(ms);
    case "other":
      return recogniseServer(start.head)?.protocol === (isRedis(options.service) ? "redis" : options.service)
        ? { seen: "tls", speaks: false, ms }
        : { seen: "other", what: labelOf(start.head), ms };
    case "closed":
    case "silent":
      return nothingSaid(stream, clock.monotonicMs() - startMs);
  }
}

/** Starts TLS. @throws the signal's reason */
async function tlsOver(stream: ServiceStream, timeoutMs: number, signal: AbortSignal): Promise<TlsStart> {
  const stop = (): void => void stream.destroy();
  signal.addEventListener("abort", stop, { once: true });
  const start = await startTls(stream, timeoutMs);
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  return start;
}

/** The service ended TLS where a client would show a certificate: without one nothing more can be seen of it. */
function tlsAlone(ms: number): ServiceSighting {
  return {
    seen: "answered",
    what: message("a service that speaks TLS and probably lets in clients with a certificate only"),
    ms,
    isCluster: false,
    isGuess: true,
  };
}

/** Whether a Redis may behave as it was seen because it speaks TLS, or none: that is worth another connection, for `lookForTls`. */
export function mayDifferInTls(sighting: ServiceSighting, { service, tls }: Pick<AskOptions, "service" | "tls">): boolean {
  if (!isRedis(service)) return false;
  // A service that has said something else, such as MySQL, is left alone.
  return (sighting.seen === "closed" && sighting.asked) || (tls === true && sighting.seen === "silent");
}

/** Looks whether Redis speaks TLS although the entry says that it does not, or the other way round; undefined: neither can be seen. */
export async function lookForTls(stream: ServiceStream, options: AskOptions): Promise<ServiceSighting | undefined> {
  const { timings, roundTripMs, clock, signal } = options;
  const startMs = clock.monotonicMs();
  if (!options.tls) {
    const start = await tlsOver(stream, timings.strangerMs + 2 * roundTripMs, signal);
    const speaks = start.is === "secured" || start.is === "refused";
    return speaks ? { seen: "tls", speaks, ms: clock.monotonicMs() - startMs } : undefined;
  }
  const { ms, line } = await askLine(stream, PING, options);
  const refusal = refusalIn("redis", stream.said);
  if (refusal) return { seen: "refused", ...refusal, ms };
  return isRedisLine(line) ? { seen: "tls", speaks: false, ms } : undefined;
}

async function askRedis(stream: ServiceStream, options: AskOptions): Promise<ServiceSighting> {
  const { clock } = options;
  const startMs = clock.monotonicMs();
  const early = await seenUnasked(stream, options);
  if (early) return early;
  const { ms, line } = await askLine(stream, PING, options);
  if (stream.said.length === 0) return nothingSaid(stream, clock.monotonicMs() - startMs);
  const refusal = refusalIn("redis", stream.said);
  if (refusal) return { seen: "refused", ...refusal, ms };
  if (isTls(stream.said)) return { seen: "tls", speaks: true, ms };
  if (line === undefined && isUnfinished("redis", stream.said)) return { seen: "unfinished", end: stream.ending ?? "waiting", ms };
  if (!isRedisLine(line)) return { seen: "other", what: labelOf(stream.said), ms };
  const isCluster = line.startsWith("+") && (await inCluster(stream, options));
  return { seen: "answered", what: `Redis (${line.slice(1)})`, ms, isCluster };
}

/**
 * What a service shows before it is sent PING; undefined: it waits. A service that speaks first is no Redis, or a Redis
 * that refuses us, and MySQL would count PING as an error.
 */
async function seenUnasked(stream: ServiceStream, options: AskOptions): Promise<ServiceSighting | undefined> {
  const { timings, roundTripMs, clock, signal } = options;
  const startMs = clock.monotonicMs();
  await stream.until(() => stream.said.length > 0, { ms: timings.firstWordMs + 2 * roundTripMs, signal });
  const ms = clock.monotonicMs() - startMs;
  if (stream.said.length > 0) return spokeFirst(stream, options, ms);
  return stream.ending ? closedUnasked(stream.ending, ms, options) : undefined;
}

/** What came unasked, when a service was expected that waits. */
async function spokeFirst(stream: ServiceStream, options: AskOptions, ms: number): Promise<ServiceSighting> {
  if (!isRedis(options.service)) return await strangeWords(stream, options, ms);
  // The rest of its first words may come in the next packet.
  await stream.until(() => refusalIn("redis", stream.said) !== undefined || !isUnfinished("redis", stream.said), {
    ms: options.timings.strangerMs,
    signal: options.signal,
  });
  const refusal = refusalIn("redis", stream.said);
  if (refusal) return { seen: "refused", ...refusal, ms };
  if (isUnfinished("redis", stream.said)) return { seen: "unfinished", end: stream.ending ?? "waiting", ms };
  return await strangeWords(stream, options, ms);
}

/** Another service than the entry's speaks. */
async function strangeWords(stream: ServiceStream, options: AskOptions, ms: number): Promise<ServiceSighting> {
  const what = labelOf(stream.said);
  // Leaves MySQL in the way that it doesn't count as an error.
  if (recogniseServer(stream.said)?.protocol === "mysql") await probed(stream, options.timings.serviceMs, "mysql").catch(() => {});
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
    const { saw, tls } = await probed(stream, timings.serviceMs, "mysql");
    if (options.tls && !tls?.isOffered) return { seen: "tls", speaks: false, ms };
    return { seen: "answered", what: recogniseServer(stream.said)?.words ?? saw, ms, isCluster: false, tls };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TunnelError)) throw error;
    return unlike(stream, "mysql", ms);
  }
}

/** What was said is no answer of the service: a refusal, the beginning of an answer, or another service. */
function unlike(stream: ServiceStream, service: Service, ms: number): ServiceSighting {
  const refusal = refusalIn(service, stream.said);
  if (refusal) return { seen: "refused", ...refusal, ms };
  return isUnfinished(service, stream.said) ? { seen: "unfinished", end: stream.ending ?? "waiting", ms } : { seen: "other", what: labelOf(stream.said), ms };
}

/** By the probe of an explicit open, of a service that waits to be asked. */
async function askByProbe(stream: ServiceStream, options: AskOptions, service: "postgres" | "mongodb"): Promise<ServiceSighting> {
  const { clock, timings, signal } = options;
  const startMs = clock.monotonicMs();
  const early = await seenUnasked(stream, options);
  if (early) return early;
  const askedMs = clock.monotonicMs();
  try {
    const { saw, tls } = await probed(stream, timings.serviceMs, service);
    const ms = clock.monotonicMs() - askedMs;
    if (options.tls && !tls?.isOffered) return { seen: "tls", speaks: false, ms };
    return { seen: "answered", what: saw, ms, isCluster: false };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TunnelError)) throw error;
    const ms = clock.monotonicMs() - askedMs;
    if (stream.said.length === 0) return nothingSaid(stream, clock.monotonicMs() - startMs);
    if (isTls(stream.said)) return { seen: "tls", speaks: true, ms };
    return unlike(stream, service, ms);
  }
}

/** A plain TCP service may speak first; nothing else is known of it. A far end that gives up on its backend closes within this time. */
async function watch(stream: ServiceStream, options: AskOptions): Promise<ServiceSighting> {
  const { clock, timings, roundTripMs, signal } = options;
  const startMs = clock.monotonicMs();
  await stream.until(() => stream.said.length > 0, { ms: timings.serviceMs + 2 * roundTripMs, signal });
  const ms = clock.monotonicMs() - startMs;
  if (stream.said.length > 0) return { seen: "answered", what: labelOf(stream.said), ms, isCluster: false };
  return stream.ending ? closedUnasked(stream.ending, ms, options) : { seen: "open", openMs: ms };
}

/** The probe of an explicit open, with a stream in place of a socket: the probe uses nothing that only a socket has. */
function probed(stream: ServiceStream, timeoutMs: number, service: Service): Promise<ProbeResult> {
  return probe(stream as unknown as net.Socket, { service, timeoutMs });
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

function labelOf(bytes: Uint8Array): MessageArgument {
  return recogniseServer(bytes)?.words ?? message("something unknown");
}
