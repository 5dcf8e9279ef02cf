/**
 * Versions: of this build, and of the spiped whose command line and wire
 * protocol it matches.
 */

/** Version of this build; the bundler puts the package's version in. */
export const VERSION: string = process.env["TUNNELD_BUILD_VERSION"] ?? "0.0.0-source";

/** The spiped release whose options and protocol are matched. */
export const SPIPED_VERSION = "1.6.4";
