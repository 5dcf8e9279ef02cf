/**
 * What a sighting means: rules (a) to (f) of the design, and no more than was
 * seen. A spiped says nothing but the protocol, so how and when it goes away is
 * the evidence; where that is a guess `certain` is false and the cause says
 * "probably". Pure.
 */
import type { Service } from "../../shared/contract/tunnels-file.ts";
import { recogniseServer } from "../protocol/recognise.ts";
import type { StageName, Verdict } from "./report.ts";
import { judgeService } from "./service-verdict.ts";
import type { BrokenOff, Sighting, StrangerSighting } from "./sighting.ts";

/** A verdict and the stage it falls in; `stage` is undefined when nothing is wrong. */
export interface Conclusion extends Verdict {
  readonly stage: StageName | undefined;
}

/** What is known beside the sighting. */
export interface Circumstances {
  /** Where the far side is, for people. */
  readonly target: string;
  readonly service: Service;
  /** This key has reached S5 at this address before. */
  readonly verifiedBefore: boolean;
  /** Of an end that said nothing: what it said to other questions. */
  readonly stranger?: StrangerSighting | undefined;
}

const NO_SPIPED = "Put spiped -d or tunneld there, or correct the target: it must be the port of the encrypted end, not of the service.";
const CHECK_BACKEND = "On the far machine, check that the service runs and that the target (-t) of spiped or tunneld is its address.";

/** Concludes; `unproved` and closed stands for KEY_MISMATCH, so the attempt must have been repeated as rule (f) says. */
export function judge(sighting: Sighting, about: Circumstances): Conclusion {
  switch (sighting.at) {
    case "silent":
      return judgeSilence(sighting.end, about);
    case "opening":
      return judgeOpening(sighting, about);
    case "talkative": // (b)
      return notSpiped(about, recogniseServer(sighting.head)?.label, true);
    case "echo":
      return notSpiped(about, "a service that sends back what it gets", true);
    case "held": // (c)
      return {
        stage: "backend",
        code: "BACKEND_DOWN",
        certain: false,
        cause: `${about.target} greeted us and closed before any key was sent: probably its backend refuses connections (the key was not tested).`,
        cure: CHECK_BACKEND,
      };
    case "unproved":
      return judgeUnproved(sighting.end, sighting.gotBytes, about);
    case "refuted":
      return judgeRefusal(sighting, about);
    case "proved": // (d) and what follows
      return judgeService(sighting.service, { service: about.service, where: `behind ${about.target}`, isTunnel: true });
  }
}

/** (a), and silence. */
function judgeSilence(end: BrokenOff, about: Circumstances): Conclusion {
  const { target, stranger, verifiedBefore } = about;
  if (stranger?.is === "known") return notSpiped(about, stranger.label, stranger.sure);
  if (end !== "waiting") {
    return {
      stage: "nonce",
      code: "PEER_CLOSED",
      certain: false,
      cause: `${target} accepted the connection and closed it without one byte: probably something else than spiped is there, or it turns this machine away.`,
      cure: NO_SPIPED,
    };
  }
  if (verifiedBefore || stranger?.is === "late") {
    return {
      stage: "nonce",
      code: "LIMIT_REACHED",
      certain: false,
      cause: `${target} accepted the connection and said nothing, though ${verifiedBefore ? "this key has worked there" : "it answered a later connection"}: probably it has all the connections it takes (-n).`,
      cure: "Close connections that nobody needs, or raise the limit of the far end (spiped -n, maxConnections).",
    };
  }
  return {
    stage: "nonce",
    code: "HANDSHAKE_TIMEOUT",
    certain: false,
    cause: `${target} accepted the connection and said nothing: probably a spiped that has all the connections it takes (-n), a stopped program, or something that waits for its own protocol.`,
    cure: "On the far machine, look which program listens there and whether it has reached its limit (spiped -n).",
  };
}

