/** What the stages on the network came to, for either role; the report is made from it. */
import type { AddressReport, RoundTrips, Warning } from "./report.ts";
import type { Conclusion } from "./verdict.ts";

/** See the file's header. */
export interface Findings {
  readonly conclusion: Conclusion;
  readonly addresses: readonly AddressReport[];
  readonly roundTrips: RoundTrips;
  readonly warnings: readonly Warning[];
}
