/**
 * Draws images/icon.png, the extension's icon: a tunnel seen from its mouth, with a keyhole in place of the light at its
 * end. Uses only Node's built-ins; run it again after a change: node scripts/icon.mjs
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { root } from "./lib/project.mjs";

const SIZE = 256;
/** Each pixel is the mean of this many points squared. */
const SAMPLES = 8;

/** Whether (x, y) lies in the shape. */
const roundedSquare = (inset, radius) => (x, y) => {
  const half = SIZE / 2 - inset;
  const [dx, dy] = [x, y].map((at) => Math.max(Math.abs(at - SIZE / 2) - (half - radius), 0));
  return Math.hypot(dx, dy) <= radius;
};
/** A round arch on legs; `top` is the height of its circle's centre. */
const arch = ({ width, top, bottom }) => {
  return (x, y) => y <= bottom && (y >= top ? Math.abs(x - SIZE / 2) <= width / 2 : Math.hypot(x - SIZE / 2, y - top) <= width / 2);
};
const disc = (centreY, radius) => (x, y) => Math.hypot(x - SIZE / 2, y - centreY) <= radius;
/** Wider below than above. */
const wedge = ({ from, to, above, below }) => {
  return (x, y) => y >= from && y <= to && Math.abs(x - SIZE / 2) <= (above + ((below - above) * (y - from)) / (to - from)) / 2;
};

/** From the back to the front. */
const LAYERS = [
  { shape: roundedSquare(4, 54), color: 0x12344d },
  { shape: arch({ width: 188, top: 128, bottom: 214 }), color: 0xe9f5f6 },
  { shape: arch({ width: 148, top: 130, bottom: 214 }), color: 0x35a8b5 },
  { shape: arch({ width: 110, top: 134, bottom: 214 }), color: 0x0c2436 },
  { shape: disc(126, 24), color: 0xffc857 },
  { shape: wedge({ from: 132, to: 196, above: 20, below: 44 }), color: 0xffc857 },
];

function pixel(column, row) {
  let [red, green, blue, covered] = [0, 0, 0, 0];
  for (let sample = 0; sample < SAMPLES * SAMPLES; sample += 1) {
    const x = column + ((sample % SAMPLES) + 0.5) / SAMPLES;
    const y = row + (Math.floor(sample / SAMPLES) + 0.5) / SAMPLES;
    const color = LAYERS.findLast(({ shape }) => shape(x, y))?.color;
    if (color === undefined) continue;
    red += color >> 16;
    green += (color >> 8) & 0xff;
    blue += color & 0xff;
    covered += 1;
  }
  const mean = (sum) => (covered === 0 ? 0 : Math.round(sum / covered));
  return [mean(red), mean(green), mean(blue), Math.round((255 * covered) / SAMPLES ** 2)];
}

/** A chunk of a PNG file: length, type, data, CRC of the two before. PNG specification, 5.3. */
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

function png(pixelAt) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.set([8, 6, 0, 0, 0], 8); // 8 bits a channel, RGBA
  const numbers = [...Array(SIZE).keys()];
  const rows = numbers.map((row) => Buffer.from([0, ...numbers.flatMap((column) => pixelAt(column, row))])); // 0: no filter
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(Buffer.concat(rows), { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

writeFileSync(join(root, "images", "icon.png"), png(pixel));
