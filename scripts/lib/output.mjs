/**
 * What the scripts print: steps with a tick and a time, and colours only on a terminal that allows them (NO_COLOR).
 * A long step shows its seconds on a terminal; elsewhere (CI) a line now and then says that it goes on.
 */
const STILL_MS = 15_000;
const tty = process.stdout.isTTY === true;
const coloured = tty && !process.env.NO_COLOR && process.env.TERM !== "dumb";

const paint = (code) => (text) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : String(text));
export const bold = paint("1");
export const dim = paint("2");
export const red = paint("31");
export const green = paint("32");
export const yellow = paint("33");
export const cyan = paint("36");

export function say(text = "") {
  process.stdout.write(`${text}\n`);
}

export function duration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

let announced = false;

/**
 * Runs one step and prints its line. The step's function may return a detail to show beside the label.
 * Inside a step, `announce` says that slow work begins, so that the screen is not silent.
 */
export async function step(label, body) {
  const start = performance.now();
  announced = false;
  const line = (mark, detail) => {
    const time = dim(`(${duration(performance.now() - start)})`);
    return `  ${mark} ${label}${detail ? `  ${detail}` : ""} ${time}`;
  };
  if (tty) process.stdout.write(`  ${dim("·")} ${label} `);
  const timer = setInterval(() => tick(label, start), tty ? 1000 : STILL_MS);
  try {
    const detail = await body();
    clearInterval(timer);
    say(`${rewind()}${line(green("✔"), typeof detail === "string" ? detail : "")}`);
    return detail;
  } catch (error) {
    clearInterval(timer);
    say(`${rewind()}${line(red("✖"), "")}`);
    throw error;
  }
}

/** A line inside a step: what it is doing now. */
export function announce(text) {
  announced = true;
  say(`${rewind()}    ${dim(`… ${text}`)}`);
}

function tick(label, start) {
  const time = duration(Math.round((performance.now() - start) / 1000) * 1000);
  if (tty) process.stdout.write(`${rewind()}  ${dim("·")} ${label} ${dim(`(${time})`)}`);
  else if (announced) say(`    … still at it: ${label} (${time})`);
}

function rewind() {
  return tty ? "\r\u001b[K" : "";
}
