/**
 * What the daemon says about its tunnels: plain data that crosses the RPC and is
 * printed by `status --json`. Fields are only ever added, and then optional. Times
 * are milliseconds since the Unix epoch, durations milliseconds, sizes bytes.
 */
import * as z from "zod";
import { ERROR_CODES } from "../errors.ts";
import type { Message } from "../message.ts";
import { serviceSchema } from "./tunnels-file.ts";

/** The states of a tunnel, in the order a tunnel that works goes through them. */
const STATES = [
  "closed",
  "waiting-for-key",
  "not-approved",
  "port-busy",
  "opening",
  "listening",
  "key-verified",
  "verified",
  "reconnecting",
  "degraded",
  "draining",
] as const;

/** One of {@link STATES}. */
export type TunnelState = (typeof STATES)[number];

const count = z.int().min(0);
const atMs = z.number();

/** A sentence that a window says in its own language; see message.ts. */
export const reasonSchema: z.ZodType<Message> = z.object({
  template: z.string().describe("The English text, with places {0}, {1} and so on."),
  args: z.array(z.union([z.string(), z.number(), z.lazy(() => reasonSchema)])).describe("What goes into the places: as it is, or a sentence of its own."),
});

/** A failure as it is shown; `count` says how often it came in a row. */
export const failureSchema = z.object({
  code: z.enum(ERROR_CODES).describe("One of the codes in the README."),
  message: z.string().describe("One sentence: cause and cure."),
  reason: reasonSchema.optional().describe("What `message` says, without the hint, as template and arguments."),
  hint: z.string().optional().describe("The end of `message` that is of use in a terminal only: a window with buttons leaves it out."),
  atMs: atMs.describe("When it came last."),
  count: count.describe("How often it came in a row."),
});

const timingSchema = z.object({ count, lastMs: z.number(), maxMs: z.number(), totalMs: z.number() });

/** Who wants a tunnel. */
export const userSchema = z.object({
  kind: z.string().describe("vscode, cli, exec, or another client's own word."),
  name: z.string().describe("For people: the window's workspace, the command."),
  pid: count,
});

/** One connection through a tunnel. */
export const connectionSchema = z.object({
  peer: z.string().describe("Where it came from."),
  phase: z.string().describe("dialling, handshaking, open or refusing."),
  sinceMs: atMs,
  inBytes: count.describe("Plain bytes from the encrypted side."),
  outBytes: count.describe("Plain bytes to the encrypted side."),
});

/** A tunnel with everything known about it. */
export const tunnelSchema = z.object({
  id: z.string().describe("Stable while the daemon lives: config path and name, hashed."),
  name: z.string(),
  configPath: z.string().describe("The tunnels.json it comes from; empty for an ad-hoc one."),
  role: z.enum(["client", "server"]),
  service: serviceSchema,
  state: z.enum(STATES),
  sinceMs: atMs.describe("When it came into this state."),
  listen: z.string().describe("Where it listens, with the real port; as written before it does."),
  target: z.string(),
  backend: z.string().optional().describe("Client: which of the far end's backends is asked for; left out: its entry's target."),
  group: z.string().optional(),
  keyFingerprints: z.array(z.string()),
  keyUses: z
    .array(z.object({ fingerprint: z.string(), count, lastAtMs: atMs }))
    .optional()
    .describe("How often each key was proved, and when last: tells when an old key of a server is out of use."),
  keyVerifiedAtMs: atMs.optional().describe("When the other end last proved the key."),
  backendVerifiedAtMs: atMs.optional().describe("When the backend last said something."),
  wire: z.enum(["spiped", "native"]).optional().describe("Which wire the other end spoke the last time; left out before it has."),
  product: z.string().max(200).optional().describe('What the service said of itself at the last probe: "Redis 7.0.15, cluster", "MariaDB 10.11.19".'),
  nodes: z
    .array(z.object({ node: z.string(), listen: z.string() }))
    .optional()
    .describe("Client, redis-cluster: the cluster's nodes as it names them, and where each of them listens here."),
  lastFailure: failureSchema.optional(),
  reconnecting: z
    .object({
      sinceMs: atMs,
      connections: count.describe("Connections of this tunnel that wait."),
      code: z.enum(ERROR_CODES),
      message: z.string().describe("Why: the cut, or what the last attempt failed for."),
      reason: reasonSchema.optional(),
    })
    .optional()
    .describe("Client, state reconnecting: the network is cut, and open connections wait."),
  sessions: z
    .object({ open: count, waiting: count, resumed: count, gone: count })
    .optional()
    .describe("Sessions of the native wire: there now, of these without a connection now; taken up after a cut and lost after one, since the start."),
  connections: z.array(connectionSchema),
  openConnections: count,
  totalConnections: count,
  refused: z.record(z.string(), count).describe("Failures and refusals by code."),
  refusedAtPort: z
    .record(z.string(), count)
    .optional()
    .describe(
      "Of a port that several server entries share: failures before a key was proved, by code. The same record for each of them, and in nobody's `refused`.",
    ),
  plainInBytes: count,
  plainOutBytes: count,
  wireInBytes: count,
  wireOutBytes: count,
  handshake: timingSchema,
  dial: timingSchema,
  users: z.array(userSchema),
  pinned: z.boolean(),
  closedByUser: z.boolean(),
});

/** The daemon itself. */
export const daemonSchema = z.object({
  pid: count,
  version: z.string(),
  protocol: count,
  instanceId: z.string(),
  startedAtMs: atMs,
  stateDir: z.string(),
  crypto: z.string().describe("node or noble."),
  draining: z.boolean(),
  predecessors: z
    .array(z.object({ pid: count, version: z.string(), openConnections: count }))
    .optional()
    .describe("Daemons that have handed over to this one and wait for their last connections."),
  unsaved: z.string().optional().describe("Why changes that hold now (a tunnel closed, an approval revoked) are not on the disk: they end with the daemon."),
});

/** See {@link tunnelSchema}. */
export type TunnelStatus = z.output<typeof tunnelSchema>;
/** See {@link daemonSchema}. */
export type DaemonStatus = z.output<typeof daemonSchema>;
/** See {@link failureSchema}. */
export type FailureStatus = z.output<typeof failureSchema>;
/** See {@link userSchema}. */
export type TunnelUser = z.output<typeof userSchema>;
