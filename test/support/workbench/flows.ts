/** Frequent actions of a user in these tests, as one step each. */
import { Redis } from "ioredis";
import type { Stage } from "../stage.ts";
import type { Window } from "./window.ts";

/** The view container's title. */
export const VIEW = "Encrypted Tunnels";

/** The status bar's entry. */
export const STATUS = "#encrypted-tunnels.encrypted-tunnels.tunnels";

/** Opens a tunnel with the command palette, and approves it when asked. */
export async function openByPalette(window: Window, name: string, { approve }: { readonly approve: boolean }): Promise<void> {
  await window.command("Open Encrypted Tunnel…");
  await window.palette.pick(name);
  if (approve) await window.notices.dialog("Approve");
}

/** Waits for a tunnel's row to say this. */
export async function rowSays(window: Window, name: string | RegExp, wanted: RegExp): Promise<void> {
  await window
    .until(async () => wanted.test(await window.tree.row(name).label()), `${name} was ${wanted}`)
    .catch(async (error: Error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(await window.tree.row(name).label())}`);
    });
}

/** A Redis client that is closed with the stage; it reconnects by itself. */
export function redisClient(stage: Stage, port: number): Redis {
  const client = new Redis({ host: "127.0.0.1", port, retryStrategy: (attempt) => Math.min(200, attempt * 50), maxRetriesPerRequest: null });
  client.on("error", () => {});
  stage.own(() => client.disconnect());
  return client;
}

/** Redis' answer to PING over a short connection: a lasting one would keep a closed tunnel draining. */
export async function pingOnce(stage: Stage, port: number): Promise<string> {
  const client = redisClient(stage, port);
  const answer = await client.ping();
  client.disconnect();
  return answer;
}
