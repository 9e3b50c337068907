import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import process from "node:process";
import { type Certificates, issue } from "../../support/tls/certificates.ts";
import { programs, run, shell, targets, workers } from "../../support/program/program.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer, Tcp } from "../../support/wire/tcp.ts";
import { tlsTest } from "../../support/tls/tls_place.ts";
import { openLibssl } from "../../support/tls/tls_ways.ts";
import { until, within } from "../../support/program/until.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";

const hasNcat = spawnSync("ncat", ["--version"]).status === 0;
const found = await openLibssl();
const GREETING = "\x05\x01\x00";

/** What a gateway answers to a greeting through TLS, to openssl; nothing where it lets nobody in. */
async function greeted(addr: SocketAddr, ca: string, ...flags: readonly string[]): Promise<string> {
  const known = ["-CAfile", ca, "-verify_quiet", "-verify_return_error"];
  const args = ["s_client", "-quiet", ...known, "-connect", `${addr.host}:${addr.port}`, ...flags];
  const child = spawn("openssl", args, { stdio: ["pipe", "pipe", "ignore"] });
  let answer = "";
  const over = new Promise<void>((resolve) => child.on("close", () => resolve()));
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    answer += text;
    if (answer.length >= 2) process.kill(child.pid!, "SIGKILL");
  });
  child.stdin!.on("error", () => {}); // refused already
  child.stdin!.write(GREETING);
  await within("openssl", over);
  return answer;
}

async function echoesThrough(gateway: SocketAddr, name: string, port: number): Promise<void> {
  const { client, reply } = await ask(gateway, Command.Connect, name, port);
  assert.equal(reply.reply, Reply.Succeeded, name);
  client.write("ping");
  client.socket.end(); // the echo comes all the same, and its end
  assert.equal(new TextDecoder().decode(await client.rest()), "ping");
}

