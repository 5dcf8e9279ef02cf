/**
 * The one definition of tunnels.json: TypeScript types, the validator of
 * extension, daemon and command line, and the JSON Schema for completion and
 * hover are all made from it. Pure: no file system.
 */
import * as z from "zod";
import { TARGET_NAME } from "../far-target.ts";

/** A tunnel's name: letters, digits, dot, dash, underscore; starts with a letter or digit. */
export const NAME_PATTERN = /^[A-Za-z0-9][\w.-]{0,63}$/;

/** What listens at the far end; decides probes, URLs and client programs. */
export const serviceSchema = z.enum(["redis", "redis-cluster", "mysql", "postgres", "mongodb", "tcp"]);

const keySchema = z.union([
  z.string().min(1).describe("Name of a key in the key folder."),
  z.strictObject({
    file: z.string().min(1).describe("Path of a key file; ~ is the home folder; a relative path counts from the workspace folder."),
    shared: z.boolean().optional().describe("true: the key file may be root's, and others may read it: a secret that an orchestrator has mounted."),
  }),
]);

/** How long connections wait for the network by default; the design's figure. */
export const RESUME_SECONDS = 120;

/** One entry under "tunnels". */
export const entrySchema = z.strictObject({
  service: serviceSchema.default("tcp").describe("What the tunnel leads to: redis, redis-cluster, mysql, postgres, mongodb or tcp."),
  role: z.enum(["client", "server"]).default("client").describe("client: encrypt for local programs; server: decrypt for a local service."),
  listen: z
    .union([z.string().min(1), z.int().min(0).max(65_535)])
    .describe("Where to listen: host:port, a port on 127.0.0.1, or a socket path. Port 0 picks a free one once and keeps it."),
  target: z.string().min(1).describe("client: the far spiped or tunneld, host:port. server: the service to hand connections to."),
  key: z
    .union([keySchema, z.array(keySchema).min(1).max(8)])
    .describe("Key name or { file }; a server may list several, so that a key can be replaced without a refused connection."),
  autoOpen: z.boolean().default(false).describe("Open together with the workspace."),
  group: z.string().min(1).max(64).optional().describe("Tunnels of one group are shown and opened together."),
  tls: z
    .boolean()
    .optional()
    .describe("The service speaks TLS by itself: it is asked by TLS, and URLs and client programs use it (rediss://, MySQL's ssl-mode=REQUIRED)."),
  user: z.string().min(1).max(128).optional().describe("User name for connection URLs and client programs."),
  database: z
    .union([z.string().min(1).max(128), z.int().min(0).max(1_000_000)])
    .optional()
    .describe("Database for connection URLs and client programs; a number for Redis."),
  env: z
    .record(z.string().max(128), z.string().max(4_096))
    .optional()
    .describe(`Variables for terminals and commands; \${url}, \${host}, \${port} and \${name} are replaced.`),
  forwardSecrecy: z
    .enum(["require", "prefer", "off"])
    .default("require")
    .describe("require refuses a far side without forward secrecy; off gives it up (spiped -f)."),
  wire: z
    .enum(["auto", "spiped", "native"])
    .optional()
    .describe("auto, the default: the native wire where both ends are tunneld, else spiped's. spiped or native: nothing but that."),
  backend: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe("client: which backend of the far end, by a name of its targets or by IP address and port; needs tunneld at both ends."),
  targets: z
    .record(z.string().regex(TARGET_NAME), z.string().min(1).max(4_096))
    .optional()
    .describe("server: further services by name, which clients of the native wire may ask for as their backend."),
  allow: z
    .array(z.string().min(1).max(300))
    .max(100)
    .optional()
    .describe('server: addresses that clients of the native wire may ask for, such as "10.0.0.0/24:6379-6384" or "cache-1.internal:6379".'),
  maxConnections: z.int().min(1).max(100_000).default(100).describe("Most connections at once; from 1 to 100000."),
  timeoutSeconds: z.number().min(0.1).max(3_600).default(5).describe("Bound on connecting to each address, and on the handshake; from 0.1 to 3600."),
  resumeSeconds: z
    .number()
    .min(0)
    .max(3_600)
    .optional()
    .describe(
      "native wire: how long connections wait for the network when it is cut, and then go on; from 0 (not at all) to 3600, by default 120. The shorter of both ends counts.",
    ),
  refusal: z
    .enum(["answer", "close"])
    .optional()
    .describe(
      "client: what a program gets that can't be served. answer, the default: an error in the service's own protocol, with the reason (tcp has none); close: just the end of its connection.",
    ),
  keepAlive: z.boolean().default(true).describe("TCP keepalive, so that dead connections are noticed."),
  dnsRefreshSeconds: z.number().min(1).max(86_400).default(60).describe("How often the target's name is looked up again; from 1 to 86400."),
  bind: z.string().min(1).optional().describe("Outgoing address for the target."),
  confirm: z.boolean().default(false).describe("Ask before opening, and mark the tunnel: for production."),
  color: z.enum(["red", "yellow", "green", "blue", "purple"]).optional().describe("Marks the tunnel's row and its terminals, for example red for production."),
  keepOpen: z.boolean().default(false).describe("Keep the tunnel open when the last window that wanted it is gone."),
});

/** The whole file. */
export const tunnelsFileSchema = z.strictObject({
  $schema: z.string().optional().describe("Where editors find the schema of this file; not needed with the extension."),
  version: z.literal(1).describe("Version of this format: 1."),
  tunnels: z.record(z.string().regex(NAME_PATTERN), entrySchema).describe("The tunnels by name."),
});

/** An entry with its defaults filled in. */
export type TunnelEntry = z.output<typeof entrySchema>;
/** The colours of an entry's mark. */
export type TunnelColor = NonNullable<TunnelEntry["color"]>;
/** redis, redis-cluster, mysql, postgres, mongodb or tcp. */
export type Service = z.output<typeof serviceSchema>;
/** How an entry names a key. */
export type KeyReference = string | { readonly file: string; readonly shared?: boolean | undefined };
