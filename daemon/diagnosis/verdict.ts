/**
 * What a sighting means, by rules (a) to (f) of the design; concludes no more than
 * was seen. A spiped sends nothing but its protocol, so how and when it goes away
 * is the evidence. For a guess `certain` is false and the cause says "probably".
 * Pure.
 */
import type { Service } from "../../shared/contract/tunnels-file.ts";
import { type MessageArgument, message } from "../../shared/message.ts";
import type { WireChoice } from "../protocol/negotiation.ts";
import { recogniseServer } from "../services/recognise.ts";
import type { Conclusion } from "./report.ts";
import { judgeService } from "./service-verdict.ts";
import type { BrokenOff, Sighting, StrangerSighting } from "./sighting.ts";
import { concluded } from "./words.ts";

/** What is known beside the sighting. */
export interface Circumstances {
  /** Where the far side is, for people. */
  readonly target: string;
  readonly service: Service;
  /** What the entry takes. */
  readonly wire?: WireChoice | undefined;
  /** This key has reached S5 at this address before. */
  readonly verifiedBefore: boolean;
  /** What a far end that said nothing answered to other questions. */
  readonly stranger?: StrangerSighting | undefined;
}

const NO_SPIPED = message("Put spiped -d or tunneld there, or correct the target: it must be the port of the encrypted end, not of the service.");
const CHECK_BACKEND = message("On the far machine, check that the service runs and that the target (-t) of spiped or tunneld is its address.");

const ALLOW_TARGET = message('At the far end, add this backend to "targets" or "allow" of the entry, or correct "backend" here.');
const RAISE_LIMIT = message("Close connections that nobody needs, or raise the limit of the far end (spiped -n, maxConnections).");

/** Concludes. `unproved` with the end `closed` means KEY_MISMATCH, so the attempt must have been repeated as rule (f) says. */
export function judge(sighting: Sighting, about: Circumstances): Conclusion {
  switch (sighting.at) {
    case "silent":
      return judgeSilence(sighting.end, about);
    case "opening":
      return judgeOpening(sighting, about);
    case "talkative": // (b)
      return notSpiped(about, recogniseServer(sighting.head)?.words, true);
    case "echo":
      return notSpiped(about, message("a service that sends back what it gets"), true);
    case "held": // (c)
      return concluded({
        stage: "backend",
        code: "BACKEND_DOWN",
        certain: false,
        cause: message("{0} greeted us and closed before any key was sent: probably its backend refuses connections (the key was not tested).", about.target),
        cure: CHECK_BACKEND,
      });
    case "unproved":
      return judgeUnproved(sighting.end, sighting.gotBytes, about);
    case "cut":
      return judgeCut(sighting.end, about);
    case "refuted":
      return judgeRefusal(sighting, about);
    case "told":
      return judgeWord(sighting);
    case "proved": // (d) and what follows
      if (about.wire === "native" && sighting.wire !== "native") return otherWire(about);
      return judgeService(sighting.service, {
        service: about.service,
        where: message("behind {0}", about.target),
        isTunnel: true,
        isConnected: sighting.wire === "native",
      });
  }
}

/** (a), and silence. */
function judgeSilence(end: BrokenOff, about: Circumstances): Conclusion {
  const { target, stranger, verifiedBefore } = about;
  if (stranger?.is === "known") return notSpiped(about, stranger.words, stranger.sure);
  if (end !== "waiting" && stranger?.is === "late") {
    // A spiped whose backend refuses at once may close before its nonce is out.
    return concluded({
      stage: "backend",
      code: "BACKEND_DOWN",
      certain: false,
      cause: message(
        "{0} closed a connection without one byte and greeted the next one as spiped does: probably its backend refuses connections (the key was not tested).",
        target,
      ),
      cure: CHECK_BACKEND,
    });
  }
  if (end !== "waiting") {
    return concluded({
      stage: "nonce",
      code: "PEER_CLOSED",
      certain: false,
      cause: message(
        "{0} accepted the connection and closed it without one byte: probably something else than spiped is there, or it turns this machine away.",
        target,
      ),
      cure: NO_SPIPED,
    });
  }
  if (verifiedBefore || stranger?.is === "late") {
    return concluded({
      stage: "nonce",
      code: "LIMIT_REACHED",
      certain: false,
      cause: verifiedBefore
        ? message("{0} accepted the connection and said nothing, though this key has worked there: probably it has all the connections it takes (-n).", target)
        : message(
            "{0} accepted the connection and said nothing, though it answered a later connection: probably it has all the connections it takes (-n).",
            target,
          ),
      cure: RAISE_LIMIT,
    });
  }
  return concluded({
    stage: "nonce",
    code: "HANDSHAKE_TIMEOUT",
    certain: false,
    cause: message(
      "{0} accepted the connection and said nothing: probably a spiped that has all the connections it takes (-n), a stopped program, or something that waits for its own protocol.",
      target,
    ),
    cure: message("On the far machine, look which program listens there and whether it has reached its limit (spiped -n)."),
  });
}

/** Part of a nonce, or something that is no nonce. */
function judgeOpening({ end, head }: Extract<Sighting, { at: "opening" }>, about: Circumstances): Conclusion {
  const known = recogniseServer(head);
  if (known) return notSpiped(about, known.words, known.sure);
  const { length } = head;
  if (end === "waiting") {
    return concluded({
      stage: "nonce",
      code: "HANDSHAKE_TIMEOUT",
      certain: false,
      cause: message(
        "{0} sent only {1} of the 32 bytes of a greeting in time: probably it does not speak spiped's protocol, or the network loses most of what it sends.",
        about.target,
        length,
      ),
      cure: NO_SPIPED,
    });
  }
  return concluded({
    stage: "nonce",
    code: "NOT_SPIPED",
    certain: false,
    cause: message("{0} sent {1} of the 32 bytes of a greeting and closed: probably it does not speak spiped's protocol.", about.target, length),
    cure: NO_SPIPED,
  });
}

