/**
 * One headless Chromium for the whole mocha process; each workbench gets its own context (cookies, storage, and with
 * them VS Code's workspace trust and window state). The browser can reach only 127.0.0.1.
 */
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { locateWorkbench } from "../../../scripts/lib/workbench.mjs";
import { PATIENCE_MS } from "./locators.ts";

const ARGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
];

/** The window's size and language. */
export interface ContextOptions {
  readonly width?: number;
  readonly height?: number;
  /** The browser's own language, as in "zh-CN". */
  readonly locale?: string;
}

let browser: Promise<Browser> | undefined;

// In the root suite, so after the last test of the process.
after(async () => {
  await (await browser)?.close();
});

/** A new context; the caller closes it. */
export async function newContext({ width = 1280, height = 800, locale = "en-US" }: ContextOptions = {}): Promise<BrowserContext> {
  browser ??= chromium.launch({ executablePath: locateWorkbench().chromium, args: ARGS });
  const context = await (await browser).newContext({ viewport: { width, height }, locale, reducedMotion: "reduce" });
  context.setDefaultTimeout(PATIENCE_MS);
  // Without this permission, reading the clipboard waits for an answer that nobody gives.
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  return context;
}
