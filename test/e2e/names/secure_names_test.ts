import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { certificatesFor, hasOpenssl } from "../../support/tls/certificates.ts";
import { start, targets, workers } from "../../support/program/program.ts";
import { SecureDns } from "../../support/names/secure_dns.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const skip = skipped("secure_names_test.ts", hasOpenssl ? false : "openssl is not here");

for (const target of targets) {
  for (const kind of ["tls", "https"] as const) {
    test(
      `DNS over ${kind}, ${target.name}: answers are cached, and a server without a trusted certificate gets no query`,
      { skip },
      async () => {
        const certificates = certificatesFor("IP:127.0.0.1");
        const ca = join(temporaryFolder("dns"), "ca.pem");
        writeFileSync(ca, certificates.ca);
        const secure = new SecureDns(certificates, "127.0.0.1");
        const server = await (kind === "tls" ? secure.dotServer() : secure.dohServer());
        const dns = `--dns=${kind}://127.0.0.1:${server.port}${kind === "tls" ? "" : "/dns-query"}`;
        const flags = ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.1", dns, ...workers(target, 2)];
        const [known, unknown] = [await start(target, [...flags, `--dns-ca=${ca}`]), await start(target, flags)];
        const echo = await echoServer("127.0.0.1");
        for (let i = 0; i < 20; i++) {
          const { client, reply } = await ask(known.addrs[0]!, Command.Connect, "echo.test", echo.addr.port);
          assert.equal(reply.reply, Reply.Succeeded);
          client.close();
        }
        const { queries } = server;
        assert.ok(queries >= 2 && queries <= 2 * 8, `${queries} queries`); // each worker keeps its own, and asks again who is late
        const { client, reply } = await ask(unknown.addrs[0]!, Command.Connect, "echo.test", echo.addr.port);
        assert.equal(reply.reply, Reply.HostUnreachable);
        assert.equal(server.queries, queries, "a server without a good certificate is told nothing");
        client.close();
        assert.deepEqual([await known.stop(), await unknown.stop()], [0, 0]);
        echo.close();
        server.close();
      },
    );
  }
}
