/**
 * The smallest TLS ClientHello that a TLS server answers, if only with an alert:
 * any TLS record in return shows a TLS server. No handshake ever follows.
 *
 *     record  16 03 01 len(2) · handshake 01 len(3) · 03 03 · random (32) · session id
 *     · cipher suites · compression · extensions            RFC 5246, 7.4.1.2
 */
import type { RandomSource } from "../crypto/random.ts";

/** ECDHE with AES-GCM and ChaCha20 (RSA, ECDSA), and TLS_AES_128_GCM_SHA256. */
const SUITES = [0xc02f, 0xc02b, 0xc030, 0xc02c, 0xcca8, 0xcca9, 0x1301];
/** supported_groups: x25519, secp256r1; ec_point_formats: uncompressed. */
const GROUPS = extension(10, [...u16(4), ...u16(0x001d), ...u16(0x0017)]);
const POINT_FORMATS = extension(11, [1, 0]);
/** signature_algorithms: ECDSA, RSA-PSS and RSA with SHA-256. */
const SIGNATURES = extension(13, [...u16(6), ...u16(0x0403), ...u16(0x0804), ...u16(0x0401)]);

/** A fresh ClientHello without a server name. */
export function clientHello(random: RandomSource): Uint8Array {
  const suites = SUITES.flatMap(u16);
  const extensions = [...GROUPS, ...POINT_FORMATS, ...SIGNATURES];
  const body = [0x03, 0x03, ...random(32), 0, ...u16(suites.length), ...suites, 1, 0, ...u16(extensions.length), ...extensions];
  const handshake = [0x01, 0, ...u16(body.length), ...body];
  return Uint8Array.from([0x16, 0x03, 0x01, ...u16(handshake.length), ...handshake]);
}

function extension(type: number, data: readonly number[]): readonly number[] {
  return [...u16(type), ...u16(data.length), ...data];
}

function u16(value: number): readonly [number, number] {
  return [value >> 8, value & 0xff];
}
