/**
 * The environment that a command gets from its tunnels: the variables of all of
 * them together. Two tunnels that set the same variable are refused: it would be
 * unclear which database is reached. Pure.
 */
import type { LocalEnd } from "../../shared/contract/connection-url.ts";
import { type EnvironmentEntry, tunnelEnvironment } from "../../shared/contract/tunnel-environment.ts";
import { TunnelError } from "../../shared/errors.ts";
import { quote } from "../../shared/plain-text.ts";

/** An open tunnel. */
export interface OpenTunnel {
  readonly name: string;
  readonly entry: EnvironmentEntry;
  readonly listen: LocalEnd;
}

/**
 * The variables of all `tunnels`.
 * @throws TunnelError CONFIG_INVALID when two of them set the same variable
 */
export function commandEnvironment(tunnels: readonly OpenTunnel[]): Record<string, string> {
  const result = new Map<string, { readonly value: string; readonly by: string }>();
  for (const { name, entry, listen } of tunnels) {
    for (const [variable, value] of Object.entries(tunnelEnvironment(name, entry, listen))) {
      const earlier = result.get(variable);
      if (earlier) {
        throw new TunnelError("CONFIG_INVALID", `${quote(earlier.by)} and ${quote(name)} both set ${variable}: run the command for one of them, or rename it`);
      }
      result.set(variable, { value, by: name });
    }
  }
  return Object.fromEntries([...result].map(([variable, { value }]) => [variable, value]));
}
