import assert from "node:assert/strict";
import process from "node:process";
import { after, describe, test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { decodeReply, type RequestReply } from "../../../src/protocol/request.ts";
import { decodeDatagram, encodeDatagram } from "../../../src/protocol/datagram.ts";
import { ipAddress } from "../../../src/protocol/address.ts";
import { GssClient, gssMessage } from "../../support/kerberos/gss_client.ts";
import { Initiators } from "../../support/kerberos/initiator.ts";
import { Kdc, noKerberos } from "../../support/kerberos/kdc.ts";
import { type Program, start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";
import { pattern } from "../../support/wire/bytes.ts";
import { readReply, request } from "../../support/wire/socks.ts";
import { concat, echoServer, Tcp } from "../../support/wire/tcp.ts";
import { Udp } from "../../support/wire/udp.ts";

const skip = skipped("gssapi_test, clients of python3-gssapi", noKerberos);
const SERVICE = "rcmd/localhost";

if (!skip) {
  const kdc = await Kdc.start();
  const keytab = kdc.service(SERVICE), alice = kdc.user("alice", [SERVICE]), bob = kdc.user("bob", [SERVICE]);
  const initiators = new Initiators(kdc.environment);
  Object.assign(process.env, kdc.environment);
  const servers = { 4: await echoServer("127.0.0.1"), 6: await echoServer("::1") };
  after(() => {
    servers[4].close();
    servers[6].close();
    initiators.close();
    kdc.stop();
  });
  const begin = (ccache = alice) => initiators.begin(ccache, SERVICE);

  for (const target of targets) {
    describe(`GSSAPI, ${target.name}`, () => {
      let program: Program;
      test("the gateway starts with a keytab", async () => {
        program = await start(target, [
          "--listen=127.0.0.1:0",
          "--listen=[::1]:0",
          "--admin=off",
          "--allow=127.0.0.0/8",
          "--allow=::1/128",
          `--gssapi-keytab=${keytab}`,
          "--gssapi-protection=none",
        ]);
        assert.match(program.output(), /methods=gssapi/);
      });

      for (const [type, client, server] of [["A", 0, 4], ["B", 0, 6], ["C", 1, 4], ["D", 1, 6]] as const) {
        for (const level of [0, 1, 2]) {
          test(`type ${type} at level ${level}: CONNECT with data behind the request`, async () => {
            const peer = await GssClient.open(program.addrs[client]!, await begin(), level);
            assert.equal(peer.level, level);
            const { host, port } = servers[server].addr;
            await peer.send(concat(request(Command.Connect, host, port), Uint8Array.of(42)));
            assert.equal((await replyOf(peer)).reply, Reply.Succeeded);
            assert.deepEqual(await peer.receive(1), Uint8Array.of(42));
            const much = pattern(5_000);
            await peer.send(much);
            assert.deepEqual(await peer.receive(much.length), much);
            peer.close();
          });
        }
      }

      test("BIND: both replies and the relay are protected", async () => {
        const peer = await GssClient.open(program.addrs[0]!, await begin(), 2);
        await peer.send(request(Command.Bind, "127.0.0.1", 0));
        const { bound } = await replyOf(peer);
        const far = await Tcp.to(bound);
        assert.equal((await replyOf(peer)).reply, Reply.Succeeded);
        far.write(Uint8Array.of(1, 2, 3));
        assert.deepEqual(await peer.receive(3), Uint8Array.of(1, 2, 3));
        await peer.send(Uint8Array.of(4, 5));
        assert.deepEqual(await far.read(2), Uint8Array.of(4, 5));
        far.close();
        peer.close();
      });

      for (const level of [0, 1, 2]) {
        test(`UDP ASSOCIATE at level ${level}`, async () => {
          const peer = await GssClient.open(program.addrs[0]!, await begin(), level);
          await peer.send(request(Command.UdpAssociate, "0.0.0.0", 0));
          const { bound } = await replyOf(peer);
          const client = await Udp.bind("127.0.0.1"), server = await Udp.bind("127.0.0.1");
          const address = ipAddress(server.addr.host, server.addr.port)!;
          const datagram = encodeDatagram({ fragment: 0, address, payload: pattern(900) });
          await peer.sealed(datagram); // which is lost
          const wrapped = await peer.sealed(datagram);
          if (level > 0) await client.send(datagram, bound); // in the clear, it is none
          await client.send(wrapped, bound);
          const { bytes, from } = await server.receive();
          assert.deepEqual(bytes, pattern(900));
          await server.send(pattern(300, 7), from);
          const { bytes: back } = await client.receive();
          const clear = level === 0 ? back : await peer.opened(back.subarray(4));
          assert.deepEqual(decodeDatagram(clear).payload, pattern(300, 7));
          if (level > 0) { // again, it is none: the next that comes is another
            await client.send(wrapped, bound);
            await client.send(
              await peer.sealed(encodeDatagram({ fragment: 0, address, payload: Uint8Array.of(9) })),
              bound,
            );
            assert.deepEqual((await server.receive()).bytes, Uint8Array.of(9));
          }
          peer.close();
          client.close();
          server.close();
        });
      }

      test("the session log has the principal of each user", async () => {
        const peer = await GssClient.open(program.addrs[0]!, await begin(bob), 1);
        await peer.send(request(Command.Connect, "127.0.0.1", servers[4].addr.port));
        await replyOf(peer);
        peer.close();
        await until("the session is told", () => /user="?bob@GATE46.TEST/.test(program.output()));
      });

      test("a message without a valid token is refused as the RFC says, and the log gives the reason", async () => {
        for (
          const [message, why] of [
            [gssMessage(1, new Uint8Array(500).fill(0x60)), /detail="Cannot accept the context: .*/],
            [gssMessage(1, new Uint8Array(0)), /detail="an empty token"/],
            [gssMessage(2, Uint8Array.of(1)), /a message of type 2 where one of type 1 is due/],
            [Uint8Array.of(1, 7, 0, 0), /MTYP 7/],
          ] as const
        ) {
          const client = await Tcp.to(program.addrs[0]!);
          client.write(concat(Uint8Array.of(5, 1, 1), message));
          assert.deepEqual(await client.read(4), Uint8Array.of(5, 1, 1, 255));
          assert.deepEqual(await client.rest(), new Uint8Array(0));
          client.close();
          await until(`the log says ${why}`, () => why.test(program.output()));
        }
      });

      test("SIGTERM ends the gateway with exit code 0", async () => {
        assert.equal(await program.stop(), 0);
      });
    });
  }
} else test("GSSAPI", { skip }, () => {});

async function replyOf(client: GssClient): Promise<RequestReply> {
  return client.level === 0 ? await readReply(client.tcp) : decodeReply(await client.receive(10))!.value;
}
