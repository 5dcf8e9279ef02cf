/**
 * What the service's behaviour means, once the far side has proved the key (or,
 * in the server role, once the service has accepted the connection). Pure.
 */
import type { Service } from "../../shared/contract/tunnels-file.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { ServiceSighting } from "./sighting.ts";
import type { Conclusion } from "./verdict.ts";

/** What is known beside the sighting. */
export interface ServiceCircumstances {
  readonly service: Service;
  /** "behind cache.example.com:6479", "at 127.0.0.1:6379". */
  readonly where: string;
  /** Seen through a far end that holds the key; else the service itself. */
  readonly isTunnel: boolean;
}

const NAMES: Readonly<Record<Service, string>> = { redis: "Redis", mysql: "MySQL or MariaDB", tcp: "the service" };

/** Concludes. */
export function judgeService(sighting: ServiceSighting, about: ServiceCircumstances): Conclusion {
  const { where, isTunnel } = about;
  const name = NAMES[about.service];
  const keyRight = isTunnel ? "The key is right, but " : "";
  switch (sighting.seen) {
    case "answered":
      return well(`${isTunnel ? "The far side holds the key, and " : ""}${sighting.what} answers ${where}.`, true);
    case "open":
      return well(
        `${isTunnel ? "The far side holds the key, and the connection stayed open" : `The connection ${where} stayed open`}; probably the service is there, but a plain TCP one can't be asked.`,
        false,
      );
    case "closed":
      return judgeClosed(sighting, about);
    case "unfinished":
      return {
        ...down(
          `${keyRight}${name} ${where} began to answer and ${sighting.end === "waiting" ? "stopped" : "closed"}: probably it hangs, ends, or is cut off there.`,
          false,
          isTunnel ? CHECK_FAR_BACKEND : CHECK_BACKEND,
        ),
        stage: "service",
      };
    case "silent":
      return down(
        `${keyRight}${name} ${where} said nothing in ${seconds(sighting.waitedMs)}: probably it hangs, or can't be reached from there.`,
        false,
        CHECK_FAR_BACKEND,
      );
    case "other":
      return {
        ...down(
          `${keyRight}what answers ${where} is not ${name} but ${sighting.what}.`,
          true,
          `Correct the "service" of this entry, or the target of ${isTunnel ? "the far end (-t)" : "it"}.`,
        ),
        stage: "service",
      };
    case "refused":
      return {
        stage: "service",
        code: sighting.code,
        certain: true,
        cause: `${keyRight}${name} ${where} refuses us: ${sentence(sighting.text)}`,
        cure: cureOfRefusal(sighting.code, sighting.text),
      };
    case "fault":
      return {
        stage: "backend",
        code: sighting.error.code,
        certain: true,
        cause: `${keyRight}${sentence(sighting.error.message)}`,
        cure: "Look for something between the two machines that changes or cuts what passes, such as a proxy or a failing network device.",
      };
  }
}

/**
 * It closed without a byte. Rule (d) holds where nothing else can have done that: a reset, and a close that comes later
 * than a far end of ours turns somebody away who is one too many (that looks like a backend which refuses at once), and
 * in both cases only while nothing had been asked, for a service may close on a question.
 */
function judgeClosed({ end, asked, isEarly }: Extract<ServiceSighting, { seen: "closed" }>, { service, where, isTunnel }: ServiceCircumstances): Conclusion {
  const name = NAMES[service];
  const cure = isTunnel ? CHECK_FAR_BACKEND : CHECK_BACKEND;
  const closed = isTunnel ? "The key is right, but the far side closed" : `${name} ${where} closed the connection`;
  if (asked) return down(`${closed} without an answer: probably ${isTunnel ? `${name} there` : "it"} ${UNANSWERED}.`, false, cure);
  const isPatient = service === "tcp" && !isEarly;
  if (!isTunnel) {
    const why = "is down behind a proxy, or turns this machine away";
    return isPatient
      ? down(`${closed} without a word: probably it ${why}, or closes connections that say nothing.`, false, cure)
      : down(`${closed} without a word: it ${why}.`, true, cure);
  }
  if (end === "closed" && isEarly) {
    const why = "its backend is down or refuses connections, or the far end has all the connections that it takes (maxConnections)";
    return down(`${closed} without any data: probably ${why}.`, false, cure);
  }
  return isPatient
    ? down(`${closed} without any data: probably its backend is down or can't be reached, or closes connections that say nothing.`, false, cure)
    : down(`${closed} without any data: its backend is down or refuses connections.`, true, cure);
}

const UNANSWERED = "can't be reached, is another service, or turns us away";

const CHECK_BACKEND = "Check that the service runs at this address and accepts connections from this machine.";
const CHECK_FAR_BACKEND =
  "On the far machine, check that the service runs, that the target (-t) of the far end is its address, and, if the far end is tunneld, its connection limit.";

function well(cause: string, certain: boolean): Conclusion {
  return { stage: undefined, code: null, certain, cause: capitalised(cause), cure: "" };
}

function down(cause: string, certain: boolean, cure: string): Conclusion {
  return { stage: "backend", code: "BACKEND_DOWN", certain, cause: capitalised(cause), cure };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function cureOfRefusal(code: ErrorCode, text: string): string {
  if (/\b1129\b/.test(text))
    return "On the database, run FLUSH HOSTS (MySQL 8.4: mysqladmin flush-hosts), and find what connects without logging in (max_connect_errors).";
  if (/\b1040\b/.test(text) || /max number of clients/.test(text))
    return "Close connections that nobody needs, or raise the limit of the service (max_connections, maxclients).";
  return code === "BACKEND_BLOCKED"
    ? "Let the service accept connections from the far end's address (protected mode, bind)."
    : "Let the service accept connections from the far end's address.";
}

function seconds(ms: number): string {
  return `${Math.max(0.1, Math.round(ms / 100) / 10)} s`;
}

/** Ends with a full stop. */
function sentence(text: string): string {
  const trimmed = text.replace(/[.\s]+$/, "");
  return /[?!]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
