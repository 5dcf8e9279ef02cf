/**
 * What the service's behaviour means, once the far side has proved the key (or,
 * in the server role, once the service has accepted the connection). Pure.
 */
import type { Service } from "../../contract/tunnels-file.ts";
import type { ErrorCode } from "../../errors.ts";
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
    case "closed": // (d)
      return isTunnel
        ? down(`${keyRight}the far side closed without any data: its backend is down or refuses connections.`, true, CHECK_FAR_BACKEND)
        : down(`${name} ${where} closed the connection without a word: it is down behind a proxy, or turns this machine away.`, true, CHECK_BACKEND);
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
  if (/\b1129\b/.test(text)) return "On the database, run FLUSH HOSTS, and find what connects without logging in (max_connect_errors).";
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
  return `${text.replace(/[.\s]+$/, "")}.`;
}
