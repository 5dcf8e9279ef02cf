/**
 * What an old daemon passes to its successor besides the listeners: facts that it
 * has in memory only. The two daemons have different versions, so every field is
 * optional and unknown fields are ignored; an unreadable payload is simply lost.
 */
import * as z from "zod";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";

const schema = z.object({
  /** Tunnels that stay open although no client wants them at present. */
  kept: z
    .array(z.object({ configPath: z.string(), name: z.string() }))
    .max(10_000)
    .optional(),
  /** Marks of the files of handed-over unix sockets, by path: the owner of a listener removes this file at the end, and no other file. */
  socketFiles: z.record(z.string(), z.string().regex(/^\d+:\d+$/)).optional(),
});

/** See the file's header. */
export interface HandOverPayload {
  readonly kept: readonly TunnelRef[];
  readonly socketFiles?: Readonly<Record<string, string>>;
}

/** The old daemon's payload, checked; undefined: it has another form. */
export function readPayload(payload: unknown): HandOverPayload | undefined {
  // The first version sent no payload.
  const { data } = schema.safeParse(payload ?? {});
  return data && { kept: data.kept ?? [], ...(data.socketFiles && { socketFiles: data.socketFiles }) };
}
