/**
 * What the service's behaviour means, once the far side has proved the key (or,
 * in the server role, once the service has accepted the connection). Pure.
 */

import { SET_TLS, UNSET_TLS } from "../../shared/contract/tls-advice.ts";
import type { Service } from "../../shared/contract/tunnels-file.ts";
import type { ErrorCode, TunnelError } from "../../shared/errors.ts";
import { type Message, type MessageArgument, message, textOf } from "../../shared/message.ts";
import type { Conclusion, Warning } from "./report.ts";
import type { ServiceSighting } from "./sighting.ts";
import { advice, concluded, sentence } from "./words.ts";

/** What is known beside the sighting. */
export interface ServiceCircumstances {
  readonly service: Service;
  /** "behind cache.example.com:6479", "at 127.0.0.1:6379". */
  readonly where: MessageArgument;
  /** The service was seen through a far end that holds the key; otherwise directly. */
  readonly isTunnel: boolean;
  /** The far end says that it is connected to the service. */
  readonly isConnected?: boolean;
}

const NAMES: Readonly<Record<Service, MessageArgument>> = {
  redis: "Redis",
  "redis-cluster": "Redis",
  mysql: message("MySQL or MariaDB"),
  postgres: "PostgreSQL",
  mongodb: "MongoDB",
  tcp: message("the service"),
};

/** Concludes. */
export function judgeService(sighting: ServiceSighting, about: ServiceCircumstances): Conclusion {
  const { where, isTunnel } = about;
  const name = NAMES[about.service];
  const farCheck = isTunnel ? CHECK_FAR_BACKEND : CHECK_BACKEND;
  switch (sighting.seen) {
    case "answered":
      return well(
        isTunnel ? message("the far side holds the key, and {0} answers {1}.", sighting.what, where) : message("{0} answers {1}.", sighting.what, where),
        !sighting.isGuess,
      );
    case "open":
      if (about.isConnected)
        return well(message("the far side holds the key and is connected to its backend; a plain TCP service can't be asked for more."), true);
      return well(
        isTunnel
          ? message("the far side holds the key, and the connection stayed open; probably the service is there, but a plain TCP one can't be asked.")
          : message("the connection {0} stayed open; probably the service is there, but a plain TCP one can't be asked.", where),
        false,
      );
    case "closed":
      return judgeClosed(sighting, about);
    case "unfinished":
      return atService(
        down(
          keyRight(
            about,
            sighting.end === "waiting"
              ? message("{0} {1} began to answer and stopped: probably it hangs, ends, or is cut off there.", name, where)
              : message("{0} {1} began to answer and closed: probably it hangs, ends, or is cut off there.", name, where),
          ),
          false,
          farCheck,
        ),
      );
    case "silent":
      return down(
        keyRight(
          about,
          about.isConnected
            ? message("{0} {1} accepted a connection of the far end and said nothing in {2}: probably it hangs.", name, where, seconds(sighting.waitedMs))
            : message("{0} {1} said nothing in {2}: probably it hangs, or can't be reached from there.", name, where, seconds(sighting.waitedMs)),
        ),
        false,
        CHECK_FAR_BACKEND,
      );
    case "other":
      return atService(
        down(
          keyRight(about, message("what answers {0} is not {1} but {2}.", where, name, sighting.what)),
          true,
          isTunnel
            ? message('Correct the "service" of this entry, or the target of the far end (-t).')
            : message('Correct the "service" of this entry, or the target of it.'),
        ),
      );
    case "tls":
      return atService(
        sighting.speaks
          ? down(keyRight(about, message("what answers {0} speaks TLS, and the entry does not say so.", where)), true, message("{0}.", SET_TLS))
          : down(
              keyRight(about, message("{0} {1} speaks no TLS, and the entry says so.", name, where)),
              true,
              message("{0}, or turn TLS on at the service.", UNSET_TLS),
            ),
      );
    case "refused":
      return concluded({
        stage: "service",
        code: sighting.code,
        certain: true,
        cause: keyRight(about, message("{0} {1} refuses us: {2}", name, where, sentence(sighting.text))),
        cure: cureOfRefusal(sighting.code, sighting.text),
      });
    case "fault":
      return faulty(sighting.error, about);
  }
}

function faulty({ code, message: english, reason }: TunnelError, about: ServiceCircumstances): Conclusion {
  const told = concluded({
    stage: "backend",
    code,
    certain: true,
    cause: keyRight(about, message("{0}", sentence(english))),
    cure: message("Look for something between the two machines that changes or cuts what passes, such as a proxy or a failing network device."),
  });
  return reason === undefined ? told : { ...told, causeReason: keyRight(about, reason) };
}

/** Through a tunnel the key has been proved by now. */
function keyRight({ isTunnel }: ServiceCircumstances, what: Message): Message {
  return isTunnel ? message("the key is right, but {0}", what) : what;
}

function atService(conclusion: Conclusion): Conclusion {
  return { ...conclusion, stage: "service" };
}

