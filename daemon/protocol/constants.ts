/**
 * Sizes of the spiped protocol, all in bytes, from spiped's DESIGN.md and
 * lib/proto/proto_crypt.h. docs/PROTOCOL.md draws them.
 */

/** nonce_C and nonce_S (C1, S1). */
export const NONCE_BYTES = 32;
/** K, dhmac_C, dhmac_S, E_C, H_C, E_S and H_S. */
export const KEY_BYTES = 32;
/** y_C and y_S, elements of group 14 (C4, S5). */
export const DH_PUBLIC_BYTES = 256;
/** HMAC-SHA256. */
const MAC_BYTES = 32;
/** y ‖ MAC (C4, S5). */
export const DH_MESSAGE_BYTES = DH_PUBLIC_BYTES + MAC_BYTES;
/** The most bytes of plain text in a packet. */
export const MAX_MESSAGE_BYTES = 1024;
/** The length field behind the padded message. */
export const LENGTH_BYTES = 4;
/** Padded message and length, the part that is encrypted. */
export const SEALED_BYTES = MAX_MESSAGE_BYTES + LENGTH_BYTES;
/** A whole packet. */
export const PACKET_BYTES = SEALED_BYTES + MAC_BYTES;
