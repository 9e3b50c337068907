import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { Kdc, noKerberos } from "../../support/kerberos/kdc.ts";
import { type Program, shell, start, targets } from "../../support/program/program.ts";
import { scriptCommand } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";
import { pattern } from "../../support/wire/bytes.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer } from "../../support/wire/tcp.ts";
import { Udp } from "../../support/wire/udp.ts";

const skip = skipped("gssapi_chain_test, gateways that show each other tickets", noKerberos);

if (!skip) {
  const kdc = await Kdc.start(), stopped = await Kdc.start();
  const keytab = kdc.service("rcmd/localhost");
  kdc.user("gateway"); // who has to ask for a ticket yet
  stopped.service("rcmd/localhost");
  stopped.user("gateway");
  const server = await echoServer("127.0.0.1");
  after(() => {
    server.close();
    kdc.stop();
  });
  const variables = (others: Readonly<Record<string, string>> = {}) =>
    Object.entries({ ...kdc.environment, KRB5CCNAME: `FILE:${kdc.folder}/ccache-gateway`, ...others })
      .map(([name, value]) => `${name}=${value}`);
  /** By `gateway` for what goes to this machine, or to one port of it. */
  const through = (gateway: Program, query = "", port?: number) => {
    const rule = `[[rules]]\naction = "allow"\nto = "127.0.0.1"\n${port === undefined ? "" : `ports = ${port}\n`}`;
    const via = `socks5://localhost:${gateway.addrs[0]!.port}?gssapi=rcmd${query}`;
    return `--config=${kdc.write(`${++written}.toml`, `${rule}via = "${via}"\n`)}`;
  };
  let written = 0;
  const flags = ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.1", "--probe-interval=0"];

  for (const target of targets) {
    describe(`A chain of gateways with Kerberos tickets, ${target.name}`, () => {
      let far: Program, near: Program;

      test("both gateways start", async () => {
        far = await start(target, [...flags, `--gssapi-keytab=${keytab}`], ["env", ...variables()]);
        near = await start(target, [...flags, through(far, "&protection=confidentiality")], ["env", ...variables()]);
      });

      test("CONNECT goes through both gateways, with a ticket that the first gateway requested", async () => {
        const { client, reply } = await ask(near.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
        assert.equal(reply.reply, Reply.Succeeded);
        const much = pattern(200_000);
        client.write(much);
        assert.deepEqual(await client.read(much.length), much);
        client.close();
        await until(
          "the far one has told",
          () => /user="?gateway@GATE46.TEST"? .*protection=confidentiality/.test(far.output()),
        );
      });

      test("UDP goes through both gateways", async () => {
        const { client, reply } = await ask(near.addrs[0]!, Command.UdpAssociate, "0.0.0.0", 0);
        assert.equal(reply.reply, Reply.Succeeded);
        const udp = await Udp.bind("127.0.0.1"), echo = await Udp.bind("127.0.0.1");
        const { port } = echo.addr;
        await udp.send(Uint8Array.of(0, 0, 0, 1, 127, 0, 0, 1, port >> 8, port & 255, 42), reply.bound);
        const { bytes, from } = await echo.receive();
        assert.deepEqual(bytes, Uint8Array.of(42));
        await echo.send(Uint8Array.of(43), from);
        assert.deepEqual((await udp.receive()).bytes.slice(-1), Uint8Array.of(43));
        for (const one of [client, udp, echo]) one.close();
      });

      test("a silent KDC does not delay sessions without tickets", async () => {
        stopped.pause();
        const env = { ...stopped.environment, KRB5CCNAME: `FILE:${stopped.folder}/ccache-gateway` };
        const lost = await start(target, [...flags, through(far, "", 9)], ["env", ...variables(env)]);
        const waiting = ask(lost.addrs[0]!, Command.Connect, "127.0.0.1", 9);
        waiting.catch(() => {}); // until the program ends
        await until("it waits for the KDC", () => stopped.isAsked());
        const { client, reply } = await ask(lost.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
        assert.equal(reply.reply, Reply.Succeeded);
        client.close();
        lost.signal("SIGKILL");
        await lost.exited;
        stopped.resume();
      });

      test("the client library connects through the gateway with a ticket", async () => {
        const { stdout, stderr } = await shell([
          "env",
          ...variables(),
          ...scriptCommand("test/support/kerberos/library_client.ts"),
          `socks5://localhost:${far.addrs[0]!.port}?gssapi=rcmd/localhost@GATE46.TEST`,
          String(server.addr.port),
        ]);
        assert.equal(stdout, "ticket", stderr);
      });

      test("SIGTERM ends both gateways with exit code 0", async () => {
        assert.deepEqual([await near.stop(), await far.stop()], [0, 0]);
      });
    });
  }

  test("a client keytab replaces a ticket", async () => {
    const [target] = targets;
    const service = kdc.service("gateway2/localhost", "client.keytab");
    const far = await start(target!, [...flags, `--gssapi-keytab=${keytab}`], ["env", ...variables()]);
    const env = variables({ KRB5CCNAME: `FILE:${kdc.folder}/ccache-none`, KRB5_CLIENT_KTNAME: `FILE:${service}` });
    const near = await start(target!, [...flags, through(far)], ["env", ...env]);
    const { client, reply } = await ask(near.addrs[0]!, Command.Connect, "127.0.0.1", server.addr.port);
    assert.equal(reply.reply, Reply.Succeeded);
    client.close();
    await until("the far one has told", () => /user="?gateway2\/localhost@GATE46.TEST"?/.test(far.output()));
    await near.stop();
    await far.stop();
  });
} else test("GSSAPI through gateways", { skip }, () => {});
