/** What a notification about a failed tunnel may name: taken from what this window knows of it. Pure. */
import type { Translate } from "../translate.ts";
import type { TunnelItem } from "../tunnel-item.ts";
import { listenOf, roleOf, targetOf } from "../view/tunnel-row.ts";
import type { FailedTunnel } from "./failure-brief.ts";

/** `item`: undefined when the window no longer knows the tunnel. */
export function failedTunnel(name: string, item: TunnelItem | undefined, t: Translate): FailedTunnel {
  if (item === undefined) return { name };
  const { entry, status } = item;
  return {
    name,
    role: roleOf(item),
    service: entry?.service ?? status?.service,
    target: targetOf(item),
    listen: listenOf(item, t),
    key: typeof entry?.key === "string" ? entry.key : undefined,
  };
}
