/**
 * What was seen, before anything is concluded from it: of one connection to a far
 * side, and of the service behind it. Plain data; `verdict.ts` judges it.
 */
import type { ErrorCode, TunnelError } from "../../shared/errors.ts";
import type { MessageArgument } from "../../shared/message.ts";
import type { Wire } from "../protocol/wire.ts";
import type { MySqlTls } from "../services/first-words.ts";
import type { Ending } from "./far-socket.ts";

/** How something broke off; `waiting`: it had not ended when our time for it was over. */
export type BrokenOff = Ending | "waiting";

/**
 * One connection, by how far it came:
 *
 *     C1 sent ─► silent │ opening │ talkative │ echo │ nonce ─► held │ C4 sent ─► unproved │ refuted │ proved
 *                                                       └─ with a hint ─► message 1 sent ─► cut │ refuted │ told │ proved
 */
export type Sighting =
  /** Not one byte came. */
  | { readonly at: "silent"; readonly end: BrokenOff }
  /** Fewer than 32 bytes, or 32 bytes that are not random. */
  | { readonly at: "opening"; readonly end: BrokenOff; readonly head: Uint8Array }
  /** More than 32 bytes before C4 was sent. */
  | { readonly at: "talkative"; readonly head: Uint8Array }
  /** What came was what we had sent. */
  | { readonly at: "echo" }
  /** A nonce came, and the connection ended when C4 had been held back for `heldMs`. */
  | { readonly at: "held"; readonly end: Ending; readonly nonceMs: number; readonly heldMs: number }
  /** C4 was sent after `heldMs`, and no whole S5 came; `gotBytes` of it did. `waitedMs` is since C4. */
  | {
      readonly at: "unproved";
      readonly end: BrokenOff;
      readonly gotBytes: number;
      readonly nonceMs: number;
      readonly heldMs: number;
      readonly waitedMs: number;
    }
  /** S5 came, and we refuse it: PEER_MAC_INVALID or FORWARD_SECRECY_REFUSED. */
  | { readonly at: "refuted"; readonly error: TunnelError; readonly nonceMs: number; readonly proofMs: number }
  /** S5 is right, or message 2 of the native wire: the far side holds the key. */
  | {
      readonly at: "proved";
      readonly wire: Wire;
      readonly forwardSecret: boolean;
      readonly service: ServiceSighting;
      readonly nonceMs: number;
      readonly proofMs: number;
    }
  /** The far side knows this key's hint, and no whole message 2 of the native wire came. */
  | { readonly at: "cut"; readonly end: BrokenOff; readonly nonceMs: number; readonly waitedMs: number }
  /** The native wire: the far side holds the key and can't serve a connection; `isOwnWord`: it says so itself. */
  | { readonly at: "told"; readonly error: TunnelError; readonly isOwnWord: boolean; readonly nonceMs: number; readonly proofMs: number };

/** What the service showed. Times are from the question (or from S5, where the service speaks first) to its first byte. */
export type ServiceSighting =
  /** It is the service that was expected; `isGuess`: as far as can be seen. `tls` is MySQL's. */
  | {
      readonly seen: "answered";
      readonly what: MessageArgument;
      readonly ms: number;
      readonly isCluster: boolean;
      readonly tls?: MySqlTls | undefined;
      readonly isGuess?: boolean;
    }
  /** It lives, but speaks TLS where the entry says that it does not, or the other way round; `speaks`: it speaks TLS. */
  | { readonly seen: "tls"; readonly speaks: boolean; readonly ms: number }
  /** It speaks, and it refuses us. */
  | { readonly seen: "refused"; readonly code: ErrorCode; readonly text: string; readonly ms: number }
  /** Something else speaks there. */
  | { readonly seen: "other"; readonly what: MessageArgument; readonly ms: number }
  /** It ended without a byte; `asked`: we had sent a question by then; `isEarly`: so soon that a far end itself may have turned us away. */
  | { readonly seen: "closed"; readonly end: Ending; readonly asked: boolean; readonly isEarly: boolean; readonly waitedMs: number }
  /** The beginning of an answer came, and nothing more of it. */
  | { readonly seen: "unfinished"; readonly end: BrokenOff; readonly ms: number }
  /** It said nothing in time. */
  | { readonly seen: "silent"; readonly waitedMs: number }
  /** Something about the sealed stream is wrong. */
  | { readonly seen: "fault"; readonly error: TunnelError }
  /** Nothing is known of such a service; the connection stayed open. */
  | { readonly seen: "open"; readonly openMs: number };

/** What a silent far side said when it was asked in two other ways. */
export type StrangerSighting =
  | { readonly is: "known"; readonly words: MessageArgument; readonly sure: boolean }
  /** A spiped nonce, this time. */
  | { readonly is: "late" }
  | { readonly is: "unknown" };