/** What clients have to know about the TLS of a MySQL, if its entry says nothing about TLS. */
export function warningsAbout(sighting: ServiceSighting, { tls }: { readonly tls?: boolean | undefined }): Warning[] {
  if (sighting.seen !== "answered" || tls || !sighting.tls) return [];
  if (sighting.tls.isDemanded) {
    return [advice("tls", message("This database takes no client without TLS (require_secure_transport): {0}, and the URLs of clients ask for it.", SET_TLS))];
  }
  // MySQL says that it demands TLS before anything else, MariaDB only to clients that have logged in, in the words of a wrong password.
  if (!sighting.tls.isOffered || !textOf(sighting.what).startsWith("MariaDB")) return [];
  const text = message(
    'This MariaDB offers TLS. Should it demand it (require_secure_transport), which can\'t be seen without an account, it says "Access denied" to a client without, as to a wrong password: {0}.',
    SET_TLS,
  );
  return [advice("tls", text)];
}

/**
 * Judges a close without a byte. Rule (d) holds where nothing else can be the cause: for a reset, and for a close that
 * comes too late to be from our own far end turning away a client over its limit (which looks like a backend that
 * refuses at once). Both count only while nothing had been asked, because a service may close on a question.
 */
function judgeClosed(sighting: Extract<ServiceSighting, { seen: "closed" }>, about: ServiceCircumstances): Conclusion {
  const { isTunnel, service } = about;
  const isPatient = service === "tcp" && !sighting.isEarly;
  const cure = isTunnel ? CHECK_FAR_BACKEND : CHECK_BACKEND;
  if (sighting.asked) return down(closedOnQuestion(about), false, cure);
  if (about.isConnected) return down(isPatient ? CLOSED_LATE_BY_SERVICE : CLOSED_BY_SERVICE, !isPatient, CHECK_BACKEND_THERE);
  if (isTunnel && sighting.end === "closed" && sighting.isEarly) return down(CLOSED_EARLY, false, cure);
  if (isTunnel) return isPatient ? down(CLOSED_PATIENTLY, false, cure) : down(CLOSED_AT_ONCE, true, cure);
  const { where } = about;
  const name = NAMES[service];
  return isPatient
    ? down(
        message(
          "{0} {1} closed the connection without a word: probably it is down behind a proxy, or turns this machine away, or closes connections that say nothing.",
          name,
          where,
        ),
        false,
        cure,
      )
    : down(message("{0} {1} closed the connection without a word: it is down behind a proxy, or turns this machine away.", name, where), true, cure);
}

function closedOnQuestion({ isTunnel, isConnected, service, where }: ServiceCircumstances): Message {
  const name = NAMES[service];
  if (isConnected) {
    return message(
      "the key is right and the far end is connected to its backend, which closed without an answer: probably it is not {0}, or turns us away.",
      name,
    );
  }
  return isTunnel
    ? message("the key is right, but the far side closed without an answer: probably {0} there can't be reached, is another service, or turns us away.", name)
    : message("{0} {1} closed the connection without an answer: probably it can't be reached, is another service, or turns us away.", name, where);
}

const CLOSED_BY_SERVICE = message(
  "the key is right and the far end is connected to its backend, which closed the connection without a word: it turns the far machine away, or is down behind a proxy.",
);
const CLOSED_LATE_BY_SERVICE = message(
  "the key is right and the far end is connected to its backend, which closed the connection without a word: probably it closes connections that say nothing.",
);
const CLOSED_EARLY = message(
  "the key is right, but the far side closed without any data: probably its backend is down or refuses connections, or the far end has all the connections that it takes (maxConnections).",
);
const CLOSED_PATIENTLY = message(
  "the key is right, but the far side closed without any data: probably its backend is down or can't be reached, or closes connections that say nothing.",
);
const CLOSED_AT_ONCE = message("the key is right, but the far side closed without any data: its backend is down or refuses connections.");

const CHECK_BACKEND = message("Check that the service runs at this address and accepts connections from this machine.");
const CHECK_BACKEND_THERE = message("On the far machine, check that the service runs at this address and accepts connections from there.");
const CHECK_FAR_BACKEND = message(
  "On the far machine, check that the service runs, that the target (-t) of the far end is its address, and, if the far end is tunneld, its connection limit.",
);

function well(cause: Message, certain: boolean): Conclusion {
  return concluded({ stage: undefined, code: null, certain, cause, cure: undefined });
}

function down(cause: Message, certain: boolean, cure: Message): Conclusion {
  return concluded({ stage: "backend", code: "BACKEND_DOWN", certain, cause, cure });
}

function cureOfRefusal(code: ErrorCode, text: string): Message {
  if (/\b1129\b/.test(text))
    return message("On the database, run FLUSH HOSTS (MySQL 8.4: mysqladmin flush-hosts), and find what connects without logging in (max_connect_errors).");
  if (/\b1040\b/.test(text) || /max number of clients/.test(text))
    return message("Close connections that nobody needs, or raise the limit of the service (max_connections, maxclients).");
  return code === "BACKEND_BLOCKED"
    ? message("Let the service accept connections from the far end's address (protected mode, bind).")
    : message("Let the service accept connections from the far end's address.");
}

function seconds(ms: number): string {
  return `${Math.max(0.1, Math.round(ms / 100) / 10)} s`;
}