for (const target of targets) {
  tlsTest(target, "as the first, a middle and the last gateway of a chain, with half-close", async (place) => {
    const echo = await echoServer("127.0.0.1");
    const [certificates] = issue([{ names: ["IP:127.0.0.1"] }]) as [Certificates];
    const names = ["first.test", "middle.test", "last.test"].map((name) => `--host=${name}=127.0.0.1`);
    const open = ["--allow=127.0.0.1", ...names];
    const secure = await place.start(target, ...place.listener(certificates), ...open);
    const plain = await place.start(target, "--listen=socks5://127.0.0.1:0", ...open);
    const [s, p] = [`socks5s://127.0.0.1:${secure.addrs[0]!.port}`, `socks5://127.0.0.1:${plain.addrs[0]!.port}`];
    const rule = (name: string, via: readonly string[]) =>
      `[[rules]]\naction = "allow"\nnames = "${name}.test"\nvia = ${JSON.stringify(via)}\n`;
    const file = place.file(
      "front.toml",
      `via_ca = "${place.file("ca.pem", certificates.ca)}"\nlisten = "127.0.0.1:0"\n` +
        rule("first", [s, p]) + rule("middle", [p, s, p]) + rule("last", [p, s]),
    );
    const front = await place.start(target, `--config=${file}`);
    for (const name of ["first", "middle", "last"]) {
      await echoesThrough(front.addrs[0]!, `${name}.test`, echo.addr.port);
    }
    const middle = /via="socks5:\/\/127.0.0.1:\d+ > socks5s:\/\/127.0.0.1:\d+ > /;
    await until("the log shows the chain", () => middle.test(front.output()));
    echo.close();
  });

  tlsTest(target, "a reload gives new clients a new certificate, and sessions continue", async (place) => {
    const echo = await echoServer("127.0.0.1");
    const [first] = issue([{ names: ["IP:127.0.0.1"] }]) as [Certificates];
    const [second] = issue([{ names: ["IP:127.0.0.1"] }]) as [Certificates];
    const cas = [place.file("first.ca", first.ca), place.file("second.ca", second.ca)] as const;
    const gateway = await place.start(
      target,
      ...place.listener(first),
      "--allow=127.0.0.1",
      "--host=echo.test=127.0.0.1",
      ...workers(target, 2),
    );
    const [addr] = gateway.addrs as [SocketAddr];
    const front = await place.start(
      target,
      "--listen=127.0.0.1:0",
      `--via=socks5s://127.0.0.1:${addr.port}`,
      `--via-ca=${cas[0]}`,
    );
    const { client, reply } = await ask(front.addrs[0]!, Command.Connect, "echo.test", echo.addr.port);
    assert.equal(reply.reply, Reply.Succeeded);
    place.file("own.key", second.key); // of which the certificate is not there yet
    gateway.signal("SIGHUP");
    await until("a pair that does not match is refused", () => gateway.output().includes("not reloaded"));
    assert.match(gateway.output(), /Cannot use \S+own\.key: it is not the key of the certificate in \S+own\.cert/);
    assert.equal(await greeted(addr, cas[0]), "\x05\x00");
    place.file("own.cert", second.cert);
    gateway.signal("SIGHUP");
    await until("it is reloaded", () => /info reloaded/.test(gateway.output()));
    for (let i = 0; i < 4; i++) assert.equal(await greeted(addr, cas[1]), "\x05\x00"); // of each worker
    assert.equal(await greeted(addr, cas[0]), "");
    client.write("x");
    assert.deepEqual([...await client.read(1)], [0x78]);
    client.close();
    assert.ok(!gateway.output().includes("PRIVATE"));
    echo.close();
  });

  tlsTest(target, "silent clients, garbage and half handshakes free their sessions", async (place) => {
    const [certificates] = issue([{ names: ["IP:127.0.0.1"] }]) as [Certificates];
    const ca = place.file("ca.pem", certificates.ca);
    const gateway = await place.start(
      target,
      ...place.listener(certificates),
      "--handshake-timeout=5s",
      "--max-sessions=2",
    );
    const [addr] = gateway.addrs as [SocketAddr];
    const ended = (how: RegExp) => Array.from(gateway.output().matchAll(how)).length;
    const silent = await Tcp.to(addr), half = await Tcp.to(addr);
    half.write("\x16\x03\x01\x02");
    await Promise.all([silent.end(), half.end()]);
    await until("both are told as late", () => ended(/end=handshake-timeout/g) === 2);
    const garbage = await Tcp.to(addr);
    garbage.write("GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    await garbage.end();
    await until(
      "garbage is told",
      () => ended(/end=error detail="Cannot speak TLS: the peer does not speak TLS"/g) === 1,
    );
    const quitter = await Tcp.to(addr);
    quitter.write("\x16\x03");
    quitter.close();
    await until("who left is told", () => ended(/end=(client-left|reset)/g) === 1);
    await until("of three one is turned away", async () => {
      const three = await Promise.all([1, 2, 3].map(() => Tcp.to(addr)));
      await Promise.all(three.map((one) => one.end()));
      return gateway.output().includes("reason=too-many-sessions");
    });
    await until("there is room again", async () => await greeted(addr, ca) === "\x05\x00");
  });
}

for (const target of programs) {
  const old = target.name === "gate46-deno" ? "Deno before 2.9 does not ask for certificates" : false;
  const asksNobody = found ? false : old;

  tlsTest(
    target,
    "an upstream without a valid certificate is not used, and the log gives the reason",
    async (place) => {
      const [good, expired, other] = issue([
        { names: ["IP:127.0.0.1"] },
        { names: ["IP:127.0.0.1"], days: -1 },
        { names: ["DNS:other.test"] },
      ]) as [Certificates, Certificates, Certificates];
      const [stranger] = issue([{ names: ["IP:127.0.0.1"] }]) as [Certificates];
      const plain = await place.start(target, "--listen=127.0.0.1:0");
      const rows = [
        ["expired", expired, "the certificate has expired"],
        ["other", other, "the certificate is for another name"],
        ["stranger", stranger, "the certificate's authority is not trusted here"],
      ] as const;
      let toml = `via_ca = "${place.file("ca.pem", good.ca)}"\nlisten = "127.0.0.1:0"\nprobe_interval = 0\n`;
      for (const [name, certificates] of rows) {
        const gateway = await place.start(target, ...place.listener(certificates, name));
        toml += `[[rules]]\naction = "allow"\nnames = "${name}.test"\nvia = "socks5s://127.0.0.1:${
          gateway.addrs[0]!.port
        }"\n`;
      }
      toml += `[[rules]]\naction = "allow"\nnames = "none.test"\nvia = "socks5s://127.0.0.1:${plain.addrs[0]!.port}"\n`;
      const front = await place.start(target, `--config=${place.file("front.toml", toml)}`, "--handshake-timeout=30s");
      for (const [name, , state] of rows) {
        const { client, reply } = await ask(front.addrs[0]!, Command.Connect, `${name}.test`, 80);
        assert.equal(reply.reply, Reply.GeneralFailure, name);
        client.close();
        await until(`the log says '${state}'`, () => front.output().includes(`Cannot speak TLS: ${state}`));
      }
      const { client, reply } = await ask(front.addrs[0]!, Command.Connect, "none.test", 80);
      assert.equal(reply.reply, Reply.GeneralFailure);
      client.close();
    },
  );

  tlsTest(target, "a client without a certificate of --tls-client-ca is refused in the handshake", async (place) => {
    const [own, ann] = issue([{ names: ["IP:127.0.0.1"] }, { names: ["DNS:ann"] }]) as [Certificates, Certificates];
    const [stranger] = issue([{ names: ["DNS:ann"] }]) as [Certificates];
    const ca = place.file("ca.pem", own.ca);
    const gateway = await place.start(target, ...place.listener(own), `--tls-client-ca=${ca}`);
    const [addr] = gateway.addrs as [SocketAddr];
    const shown = (who: string, { cert, key }: Certificates) =>
      ["-cert", place.file(`${who}.cert`, cert), "-key", place.file(`${who}.key`, key)] as const;
    assert.equal(await greeted(addr, ca, ...shown("ann", ann)), "\x05\x00");
    assert.equal(await greeted(addr, ca), "");
    assert.equal(await greeted(addr, ca, ...shown("stranger", stranger)), "");
    await until("both are told", () => gateway.output().split("Cannot speak TLS: ").length === 3);
    const via = [`--via=socks5s://127.0.0.1:${addr.port}`, `--via-ca=${ca}`];
    const identity = [`--via-cert=${place.file("ann.cert", ann.cert)}`, `--via-key=${place.file("ann.key", ann.key)}`];
    const front = await place.start(target, "--listen=127.0.0.1:0", ...via, ...identity);
    const { client, reply } = await ask(front.addrs[0]!, Command.Connect, "127.0.0.1", 1);
    assert.equal(reply.reply, Reply.NotAllowed); // by the gateway behind TLS, or this one: loopback
    client.close();
    await until("the front is let in", () => front.output().includes("upstream up"));
  }, asksNobody);

  tlsTest(target, "a session ticket issued under another --tls-client-ca is refused", async (place) => {
    const [own, ann] = issue([{ names: ["IP:127.0.0.1"] }, { names: ["DNS:ann"] }]) as [Certificates, Certificates];
    const [other] = issue([{ names: ["DNS:other"] }]) as [Certificates];
    const ca = place.file("ca.pem", own.ca), clientCa = place.file("clients.pem", own.ca);
    const gateway = await place.start(target, ...place.listener(own), `--tls-client-ca=${clientCa}`);
    const [addr] = gateway.addrs as [SocketAddr];
    const shown = ["-cert", place.file("ann.cert", ann.cert), "-key", place.file("ann.key", ann.key)];
    const versions = ["-tls1_2", "-tls1_3"].map((version) => ({ version, ticket: place.file(`ticket${version}`, "") }));
    for (const { version, ticket } of versions) {
      assert.equal(await greeted(addr, ca, version, ...shown, "-sess_out", ticket), "\x05\x00");
    }
    place.file("clients.pem", other.ca);
    gateway.signal("SIGHUP");
    await until("it is reloaded", () => gateway.output().includes("info reloaded"));
    for (const { version, ticket } of versions) {
      const resumed = readFileSync(ticket, "utf8") === "" ? [] : ["-sess_in", ticket];
      assert.equal(await greeted(addr, ca, version, ...shown, ...resumed), "", version);
    }
  }, asksNobody);

  for (const key of ["rsa:2048", "ed25519"]) {
    tlsTest(target, `a key of ${key}`, async (place) => {
      const [own] = issue([{ names: ["IP:127.0.0.1"], key }]) as [Certificates];
      const gateway = await place.start(target, ...place.listener(own));
      assert.equal(await greeted(gateway.addrs[0]!, place.file("ca.pem", own.ca)), "\x05\x00");
    });
  }

  tlsTest(target, "ncat --ssl connects", async (place) => {
    const [certificates] = issue([{ names: ["IP:127.0.0.1"] }]) as [Certificates];
    const gateway = await place.start(target, ...place.listener(certificates));
    const [{ port }] = gateway.addrs as [SocketAddr];
    const { stdout } = await shell(["timeout", "60", "ncat", "--ssl", "127.0.0.1", String(port)], GREETING);
    assert.equal(stdout, "\x05\x00");
  }, hasNcat ? false : "no ncat");

  tlsTest(target, "a wrong file is an error in one line, without the file's content", async (place) => {
    const [own, other] = issue([{ names: ["IP:127.0.0.1"] }, { names: ["IP:127.0.0.1"] }]) as [
      Certificates,
      Certificates,
    ];
    const cert = place.file("cert", own.cert), key = place.file("key", own.key);
    const none = place.file("none", "SECRET"), another = place.file("another", other.key);
    const closed = place.file("closed", own.key);
    // On Deno it was told to nobody, and each client was refused.
    const chain = place.file("chain", `${own.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`);
    chmodSync(closed, 0);
    const rows = [
      [cert, `${key}.missing`, `Cannot read ${key}.missing: it is not there (ENOENT); --tls-key`],
      [none, key, `Cannot use ${none}: no certificate in PEM there`],
      ...old ? [] : [[chain, key, `Cannot use ${chain}: certificate 2 in it is not valid`]] as const,
      [cert, none, `Cannot use ${none}: no private key in PEM there that can be read without a password`],
      [cert, another, `Cannot use ${another}: it is not the key of the certificate in ${cert}`],
      ...process.getuid?.() === 0
        ? []
        : [[cert, closed, `Cannot read ${closed}: not allowed (EACCES); --tls-key`]] as const,
    ] as const;
    for (const [certFile, keyFile, message] of rows) {
      const flags = ["--listen=socks5s://127.0.0.1:0", `--tls-cert=${certFile}`, `--tls-key=${keyFile}`];
      const { code, stderr } = await run(target, ["--admin=off", ...flags]);
      assert.deepEqual([code, stderr.trim()], [2, `gate46: ${message}`]);
    }
  });
}
