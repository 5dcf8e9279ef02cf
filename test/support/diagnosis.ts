/** A diagnosis as the daemon reports it: another key at the far side, unless a test says otherwise. */
import type { Diagnosis } from "../../shared/contract/diagnosis.ts";

export function aDiagnosis(more: Partial<Diagnosis> = {}): Diagnosis {
  return {
    name: "cache",
    role: "client",
    service: "redis",
    target: "cache.example.com:6479",
    code: "KEY_MISMATCH",
    certain: true,
    cause: "The far side holds another key.",
    cure: "Compare the key files of both ends.",
    stages: [
      { stage: "dial", ok: true, ms: 12.3 },
      { stage: "key-proof", ok: false, ms: 24.6, code: "KEY_MISMATCH", detail: "closed after our proof" },
      { stage: "backend", ok: null, ms: 0 },
    ],
    addresses: [],
    roundTrips: { dialMs: 12.3 },
    warnings: [],
    ...more,
  };
}
