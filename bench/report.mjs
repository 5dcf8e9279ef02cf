/**
 * What the bench prints at its end: the ratios first, because only they are reliable on a noisy machine, then one table.
 * Ratios are ours / spiped: the median of the rounds, with the lowest and highest round beside it. The exit code does not
 * depend on them.
 */
import { bold, dim, say } from "../scripts/lib/output.mjs";

/** The project's aims and the metric of each (ours / spiped unless it says MB; atMostDirect: ours / `node -e 0`). */
const AIMS = [
  { label: "bulk throughput, up", id: "bulk.upload", atLeast: 1 },
  { label: "bulk throughput, down", id: "bulk.download", atLeast: 1 },
  { label: "GET/s at 20 connections", id: "redis.20.rate", atLeast: 0.6 },
  { label: "RSS at 1,000 idle, client end", id: "idle.client.1000", belowMegabytes: 150 },
  { label: "RSS at 1,000 idle, server end", id: "idle.server.1000", belowMegabytes: 150 },
  { label: "tunneld status --json", id: "daemon.status", atMostDirect: 2 },
];

/** Judges the aims whose metrics were measured: { label, value, aim, reached }, plain data for the report and the JSON. */
export function judgeAims(metrics) {
  const known = new Map(metrics.map((metric) => [metric.id, metric]));
  return AIMS.filter(({ id }) => known.has(id)).map(({ label, id, atLeast, belowMegabytes, atMostDirect }) => {
    const { medians, oursToSpiped, oursToDirect } = known.get(id);
    if (atMostDirect !== undefined) {
      const value = oursToDirect.median;
      return { label, value: `${value.toFixed(2)} × node -e 0`, aim: `at most ${atMostDirect.toFixed(1)} ×`, reached: value <= atMostDirect };
    }
    if (atLeast !== undefined) {
      const value = oursToSpiped.median;
      return { label, value: `${value.toFixed(2)} × spiped`, aim: `at least ${atLeast.toFixed(1)} ×`, reached: value >= atLeast };
    }
    return { label, value: `${medians.ours.toFixed(1)} MB`, aim: `below ${belowMegabytes} MB`, reached: medians.ours < belowMegabytes };
  });
}

/** Prints aims and table; `metrics` are summaries from bench/rounds.mjs. */
export function printReport({ metrics, aims }) {
  if (aims.length > 0) {
    say(`\n${bold("Ratios that matter")} ${dim("(ours / Debian's spiped, median of the rounds' ratios)")}`);
    for (const { label, value, aim, reached } of aims) {
      say(`  ${label.padEnd(31)} ${bold(value.padStart(15))}   ${dim(`aim: ${aim}, ${reached ? "reached" : "not reached"}`)}`);
    }
  }
  say(`\n${bold("All measures")} ${dim(`(medians of the rounds; ↑ more is better, ↓ less is better)`)}`);
  const rows = metrics.map(rowOf);
  const head = ["measure", "ours", "spiped", "direct", "ours/spiped", "lowest–highest round"];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  say(bold(`  ${line(head, widths)}`));
  say(dim(`  ${widths.map((width) => "─".repeat(width)).join("──")}`));
  for (const row of rows) say(`  ${line(row, widths)}`);
}

function rowOf({ label, unit, better, digits, medians, oursToSpiped }) {
  const show = (value) => (value === null ? "–" : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  const ratio = oursToSpiped === null ? "–" : oursToSpiped.median.toFixed(2);
  const range = oursToSpiped === null ? "–" : `${oursToSpiped.lowest.toFixed(2)}–${oursToSpiped.highest.toFixed(2)}`;
  const name = `${label} ${better === "higher" ? "↑" : "↓"} ${unit}`;
  return [name, show(medians.ours), show(medians.spiped), show(medians.direct), ratio, range];
}

function line(cells, widths) {
  return cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  ");
}
