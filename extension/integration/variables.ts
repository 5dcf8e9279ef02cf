/**
 * `${command:encryptedTunnels.url}`, `.host` and `.port` for launch.json and
 * tasks.json, and the same as `${input:…}` with `"args": { "name": "cache" }`.
 * Each opens the tunnel first, so that the value is current.
 */
import * as vscode from "vscode";
import { TunnelError } from "../../shared/errors.ts";
import { pickTunnel } from "../commands/pick-tunnel.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { PREFIX } from "../ids.ts";
import { needsOpening } from "../model/programs/debug-launch.ts";
import { valuesOf } from "../model/programs/environment.ts";
import { findTunnel, unknownTunnelText } from "../model/programs/find-tunnel.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { freshItems, itemOf } from "./fresh-items.ts";

/** Not commands for the palette: they have no title in package.json. */
const VARIABLES = ["url", "host", "port"] as const;

/** Registers the commands. */
export function registerVariables(services: Services): Disposable {
  const owned = new Disposables();
  for (const variable of VARIABLES) {
    const command = `${PREFIX}.${variable}`;
    owned.add(
      vscode.commands.registerCommand(command, async (argument: unknown) => {
        const item = await tunnelFor(argument, services);
        return item && (await opened(item, services))?.[variable];
      }),
    );
  }
  return owned;
}

/** @throws TunnelError CONFIG_INVALID when no tunnel has the given name: VS Code shows the error and starts nothing */
async function tunnelFor(argument: unknown, services: Services): Promise<TunnelItem | undefined> {
  const { store, t } = services;
  const name = nameIn(argument);
  if (name === undefined) {
    const clients = store.items.filter(isClient);
    const [only, ...others] = clients;
    if (only && others.length === 0) return only;
    return await pickTunnel(services, undefined, { title: t("The tunnel whose address is used"), filter: isClient, none: t("No tunnel here.") });
  }
  const found = findTunnel(store.items, name, undefined);
  if (found.at === "unknown") throw new TunnelError("CONFIG_INVALID", unknownTunnelText(found, t));
  if (!isClient(found.item)) throw new TunnelError("CONFIG_INVALID", t("The tunnel {0} is a server's end: programs don't connect to it.", name));
  return found.item;
}

function isClient({ entry }: TunnelItem): boolean {
  return entry?.role === "client";
}

/** The name in "args". Without "args", VS Code passes the launch configuration, whose name is not a tunnel's. */
function nameIn(argument: unknown): string | undefined {
  if (typeof argument === "string") return argument;
  if (typeof argument !== "object" || argument === null || "request" in argument || "type" in argument) return undefined;
  return "name" in argument && typeof argument.name === "string" ? argument.name : undefined;
}

/** The values of the tunnel, which is opened if necessary; undefined when it did not open, which the user has been shown. */
async function opened(item: TunnelItem, services: Services): Promise<ReturnType<typeof valuesOf>> {
  if (needsOpening(item, Date.now())) {
    const result = await services.actions.open(item);
    if (result.at !== "open") return undefined;
  }
  const fresh = itemOf(await freshItems(services), refOf(item));
  return fresh && valuesOf(fresh);
}