/** (e) and (f). */
function judgeUnproved(end: BrokenOff, gotBytes: number, { target, verifiedBefore }: Circumstances): Conclusion {
  if (gotBytes > 0 && end !== "waiting") {
    return concluded({
      stage: "key-proof",
      code: "TRUNCATED",
      certain: false,
      cause: message("{0} closed after {1} of the 288 bytes of its answer to our key: probably the connection was cut on the way.", target, gotBytes),
      cure: message("Try again; if it stays so, look for something between the two machines that cuts connections."),
    });
  }
  switch (end) {
    case "waiting":
      return concluded({
        stage: "key-proof",
        code: "HANDSHAKE_TIMEOUT",
        certain: false,
        cause: message("{0} greeted us, but its answer to our key did not come in time: probably it is overloaded, stopped, or not spiped.", target),
        cure: message("On the far machine, look which program listens there and how busy it is."),
      });
    case "reset":
      return concluded({
        stage: "backend",
        code: "BACKEND_DOWN",
        certain: false,
        cause: message("{0} reset the connection when the key was sent: probably its backend refuses connections (the key was not tested).", target),
        cure: CHECK_BACKEND,
      });
    case "closed":
      return concluded({
        stage: "key-proof",
        code: "KEY_MISMATCH",
        certain: false,
        cause: verifiedBefore
          ? message("{0} closed the connection when it got our proof of the key: probably it holds another key now.", target)
          : message("{0} closed the connection when it got our proof of the key: probably it holds another key.", target),
        cure: message(
          "Compare the key files of both ends, by their fingerprints (tunneld keys fingerprint FILE, or sha512sum; never sha256sum, which prints the secret itself), and copy the right one.",
        ),
      });
  }
}

/** The native wire: a hint can be answered only by who holds the key. */
function judgeCut(end: BrokenOff, { target }: Circumstances): Conclusion {
  return end === "waiting"
    ? concluded({
        stage: "key-proof",
        code: "HANDSHAKE_TIMEOUT",
        certain: false,
        cause: message(
          "{0} knows this key, but the rest of its answer did not come in time: probably it is overloaded, or the network cuts what passes.",
          target,
        ),
        cure: message("On the far machine, look which program listens there and how busy it is."),
      })
    : concluded({
        stage: "key-proof",
        code: "PEER_CLOSED",
        certain: false,
        cause: message("{0} knows this key and closed the connection before the handshake ended: probably it is being stopped or restarted.", target),
        cure: message("Try again in a moment, and look at the far end's log."),
      });
}

/** The far end says itself why. */
function judgeWord({ error, isOwnWord }: Extract<Sighting, { at: "told" }>): Conclusion {
  return concluded({
    stage: "backend",
    code: error.code,
    certain: isOwnWord,
    cause: message("the key is right, but {0}.", error.reason ?? error.message),
    cure: error.code === "LIMIT_REACHED" ? RAISE_LIMIT : error.code === "TARGET_REFUSED" ? ALLOW_TARGET : CHECK_BACKEND,
  });
}

function otherWire({ target }: Circumstances): Conclusion {
  return concluded({
    stage: "nonce",
    code: "WIRE_REFUSED",
    certain: true,
    cause: message("{0} holds the key and speaks only spiped's wire, and this entry takes only the native one.", target),
    cure: message('Set "wire" to "auto" here, or use tunneld, with "wire" not "spiped", at the far end.'),
  });
}

/** An S5 that came and can't be accepted; FORWARD_SECRECY_REFUSED comes only after a right MAC, PEER_MAC_INVALID mostly from a wrong one. */
function judgeRefusal({ error }: Extract<Sighting, { at: "refuted" }>, { target }: Circumstances): Conclusion {
  if (error.code === "FORWARD_SECRECY_REFUSED") {
    return concluded({
      stage: "forward-secrecy",
      code: error.code,
      certain: true,
      cause: message("{0} holds the key and has forward secrecy off (spiped -f), which this tunnel requires.", target),
      cure: message('Start the far end without -f, or set "forwardSecrecy" to "prefer" here.'),
    });
  }
  return concluded({
    stage: "key-proof",
    code: "PEER_MAC_INVALID",
    certain: true,
    cause: message("The answer of {0} to our key is not one that a holder of this key gives: it was changed on the way, or is not spiped's.", target),
    cure: message("Look for something between the two machines that changes what passes, and for what really listens there."),
  });
}

/** Without forward secrecy the far side closed; with it, the far side took the same key. */
export function forwardSecrecyNeeded(target: string): Conclusion {
  return concluded({
    stage: "forward-secrecy",
    code: "FORWARD_SECRECY_REFUSED",
    certain: true,
    cause: message("{0} holds the key and requires forward secrecy (spiped -g), which this tunnel has off.", target),
    cure: message('Set "forwardSecrecy" to "prefer" or "require" here.'),
  });
}

/** `certain` only when the bytes can't be part of a nonce. */
function notSpiped({ target }: Circumstances, label: MessageArgument | undefined, certain: boolean): Conclusion {
  const what = label ?? message("something that does not speak spiped's protocol");
  const cause = certain ? message("At {0} there is {1}, not spiped.", target, what) : message("At {0} there is probably {1}, not spiped.", target, what);
  return concluded({ stage: "nonce", code: "NOT_SPIPED", certain, cause, cure: NO_SPIPED });
}
