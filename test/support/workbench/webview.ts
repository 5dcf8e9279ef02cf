/** Pages that extensions show in an editor tab: each is a frame inside a frame of the workbench. */
import type { Frame } from "playwright-core";
import { until } from "../process/until.ts";
import { matches, plain, type Wanted } from "./locators.ts";
import type { Window } from "./window.ts";

/** Waits for a page that says this. */
export async function pageThatSays(window: Window, wanted: Wanted): Promise<Frame> {
  let found: Frame | undefined;
  let seen: string[] = [];
  const look = async (): Promise<boolean> => {
    const texts = await Promise.all(window.page.frames().map(async (frame) => ({ frame, text: plain(await textIn(frame)) })));
    seen = texts.map(({ text }) => text).filter((text) => text !== "");
    found = texts.find(({ text }) => matches(text, wanted))?.frame;
    return found !== undefined;
  };
  await until(look, { what: `a page said ${wanted}` }).catch((error: Error) => {
    throw new Error(`${error.message}; the pages say ${JSON.stringify(seen)}`);
  });
  return found as Frame;
}

/** Empty for a frame that is just being loaded, and for the workbench, whose text is not a page's. */
async function textIn(frame: Frame): Promise<string> {
  return frame.parentFrame() ? await frame.evaluate<string>("document.body?.innerText ?? ''").catch(() => "") : "";
}
