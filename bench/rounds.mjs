/**
 * Interleaving. Machines are shared and noisy, so nothing is measured in one long run: in each round every contender
 * has its turn (ours, spiped, direct; ours, spiped, direct …). A ratio is taken within a round, between neighbours
 * in time, and the median of the rounds' ratios counts. The first, short round warms up and is thrown away.
 */
import { announce } from "../scripts/lib/output.mjs";

/**
 * Calls `measure(contender, { warmUp })` in turns; it resolves to { metricId: value }.
 * Resolves to { metricId: { contenderName: [one value a round] } }.
 */
export async function interleave({ contenders, rounds, measure, warmUp = true }) {
  const samples = {};
  for (let round = warmUp ? 0 : 1; round <= rounds; round += 1) {
    const line = [];
    for (const contender of contenders) {
      const values = await measure(contender, { warmUp: round === 0 });
      line.push(`${contender.name} ${Object.values(values).map(short).join(" ")}`);
      if (round === 0) continue;
      for (const [id, value] of Object.entries(values)) {
        samples[id] ??= {};
        samples[id][contender.name] ??= [];
        samples[id][contender.name].push(value);
      }
    }
    announce(`${round === 0 ? "warm-up" : `round ${round}/${rounds}`}: ${line.join(" | ")}`);
  }
  return samples;
}

/**
 * Joins a measure's samples with the descriptions of its metrics ({ id, label, unit, better, digits }): medians by
 * contender, and ratios to four of them ({ median, lowest, highest } by contender; none where that one was not measured).
 */
export function summarize(metrics, samples) {
  return metrics
    .filter(({ id }) => samples[id] !== undefined)
    .map((metric) => {
      const of = samples[metric.id];
      const medians = Object.fromEntries(Object.entries(of).map(([name, values]) => [name, median(values)]));
      const against = (base) =>
        of[base] === undefined ? {} : Object.fromEntries(Object.entries(of).map(([name, values]) => [name, spread(values, of[base])]));
      return {
        ...metric,
        samples: of,
        medians,
        toSpiped: against("spiped"),
        toDirect: against("direct"),
        toPipe: against("pipe"),
        toStunnel: against("stunnel"),
      };
    });
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The value below which `share` of the values lie. */
export function percentile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function spread(numerators, denominators) {
  const ratios = numerators.map((value, round) => value / denominators[round]);
  return { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) };
}

function short(value) {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
