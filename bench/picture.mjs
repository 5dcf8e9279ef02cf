/**
 * The README's picture of a run: bars of each tunnel against Debian's spiped, for light and dark pages. Plain SVG, so that
 * it can be read as text and needs no library.
 */
import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { root } from "../scripts/lib/project.mjs";

const SHOWN = [
  { id: "bulk.upload", label: "bulk upload" },
  { id: "redis.20.rate", label: "GET/s, 20 connections" },
  { id: "redis.1.rate", label: "GET/s, 1 connection" },
  { id: "connect.p50", label: "new connection", invert: true },
  { id: "network.connect", label: "new connection at 50 ms", invert: true },
  { id: "network.bytes", label: "bytes for a command", invert: true },
];
const NAMES = { native: "tunneld, native wire", ours: "tunneld, spiped's wire", spiped: "spiped", stunnel: "stunnel", ssh: "ssh -L" };
const THEMES = {
  light: {
    text: "#1f2328",
    faint: "#59636e",
    line: "#d1d9e0",
    bars: { native: "#0969da", ours: "#54aeff", spiped: "#8c959f", stunnel: "#afb8c1", ssh: "#d0d7de" },
  },
  dark: {
    text: "#f0f6fc",
    faint: "#9198a1",
    line: "#3d444d",
    bars: { native: "#4493f8", ours: "#1f6feb", spiped: "#9198a1", stunnel: "#656c76", ssh: "#3d444d" },
  },
};
const WIDTH = 820;
const LEFT = 190;
const BAR = 12;
const GAP = 16;
/** Bars that are longer are cut, and say how long they would be. */
const MOST = 4;

/** The pictures as text, by theme. `metrics` are summaries from bench/rounds.mjs. */
export function pictures({ metrics, environment, date }) {
  const groups = SHOWN.flatMap(({ id, label, invert = false }) => {
    const metric = metrics.find((each) => each.id === id);
    if (metric?.toSpiped.spiped === undefined) return [];
    const bars = Object.keys(NAMES).flatMap((name) => {
      const ratio = metric.toSpiped[name]?.median;
      return ratio === undefined ? [] : [{ name, times: invert ? 1 / ratio : ratio }];
    });
    return [{ label, bars }];
  });
  return Object.fromEntries(Object.entries(THEMES).map(([theme, colours]) => [theme, draw({ groups, colours, environment, date })]));
}

/** Writes both; where they are. */
export function drawPicture({ metrics, environment }) {
  const date = new Date().toISOString().slice(0, 10);
  return Object.entries(pictures({ metrics, environment, date })).map(([theme, text]) => {
    const file = join(root, "docs", "images", theme === "light" ? "bench.svg" : "bench-dark.svg");
    writeFileSync(file, text);
    return relative(process.cwd(), file);
  });
}

function draw({ groups, colours, environment, date }) {
  const scale = (WIDTH - LEFT - 80) / MOST;
  const parts = [];
  const text = (x, y, words, { fill = colours.text, size = 12, anchor = "start", weight = "normal" } = {}) =>
    parts.push(`<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${fill}">${escaped(words)}</text>`);
  text(0, 16, "How many times as good as a pair of spiped", { size: 14, weight: "600" });
  let x = 0;
  for (const [name, label] of Object.entries(NAMES)) {
    parts.push(`<rect x="${x}" y="28" width="10" height="10" rx="2" fill="${colours.bars[name]}"/>`);
    text(x + 15, 37, label, { fill: colours.faint });
    x += 32 + label.length * 6.6;
  }
  let y = 60;
  const top = y - 6;
  for (const { label, bars } of groups) {
    text(LEFT - 12, y + (bars.length * BAR) / 2 + 4, label, { anchor: "end" });
    for (const { name, times } of bars) {
      const width = Math.max(1, Math.min(MOST, times) * scale);
      parts.push(`<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 2}" rx="1.5" fill="${colours.bars[name]}"/>`);
      text(LEFT + width + 5, y + BAR - 3, times >= 10 ? times.toFixed(0) : times.toFixed(2), { fill: colours.faint, size: 10 });
      y += BAR;
    }
    y += GAP;
  }
  const one = LEFT + scale;
  parts.splice(1, 0, `<line x1="${one}" y1="${top}" x2="${one}" y2="${y - GAP + 4}" stroke="${colours.line}" stroke-dasharray="3 3"/>`);
  text(
    0,
    y + 6,
    `${date}, ${environment.processor}, ${environment.processors} processors, Node ${environment.node}, ${environment.spiped}; all on one machine`,
    {
      fill: colours.faint,
      size: 10,
    },
  );
  const height = y + 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Bars of each tunnel against spiped" font-family="system-ui, sans-serif">\n${parts.join("\n")}\n</svg>\n`;
}

function escaped(words) {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
