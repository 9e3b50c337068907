import assert from "node:assert/strict";
import { once } from "node:events";
import { renameSync } from "node:fs";
import { after, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { decodeReply } from "../../../src/protocol/request.ts";
import { GssClient, gssMessage } from "../../support/kerberos/gss_client.ts";
import { type Initiator, Initiators } from "../../support/kerberos/initiator.ts";
import { Kdc, noKerberos } from "../../support/kerberos/kdc.ts";
import { commandOf } from "../../support/program/command.ts";
import { executables, type Program, programs, run, shell, source, start } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";
import { certificatesFor, hasOpenssl } from "../../support/tls/certificates.ts";
import { credentials, request } from "../../support/wire/socks.ts";
import { echoServer, Tcp } from "../../support/wire/tcp.ts";

const skip = skipped("gssapi_tickets_test, tickets of a KDC", noKerberos);
const SERVICE = "rcmd/localhost", flags = ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.1"];

if (!skip) {
  const kdc = await Kdc.start("clockskew = 1");
  const keytab = kdc.service(SERVICE);
  kdc.service("HTTP/localhost");
  const alice = kdc.user("alice", [SERVICE]), bob = kdc.user("bob", [SERVICE]);
  const initiators = new Initiators(kdc.environment);
  const server = await echoServer("127.0.0.1"), other = await echoServer("127.0.0.1");
  const environment = ["env", ...Object.entries(kdc.environment).map(([name, value]) => `${name}=${value}`)];
  const gateway = (...more: readonly string[]) =>
    start(source, [...flags, `--gssapi-keytab=${keytab}`, ...more], environment);
  after(() => {
    for (const one of [server, other]) one.close();
    initiators.close();
    kdc.stop();
  });
  const begin = (ccache = alice, ...flags: readonly string[]) => initiators.begin(ccache, SERVICE, ...flags);

  /** The reply to CONNECT. */
  const connect = async (client: GssClient, port = server.addr.port) => {
    await client.send(request(Command.Connect, "127.0.0.1", port));
    return decodeReply(await client.receive(10))!.value.reply;
  };
  const refused = async (program: Program, initiator: Promise<Initiator>, why: RegExp) => {
    await assert.rejects(async () => (await GssClient.open(program.addrs[0]!, await initiator, 1)).close(), /refused/);
    await until(`the log says ${why}`, () => why.test(program.output()));
  };

  test("principals are user names in rules and in [[users]] limits, without a password", async () => {
    const program = await gateway(`--config=${
      kdc.write(
        "rules.toml",
        `gssapi_keytab = "${keytab}"
[[users]]
name = "alice@GATE46.TEST"
max_sessions = 1
[[rules]]
action = "deny"
users = "bob@GATE46.TEST"
ports = ${server.addr.port}
`,
      )
    }`);
    const [first, second, third] = await Promise.all(
      [alice, alice, bob].map(async (ccache) => GssClient.open(program.addrs[0]!, await begin(ccache), 1)),
    ) as [GssClient, GssClient, GssClient];
    assert.equal(await connect(first), Reply.Succeeded);
    assert.equal(await connect(second), Reply.NotAllowed, "of one user at a time");
    assert.equal(await connect(third), Reply.NotAllowed, "by the rule");
    const fourth = await GssClient.open(program.addrs[0]!, await begin(bob), 1);
    assert.equal(await connect(fourth, other.addr.port), Reply.Succeeded);
    for (const one of [first, second, third, fourth]) one.close();
    assert.equal(await program.stop(), 0);
  });

  test("--gssapi-user=local uses local names; curl, which offers method 01 even without a ticket, can log in by password", async () => {
    const program = await gateway("--gssapi-user=local", "--user=ann:pw");
    const client = await GssClient.open(program.addrs[0]!, await begin(), 2);
    assert.equal(await connect(client), Reply.Succeeded);
    client.close();
    await until("alice is told", () => /user=alice method=gssapi protection=confidentiality/.test(program.output()));
    const curl = await Tcp.to(program.addrs[0]!);
    curl.write(Uint8Array.of(5, 3, 0, 1, 2));
    assert.deepEqual(await curl.read(2), Uint8Array.of(5, 2));
    curl.write(credentials("ann", "pw"));
    assert.deepEqual(await curl.read(2), Uint8Array.of(1, 0));
    curl.close();
    assert.equal(await program.stop(), 0);
  });

  test("a service of another name, no mutual authentication, and SPNEGO are refused", async () => {
    const program = await gateway("--gssapi-service=HTTP");
    await refused(program, begin(), /detail="Cannot accept the context: [^"]*(rcmd|HTTP|principal|No key)/i);
    await program.stop();
    const open = await gateway("--gssapi-service=rcmd@localhost");
    (await GssClient.open(open.addrs[0]!, await begin(), 1)).close();
    await refused(open, begin(alice, "replay_detection,integrity"), /not by a key of both sides/);
    const spnego = await begin(alice, "mutual_authentication,spnego");
    await assert.rejects(GssClient.open(open.addrs[0]!, spnego, 1), /refused/);
    await open.stop();
  });

  test("a token older than the permitted clock skew is refused", async () => {
    const program = await gateway();
    const { token } = await (await begin()).step();
    const answer = async () => {
      const client = await Tcp.to(program.addrs[0]!);
      client.write(Uint8Array.of(5, 1, 1, ...gssMessage(1, token)));
      const said = await client.read(4);
      client.close();
      return said[3];
    };
    assert.equal(await answer(), 1);
    await until("it is too old", async () => await answer() === 0xff);
    await until("the log says so", () => /Clock skew too great/.test(program.output()));
    await program.stop();
  });

  test("a session outlives its ticket; with an expired ticket the client's own library refuses to begin", async () => {
    const carol = kdc.user("carol", [], "3s");
    const program = await gateway();
    const client = await GssClient.open(program.addrs[0]!, await begin(carol), 2);
    assert.equal(await connect(client), Reply.Succeeded);
    await until("the ticket is over", async () => {
      try {
        await (await begin(carol)).step();
        return false;
      } catch (error) {
        return /expired|No Kerberos credentials|ExpiredCredentials/i.test(String(error));
      }
    });
    await client.send(Uint8Array.of(1, 2, 3));
    assert.deepEqual(await client.receive(3), Uint8Array.of(1, 2, 3));
    client.close();
    await program.stop();
  });

  test("a replaced keytab file takes effect at once: tickets for the old key are refused, tickets for the new key are accepted", async () => {
    const own = kdc.service("moving/localhost", "moving"), ccache = kdc.user("dora", ["moving/localhost"]);
    const program = await start(source, [...flags, `--gssapi-keytab=${own}`], environment);
    const moving = () => initiators.begin(ccache, "moving/localhost");
    (await GssClient.open(program.addrs[0]!, await moving(), 1)).close();
    const next = kdc.addKey("moving/localhost", "moving.next"); // has the next key alone
    renameSync(next, own);
    await refused(program, moving(), /kvno|key version|No key table entry|Cannot find key/i);
    const fresh = await initiators.begin(kdc.user("emma"), "moving/localhost");
    (await GssClient.open(program.addrs[0]!, fresh, 1)).close();
    await program.stop();
  });

  test("a reload adds and removes a keytab; a file that is not a keytab makes the reload fail", async () => {
    const config = kdc.write("reload.toml", "open = true\n");
    const program = await start(source, [...flags, `--config=${config}`], environment);
    const methods = async () => {
      const client = await Tcp.to(program.addrs[0]!);
      client.write(Uint8Array.of(5, 2, 0, 1));
      const [, method] = await client.read(2);
      client.close();
      return method;
    };
    const reload = async (toml: string, said: RegExp) => {
      kdc.write("reload.toml", `open = true\n${toml}`);
      const before = program.output().length;
      program.signal("SIGHUP");
      await until(`it says ${said}`, () => said.test(program.output().slice(before)));
    };
    assert.equal(await methods(), 0);
    await reload(`gssapi_keytab = "${keytab}"\n`, /info reloaded/);
    assert.equal(await methods(), 1);
    const client = await GssClient.open(program.addrs[0]!, await begin(), 1);
    await reload(`gssapi_keytab = "${config}"\n`, /not reloaded.*not a keytab/);
    assert.equal(await methods(), 1);
    await reload("", /info reloaded/);
    assert.equal(await methods(), 0);
    assert.equal(await connect(client), Reply.Succeeded, "who came before keeps what they have");
    client.close();
    await program.stop();
  });

  test("--gssapi-nec uses the protection level of the request, and the replay cache refuses a repeated token", async () => {
    const program = await gateway(
      "--gssapi-nec",
      `--gssapi-replay-cache=${kdc.folder}/replay`,
      "--gssapi-protection=none",
    );
    const initiator = await begin();
    const shown = gssMessage(1, (await initiator.step()).token);
    for (const answer of [1, 0xff]) {
      const client = await Tcp.to(program.addrs[0]!);
      client.write(Uint8Array.of(5, 1, 1, ...shown));
      assert.equal((await client.read(4))[3], answer);
      if (answer === 1) {
        const [high, low] = await client.read(2);
        await initiator.step(await client.read(high! * 256 + low!));
        client.write(gssMessage(2, Uint8Array.of(1)));
        assert.deepEqual(await client.read(5), gssMessage(2, Uint8Array.of(1)));
        const wrapped = new GssClient(client, initiator);
        wrapped.level = 1;
        assert.equal(await connect(wrapped), Reply.Succeeded);
      }
      client.close();
    }
    await until("the log says so", () => /replay/i.test(program.output()));
    await program.stop();
  });

  test("GSSAPI works inside TLS as without TLS", { skip: !hasOpenssl && "no openssl" }, async () => {
    const { cert, key, ca } = certificatesFor("DNS:localhost");
    const [certFile, keyFile] = [kdc.write("cert.pem", cert), kdc.write("key.pem", key)];
    const program = await gateway("--listen=socks5s://[::1]:0", `--tls-cert=${certFile}`, `--tls-key=${keyFile}`);
    const { host, port } = program.addrs[1]!;
    const socket = connectTls({ host, port, ca, servername: "localhost" });
    const tcp = new Tcp(socket);
    await once(socket, "secureConnect");
    const client = await GssClient.open(tcp, await begin(), 2);
    assert.equal(await connect(client), Reply.Succeeded);
    await client.send(Uint8Array.of(1, 2));
    assert.deepEqual(await client.receive(2), Uint8Array.of(1, 2));
    client.close();
    await program.stop();
  });

  test("HTTP: the gateway offers Negotiate and Basic, and curl logs in with a ticket or a password", async () => {
    const program = await gateway("--user=ann:pw");
    const curl = (ccache: string, ...args: readonly string[]) =>
      shell(
        ["/usr/bin/curl", "-sS", "-i", "-p", "--max-time", "10", "-x", `http://localhost:${program.addrs[0]!.port}`]
          .concat(args, `http://127.0.0.1:${server.addr.port}/`),
        "",
        { ...kdc.environment, KRB5CCNAME: ccache },
      );
    const asked = await curl(alice);
    assert.match(asked.stdout, /407[^]*Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic/);
    const shown = curl(alice, "--proxy-negotiate", "-U", ":");
    await until(
      "alice is told",
      () => /user="?alice@GATE46.TEST"? method=gssapi protection=none/.test(program.output()),
    );
    await shown; // whose server speaks no HTTP
    const none = await curl("FILE:/nowhere", "--proxy-negotiate", "-U", ":");
    assert.match(none.stdout, /407/);
    await program.stop();
  });

  for (const target of programs) {
    describe(`GSSAPI in commands and at startup, ${target.name}`, () => {
      const told = (command: string, toml: string, env: Readonly<Record<string, string>> = {}) =>
        commandOf(
          target,
          command === "check"
            ? ["check", kdc.write("check.toml", toml)]
            : [command, "--config", kdc.write("check.toml", `${toml}admin = "off"\nlisten = "127.0.0.1:0"\n`)],
          { ...kdc.environment, ...env },
        );

      test("check and doctor report the keys and the replay cache", async () => {
        const good = `gssapi_keytab = "${keytab}"\ngssapi_replay_cache = "${kdc.folder}/new"\n`;
        const checked = await told("check", good);
        assert.equal(checked.code, 0);
        assert.match(checked.stdout, /^key of GSSAPI: rcmd\/localhost@GATE46.TEST, kvno 2: aes256-[^]* is valid\n$/);
        const { stdout } = await told("doctor", good);
        assert.match(stdout, /ok +GSSAPI +rcmd\/localhost@GATE46.TEST, kvno 2: aes256-cts-hmac-sha1-96, aes128/);
        assert.match(stdout, /ok +GSSAPI +the library lets clients in/);
        const bad = await told("check", `gssapi_keytab = "${keytab}"\ngssapi_replay_cache = "/nowhere/cache"\n`);
        assert.match(bad.stderr, /Cannot use --gssapi-replay-cache \/nowhere\/cache: it is not there \(ENOENT\)/);
        const none = await told("check", `gssapi_keytab = "${keytab}"\ngssapi_service = "imap"\n`);
        assert.match(none.stderr, /no key of the service imap in it, only of rcmd\/localhost@GATE46.TEST/);
      });
    });
  }

  for (const target of [source, ...executables]) {
    test(`without the GSSAPI library the gateway does not start with a keytab, and the error names the package: ${target.name}`, async () => {
      kdc.write("libgssapi_krb5.so.2", "");
      const command = ["env", `LD_LIBRARY_PATH=${kdc.folder}`, ...target.command];
      const { code, stderr } = await run({ name: target.name, command }, [...flags, `--gssapi-keytab=${keytab}`]);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /Cannot use --gssapi-keytab: libgssapi_krb5.so.2 is not here \(Debian's package libgssapi-krb5-2/,
      );
    });
  }
} else test("GSSAPI: tickets", { skip }, () => {});
