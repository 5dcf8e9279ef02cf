/**
 * A self-signed certificate with a key that exists for one test run: TLS servers need one, and the repository has no key.
 * The certificate's name is not 127.0.0.1, as for a service at the end of a tunnel.
 *
 * Spec: RFC 5280, 4.1 · RFC 5480 · X.690 (DER)
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { Stage } from "./stage.ts";

/** Paths of the files in PEM; the certificate is its own authority. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const OBJECT_ID = 0x06;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const VERSION = 0xa0;
/** ecdsa-with-SHA256 (1.2.840.10045.4.3.2) and commonName (2.5.4.3). */
const ECDSA_SHA256 = der(SEQUENCE, der(OBJECT_ID, Buffer.from("2a8648ce3d040302", "hex")));
const COMMON_NAME = der(OBJECT_ID, Buffer.from("550403", "hex"));

/** Makes a certificate for `cache.example.com` in the stage's folder. */
export function makeCertificate(stage: Stage): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from("cache.example.com")))));
  const validity = der(SEQUENCE, der(UTC_TIME, Buffer.from("200101000000Z")), der(UTC_TIME, Buffer.from("491231235959Z")));
  const serial = der(INTEGER, Buffer.concat([Buffer.of(1), randomBytes(8)]));
  const version = der(VERSION, der(INTEGER, Buffer.of(2)));
  const signed = der(SEQUENCE, version, serial, ECDSA_SHA256, name, validity, name, publicKey.export({ type: "spki", format: "der" }));
  const signature = der(BIT_STRING, Buffer.of(0), sign("sha256", signed, privateKey));
  const files = { cert: stage.path("server.crt"), key: stage.path("server.key") };
  const base64 = der(SEQUENCE, signed, ECDSA_SHA256, signature).toString("base64");
  writeFileSync(files.cert, `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END CERTIFICATE-----\n`);
  writeFileSync(files.key, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  return files;
}

/** One element: tag, length, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(content);
  const length = bytes.length < 0x80 ? [bytes.length] : bytes.length < 0x100 ? [0x81, bytes.length] : [0x82, bytes.length >> 8, bytes.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), bytes]);
}