/** Part of a nonce, or something that is none. */
function judgeOpening({ end, head }: Extract<Sighting, { at: "opening" }>, about: Circumstances): Conclusion {
  const known = recogniseServer(head);
  if (known) return notSpiped(about, known.label, known.sure);
  const got = `${head.length} of the 32 bytes of a greeting`;
  if (end === "waiting") {
    return {
      stage: "nonce",
      code: "HANDSHAKE_TIMEOUT",
      certain: false,
      cause: `${about.target} sent only ${got} in time: probably it does not speak spiped's protocol, or the network loses most of what it sends.`,
      cure: NO_SPIPED,
    };
  }
  return {
    stage: "nonce",
    code: "NOT_SPIPED",
    certain: false,
    cause: `${about.target} sent ${got} and closed: probably it does not speak spiped's protocol.`,
    cure: NO_SPIPED,
  };
}

/** (e) and (f). */
function judgeUnproved(end: BrokenOff, gotBytes: number, { target, verifiedBefore }: Circumstances): Conclusion {
  if (gotBytes > 0 && end !== "waiting") {
    return {
      stage: "key-proof",
      code: "TRUNCATED",
      certain: false,
      cause: `${target} closed after ${gotBytes} of the 288 bytes of its answer to our key: probably the connection was cut on the way.`,
      cure: "Try again; if it stays so, look for something between the two machines that cuts connections.",
    };
  }
  switch (end) {
    case "waiting":
      return {
        stage: "key-proof",
        code: "HANDSHAKE_TIMEOUT",
        certain: false,
        cause: `${target} greeted us, but its answer to our key did not come in time: probably it is overloaded, stopped, or not spiped.`,
        cure: "On the far machine, look which program listens there and how busy it is.",
      };
    case "reset":
      return {
        stage: "backend",
        code: "BACKEND_DOWN",
        certain: false,
        cause: `${target} reset the connection when the key was sent: probably its backend refuses connections (the key was not tested).`,
        cure: CHECK_BACKEND,
      };
    case "closed":
      return {
        stage: "key-proof",
        code: "KEY_MISMATCH",
        certain: false,
        cause: `${target} closed the connection when it got our proof of the key: probably it holds another key${verifiedBefore ? " now" : ""}.`,
        cure: "Compare the key files of both ends, by their fingerprints (tunneld keys fingerprint FILE, or sha512sum; never sha256sum, which prints the secret itself), and copy the right one.",
      };
  }
}

/** An S5 that came and can't be accepted; FORWARD_SECRECY_REFUSED stands behind a right MAC, PEER_MAC_INVALID mostly before. */
function judgeRefusal({ error }: Extract<Sighting, { at: "refuted" }>, { target }: Circumstances): Conclusion {
  if (error.code === "FORWARD_SECRECY_REFUSED") {
    return {
      stage: "forward-secrecy",
      code: error.code,
      certain: true,
      cause: `${target} holds the key and has forward secrecy off (spiped -f), which this tunnel requires.`,
      cure: 'Start the far end without -f, or set "forwardSecrecy" to "prefer" here.',
    };
  }
  return {
    stage: "key-proof",
    code: "PEER_MAC_INVALID",
    certain: true,
    cause: `The answer of ${target} to our key is not one that a holder of this key gives: it was changed on the way, or is not spiped's.`,
    cure: "Look for something between the two machines that changes what passes, and for what really listens there.",
  };
}

/** We were weak and the far side closed; strong, it took the same key. */
export function forwardSecrecyNeeded(target: string): Conclusion {
  return {
    stage: "forward-secrecy",
    code: "FORWARD_SECRECY_REFUSED",
    certain: true,
    cause: `${target} holds the key and requires forward secrecy (spiped -g), which this tunnel has off.`,
    cure: 'Set "forwardSecrecy" to "prefer" or "require" here.',
  };
}

/** `certain` only when the bytes can't be part of a nonce. */
function notSpiped({ target }: Circumstances, label: string | undefined, certain: boolean): Conclusion {
  const what = label === undefined ? "something that does not speak spiped's protocol" : label;
  return { stage: "nonce", code: "NOT_SPIPED", certain, cause: `At ${target} there is ${certain ? "" : "probably "}${what}, not spiped.`, cure: NO_SPIPED };
}
