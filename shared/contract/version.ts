/**
 * Versions: of this build, and of the spiped whose command line and wire
 * protocol it matches.
 */

/** Version of this build; the bundler puts the package's version in. */
export const VERSION: string = process.env["TUNNELD_BUILD_VERSION"] ?? "0.0.0-source";

/**
 * Version of the RPC. Rule: a client and a daemon of the same version understand each other; a newer client asks an
 * older daemon to hand over to its own program; an older client uses a newer daemon as it is.
 */
export const PROTOCOL_VERSION = 1;

/** The spiped release whose options and protocol are matched. */
export const SPIPED_VERSION = "1.6.4";
