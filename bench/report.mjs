/**
 * What the bench prints at its end: the ratios first, because only they are reliable on a noisy machine, then one table.
 * The exit code does not depend on them.
 */
import { bold, dim, say } from "../scripts/lib/output.mjs";

/**
 * What is to be reached: `who` against `base`, at least or at most this ratio; or a figure of its own, in megabytes or in
 * kilobytes.
 */
const AIMS = [
  { label: "native: GET/s, 1 connection", id: "redis.1.rate", who: "native", base: "spiped", atLeast: 0.85 },
  { label: "native: GET/s, 20 connections", id: "redis.20.rate", who: "native", base: "spiped", atLeast: 1.2 },
  { label: "native: GET/s, pipelined by 16", id: "redis.10x16.rate", who: "native", base: "spiped", atLeast: 0.9 },
  { label: "native: bulk, up", id: "bulk.upload", who: "native", base: "spiped", atLeast: 2.5 },
  { label: "native: bulk, down", id: "bulk.download", who: "native", base: "spiped", atLeast: 2.5 },
  { label: "native: bulk, up", id: "bulk.upload", who: "native", base: "stunnel", atLeast: 1 },
  { label: "native: connect + PING", id: "connect.p50", who: "native", base: "spiped", atMost: 0.35 },
  { label: "native: connect + PING at 50 ms, in round trips", id: "network.connect", who: "native", atMostRoundTrips: 1.15 },
  { label: "native: bulk at 50 ms", id: "network.bulk", who: "native", base: "direct", atLeast: 0.9 },
  { label: "native: bytes for a command", id: "network.bytes", who: "native", base: "spiped", atMost: 0.1 },
  { label: "native: RSS a connection, client end", id: "idle.client.each", who: "native", belowKilobytes: 15 },
  { label: "native: RSS a connection, server end", id: "idle.server.each", who: "native", belowKilobytes: 15 },
  { label: "spiped's wire: GET/s, 1 connection", id: "redis.1.rate", who: "ours", base: "pipe", atLeast: 0.85 },
  { label: "spiped's wire: GET/s, 20 connections", id: "redis.20.rate", who: "ours", base: "pipe", atLeast: 0.8 },
  { label: "spiped's wire: GET/s, pipelined by 16", id: "redis.10x16.rate", who: "ours", base: "pipe", atLeast: 0.8 },
  { label: "spiped's wire: bulk, up", id: "bulk.upload", who: "ours", base: "spiped", atLeast: 1.3 },
  { label: "spiped's wire: bulk, down", id: "bulk.download", who: "ours", base: "spiped", atLeast: 1.3 },
  { label: "spiped's wire: CPU a GB, up", id: "bulk.upload.cpu", who: "ours", base: "spiped", atMost: 1 },
  { label: "spiped's wire: CPU a GB, down", id: "bulk.download.cpu", who: "ours", base: "spiped", atMost: 1 },
  { label: "spiped's wire: connect + PING", id: "connect.p50", who: "ours", base: "spiped", atMost: 1 },
  { label: "spiped's wire: RSS a connection, client end", id: "idle.client.each", who: "ours", belowKilobytes: 25 },
  { label: "spiped's wire: RSS a connection, server end", id: "idle.server.each", who: "ours", belowKilobytes: 25 },
  { label: "tunneld status --json", id: "daemon.status", who: "ours", base: "direct", baseName: "node -e 0", atMost: 2 },
];
const RATIOS = { spiped: "toSpiped", direct: "toDirect", pipe: "toPipe", stunnel: "toStunnel" };
/** The delay of the relay in bench/network.mjs. */
export const ROUND_TRIP_MS = 50;

/** Judges the aims whose metrics were measured: { label, value, aim, reached }, plain data for the report and the JSON. */
export function judgeAims(metrics) {
  const known = new Map(metrics.map((metric) => [metric.id, metric]));
  return AIMS.flatMap(({ label, id, who, base, baseName = base, atLeast, atMost, atMostRoundTrips, belowKilobytes }) => {
    const metric = known.get(id);
    const median = metric?.medians[who];
    if (median === undefined) return [];
    if (atMostRoundTrips !== undefined) {
      const value = median / ROUND_TRIP_MS;
      return [{ label, value: value.toFixed(2), aim: `at most ${atMostRoundTrips}`, reached: value <= atMostRoundTrips }];
    }
    if (belowKilobytes !== undefined)
      return [{ label, value: `${median.toFixed(1)} kB`, aim: `at most ${belowKilobytes} kB`, reached: median <= belowKilobytes }];
    const ratio = metric[RATIOS[base]][who]?.median;
    if (ratio === undefined) return [];
    const reached = atLeast === undefined ? ratio <= atMost : ratio >= atLeast;
    return [{ label, value: `${ratio.toFixed(2)} × ${baseName}`, aim: atLeast === undefined ? `at most ${atMost} ×` : `at least ${atLeast} ×`, reached }];
  });
}

/** Prints aims and table; `metrics` are summaries from bench/rounds.mjs, `names` the contenders in the order of their columns. */
export function printReport({ metrics, aims, names }) {
  if (aims.length > 0) {
    say(`\n${bold("What is to be reached")} ${dim("(median of the rounds' ratios)")}`);
    for (const { label, value, aim, reached } of aims) {
      say(`  ${label.padEnd(48)} ${bold(value.padStart(16))}   ${dim(`aim: ${aim}, ${reached ? "reached" : "not reached"}`)}`);
    }
  }
  say(`\n${bold("All measures")} ${dim("(medians of the rounds, and the median of the rounds' ratios to spiped; ↑ more is better, ↓ less is better)")}`);
  const shown = names.filter((name) => metrics.some(({ medians }) => medians[name] !== undefined));
  const rows = metrics.map((metric) => rowOf(metric, shown));
  const head = ["measure", ...shown];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  say(bold(`  ${line(head, widths)}`));
  say(dim(`  ${widths.map((width) => "─".repeat(width)).join("──")}`));
  for (const row of rows) say(`  ${line(row, widths)}`);
}

function rowOf({ label, unit, better, digits, medians, toSpiped }, names) {
  const show = (value) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const cell = (name) => {
    if (medians[name] === undefined) return "–";
    // Nothing divided by nothing is no ratio.
    const ratio = name === "spiped" || !Number.isFinite(toSpiped[name]?.median) ? "" : ` (${toSpiped[name].median.toFixed(2)})`;
    return `${show(medians[name])}${ratio}`;
  };
  return [`${label} ${better === "higher" ? "↑" : "↓"} ${unit}`, ...names.map(cell)];
}

function line(cells, widths) {
  return cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  ");
}
