/** A port that is taken: the process that has it is named. */
import assert from "node:assert/strict";
import * as net from "node:net";
import { bind } from "../../../../../daemon/proxy/bind.ts";
import { failureHelp } from "../../../../../extension/model/failures/failure-help.ts";
import { portOwnerOf, portOwnerText } from "../../../../../extension/model/failures/port-owner.ts";
import { english } from "../../../../../extension/model/translate.ts";
import { TunnelError } from "../../../../../shared/errors.ts";

const said = (owner: string): string => `127.0.0.1:7200 is in use by another program, ${owner}: stop that one or choose another port`;

describe("who has a port that is taken", () => {
  it("is read from the daemon's own sentence", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as net.AddressInfo;
      const error = await bind(net.createServer(), { address: { kind: "tcp", host: "127.0.0.1", port } }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof TunnelError);
      const owner = portOwnerOf(error.message);
      if (process.platform === "linux") assert.deepEqual([owner?.address, owner?.pid], [`127.0.0.1:${port}`, process.pid]);
    } finally {
      server.close();
    }
  });

  it("is one sentence, and what a failure says of itself", () => {
    const owner = portOwnerOf(said("python3 (pid 4312)"));
    assert.equal(owner && portOwnerText(owner, english), "Port 7200 is used by python3 (pid 4312).");
    const { cause, detail, actions } = failureHelp({ code: "LISTEN_IN_USE", message: said("python3 (pid 4312)") }, { t: english, isOfTunnel: true });
    assert.deepEqual([cause, detail, actions[0]], ["Port 7200 is used by python3 (pid 4312).", "", "pick-port"]);
  });

  it("keeps the address where it is not that of the loopback", () => {
    const owner = portOwnerOf(said("spiped (pid 7, draining)").replace("127.0.0.1", "192.0.2.1"));
    assert.equal(owner?.isEnding, true);
    assert.equal(owner && portOwnerText(owner, english), "192.0.2.1:7200 is used by spiped (pid 7).");
  });

  for (const message of ["", "127.0.0.1:7200 is in use by another program: stop that one", said("[x](command:y) (pid 1)"), said("a (pid x)")]) {
    it(`is nobody in ${JSON.stringify(message)}`, () => {
      assert.equal(portOwnerOf(message), undefined);
    });
  }
});
