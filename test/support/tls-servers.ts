/** Real servers that speak TLS with a certificate of the test's own. */

import { freePort } from "../../scripts/lib/ports.mjs";
import { type Certificate, makeCertificate } from "./certificate.ts";
import { startMariaDb, startRedis } from "./servers.ts";
import type { Stage } from "./stage.ts";

/** A Redis that answers in plain text at one port, and with TLS at another. */
export interface TlsRedis extends Certificate {
  readonly plainPort: number;
  readonly tlsPort: number;
}

/** Starts a Redis; with `clientCertificates` it refuses clients without a certificate. */
export async function startTlsRedis(
  stage: Stage,
  options: { readonly clientCertificates?: boolean; readonly args?: readonly string[] } = {},
): Promise<TlsRedis> {
  const { cert, key } = makeCertificate(stage);
  const tlsPort = await freePort();
  const tls = ["--tls-port", String(tlsPort), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert];
  const redis = await startRedis(...tls, "--tls-auth-clients", options.clientCertificates ? "yes" : "no", ...(options.args ?? []));
  stage.own(() => redis.stop());
  return { cert, key, plainPort: redis.port, tlsPort };
}

/** A MariaDB that offers TLS. */
export async function startTlsMariaDb(stage: Stage, ...args: readonly string[]): Promise<Awaited<ReturnType<typeof startMariaDb>>> {
  const { cert, key } = makeCertificate(stage);
  const database = await startMariaDb(`--ssl-cert=${cert}`, `--ssl-key=${key}`, `--ssl-ca=${cert}`, ...args);
  stage.own(() => database.stop());
  return database;
}
