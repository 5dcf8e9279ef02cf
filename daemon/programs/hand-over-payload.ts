/**
 * What an old daemon tells its successor beside the listeners: what it remembers
 * in memory only. The two are of different versions: every field is optional,
 * unknown ones are ignored, and a payload that can't be read costs only what it said.
 */
import * as z from "zod";
import type { TunnelRef } from "../tunnels/daemon-state.ts";

const schema = z.object({
  /** Tunnels that stay open although no client wants them now. */
  kept: z
    .array(z.object({ configPath: z.string(), name: z.string() }))
    .max(10_000)
    .optional(),
});

/** See the file's header. */
export interface HandOverPayload {
  readonly kept: readonly TunnelRef[];
}

/** What the old daemon said, checked; undefined: it said something else. */
export function readPayload(payload: unknown): HandOverPayload | undefined {
  // The first version said nothing.
  const { data } = schema.safeParse(payload ?? {});
  return data && { kept: data.kept ?? [] };
}
