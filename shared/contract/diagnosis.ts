/**
 * A diagnosis as it crosses the RPC and is printed by `diagnose --json`. Fields
 * are only ever added, and then optional. Durations are milliseconds.
 */
import * as z from "zod";
import { ERROR_CODES } from "../errors.ts";
import { reasonSchema } from "./state.ts";
import { serviceSchema } from "./tunnels-file.ts";

const code = z.enum(ERROR_CODES);

const stageSchema = z.object({
  stage: z.string().describe("config, approval, key, listen, resolve, dial, nonce, key-proof, forward-secrecy, backend or service."),
  ok: z.boolean().nullable().describe("null: not reached, or nothing can be said."),
  ms: z.number().describe("How long it took, waiting on purpose left out."),
  code: code.optional(),
  detail: z.string().optional().describe("What was seen."),
  detailReason: reasonSchema.optional().describe("What `detail` says, as template and arguments; so are the other reasons."),
});

/** The whole report. */
export const diagnosisSchema = z.object({
  name: z.string(),
  role: z.enum(["client", "server"]),
  service: serviceSchema,
  target: z.string(),
  code: code.nullable().describe("null: nothing is wrong."),
  certain: z.boolean().describe("False for a guess; the cause then says so."),
  cause: z.string().describe("One sentence."),
  causeReason: reasonSchema.optional(),
  cure: z.string().describe("One sentence; empty when nothing is wrong."),
  cureReason: reasonSchema.optional(),
  stages: z.array(stageSchema),
  addresses: z.array(
    z.object({
      address: z.string(),
      ok: z.boolean(),
      ms: z.number(),
      code: code.optional(),
      detail: z.string().optional(),
      detailReason: reasonSchema.optional(),
    }),
  ),
  roundTrips: z.object({ dialMs: z.number().optional(), handshakeMs: z.number().optional(), backendMs: z.number().optional() }),
  warnings: z.array(z.object({ about: z.string(), text: z.string(), textReason: reasonSchema.optional() })).describe("Advice that is no failure."),
});

/** A stage that has begun or ended. */
export const diagnosisProgressSchema = z.object({
  configPath: z.string(),
  name: z.string(),
  stage: z.string(),
  report: stageSchema.optional().describe("Missing: it has begun."),
});

/** See {@link diagnosisSchema}. */
export type Diagnosis = z.output<typeof diagnosisSchema>;
