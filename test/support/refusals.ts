/** The real messages of databases to clients that they refuse. */

/** The first sentence of {@link PROTECTED_MODE}. */
export const PROTECTED_MODE_TEXT = "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user";

/** Redis 7, networking.c, acceptCommonHandler: one line of 1,065 bytes and its end, more than a packet of spiped's takes. */
export const PROTECTED_MODE =
  `-${PROTECTED_MODE_TEXT}. In this mode connections are only accepted from the loopback interface. ` +
  "If you want to connect from external computers to Redis you may adopt one of the following solutions: " +
  "1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface " +
  "by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible " +
  "from internet if you do so. Use CONFIG REWRITE to make this change permanent. " +
  "2) Alternatively you can just disable the protected mode by editing the Redis configuration file, " +
  "and setting the protected mode option to 'no', and then restarting the server. " +
  "3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. " +
  "4) Setup a an authentication password for the default user. " +
  "NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";

/** ERR_Packet; with sequence 0 it replaces the greeting. */
export function mysqlErrorPacket(code: number, text: string, sequence = 0): Uint8Array {
  const body = Buffer.concat([Buffer.from([0xff, code & 0xff, code >> 8]), Buffer.from(text, "latin1")]);
  return Uint8Array.from([body.length & 0xff, body.length >> 8, 0, sequence, ...body]);
}
