/**
 * What an old daemon passes to its successor besides the listeners: facts that it
 * has in memory only. The two daemons have different versions, so every field is
 * optional and unknown fields are ignored; an unreadable payload is simply lost.
 */
import * as z from "zod";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { PROCESS_NAME } from "./pass-back.ts";

const schema = z.object({
  /** Tunnels that stay open although no client wants them at present. */
  kept: z
    .array(z.object({ configPath: z.string(), name: z.string() }))
    .max(10_000)
    .optional(),
  /** Marks of the files of handed-over unix sockets, by path: the owner of a listener removes this file at the end, and no other file. */
  socketFiles: z.record(z.string(), z.string().regex(/^\d+:\d+$/)).optional(),
  /** How sessions of the native wire are named that are kept by the old daemon, and by those before it (proxy/generations.ts). */
  processes: z.array(z.string().regex(PROCESS_NAME)).max(100).optional(),
});

/** See the file's header. */
export interface HandOverPayload {
  readonly kept: readonly TunnelRef[];
  readonly socketFiles?: Readonly<Record<string, string>>;
  readonly processes?: readonly string[];
}

/** The old daemon's payload, checked; undefined: it has another form. */
export function readPayload(payload: unknown): HandOverPayload | undefined {
  // The first version sent no payload.
  const { data } = schema.safeParse(payload ?? {});
  if (!data) return undefined;
  const { kept = [], socketFiles, processes } = data;
  return { kept, ...(socketFiles && { socketFiles }), ...(processes && { processes }) };
}
