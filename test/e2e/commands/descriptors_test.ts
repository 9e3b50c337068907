import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { type Certificates, hasOpenssl, issue } from "../../support/tls/certificates.ts";
import { busyPart } from "../../support/program/processor_time.ts";
import { executables, portable, run, source, start, type Target, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask, credentials } from "../../support/wire/socks.ts";
import { echoServer, Tcp } from "../../support/wire/tcp.ts";
import { TlsPlace } from "../../support/tls/tls_place.ts";
import { until } from "../../support/program/until.ts";

const DESCRIPTORS = 300, FEW = 96;

/** The program with few descriptors. */
function startNarrow(target: Target, ...flags: readonly string[]) {
  // Descriptors are lacking for seconds before that is told, and then believed for some more.
  const narrow = ["env", "GATE46_TEST_HASTE=5", "sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$@"`, "sh"];
  return start(target, ["--admin=127.0.0.1:0", ...flags], narrow);
}

for (const target of targets) {
  const skip = skipped("descriptors_test.ts", process.platform === "linux" ? false : "this is not Linux");

  test(
    `${target.name}: clients that use all descriptors do not end the gateway, and /readyz answers 503`,
    { skip },
    async () => {
      const gateway = await startNarrow(target, "--listen=127.0.0.1:0", "--user=ann:pw", "--handshake-timeout=60s");
      const ann = await Tcp.to(gateway.addrs[0]!);
      ann.write(Uint8Array.of(5, 1, 2));
      assert.deepEqual([...await ann.read(2)], [5, 2]);
      const clients = await Promise.all(Array.from({ length: 500 }, () => Tcp.to(gateway.addrs[0]!)));
      const code = async (path: string) => (await fetch(`http://127.0.0.1:${gateway.admin!.port}${path}`)).status;
      await until("clients find none left", () => gateway.output().includes("accept failed"));
      const says = (path: string) => code(path).catch(() => undefined); // it may be refused a descriptor too
      await until("others should take the clients", async () => await says("/readyz") === 503);
      await until("nobody takes it for dead", async () => await says("/healthz") === 200);
      ann.write(credentials("ann", "pw")); // a thread that hashes them wants descriptors, for want of which Deno ends
      assert.deepEqual([...await ann.read(2)], [1, 0]);
      ann.close();
      // What was left goes to more of these than there are; the server of an older Deno ended then.
      const askers = await Promise.allSettled(Array.from({ length: 60 }, () => Tcp.to(gateway.admin!)));
      for (const asker of askers) if (asker.status === "fulfilled") asker.value.close();
      for (const client of clients) client.close();
      await until("all is well again", async () => await says("/readyz") === 200);
      assert.equal(await gateway.stop(), 0);
    },
  );

  // TLS may take more of them than its clients do: an accept loop of Bun span, an executable of Deno ended.
  const skipTls = skip || skipped("descriptors_test.ts, TLS", hasOpenssl ? false : "no openssl");
  test(`${target.name}: TLS clients that use all descriptors neither end the gateway nor keep a thread busy`, {
    skip: skipTls,
  }, async () => {
    const place = new TlsPlace();
    const [own] = issue([{ names: ["IP:127.0.0.1"] }]) as [Certificates];
    const gateway = await startNarrow(target, ...place.listener(own), "--handshake-timeout=60s");
    const clients = await Promise.all(Array.from({ length: 500 }, () => Tcp.to(gateway.addrs[0]!)));
    const code = async (path: string) => (await fetch(`http://127.0.0.1:${gateway.admin!.port}${path}`)).status;
    await until("clients find none left", () => /accept failed|too few descriptors/.test(gateway.output()));
    await until("it rests", async () => await busyPart(gateway.child.pid!) < 1 / 4, 30_000);
    const answers = (path: string) => code(path).catch(() => undefined); // it may be refused a descriptor too
    await until("nobody takes it for dead", async () => await answers("/healthz") === 200);
    for (const client of clients) client.close();
    await until("all is well again", async () => await answers("/readyz") === 200);
    assert.equal(await gateway.stop(), 0);
    await place.stop();
  });
  // What a runtime opens may have a number that is no descriptor: on Deno 2.4 that grew with each client.
  test(
    `${target.name}: the gateway serves three times as many TLS clients in sequence as it has descriptors, also through upstreams`,
    {
      skip: skipped(
        "descriptors_test.ts, TLS in a row",
        target === portable ? "that is the same thread's" : !hasOpenssl && "no openssl",
      ),
    },
    async () => {
      const place = new TlsPlace(), narrow = ["sh", "-c", `ulimit -n ${FEW}; exec "$@"`, "sh"];
      const echo = await echoServer("127.0.0.1");
      const [own] = issue([{ names: ["IP:127.0.0.1"] }]) as [Certificates];
      const open = ["--allow=127.0.0.1", "--admin=off", "--host=echo.test=127.0.0.1"];
      const gateway = await start(target, [...place.listener(own), ...open], narrow);
      const via = [`--via=socks5s://127.0.0.1:${gateway.addrs[0]!.port}`, `--via-ca=${place.file("ca.pem", own.ca)}`];
      const front = await start(target, ["--listen=127.0.0.1:0", "--admin=off", ...via], narrow);
      let served = 0;
      await Promise.all(Array.from({ length: 4 }, async () => {
        while (served < 3 * FEW) {
          const { client, reply } = await ask(front.addrs[0]!, Command.Connect, "echo.test", echo.addr.port);
          client.close();
          assert.equal(reply.reply, Reply.Succeeded, `client ${++served}: ${front.output()}${gateway.output()}`);
        }
      }));
      assert.deepEqual([await front.stop(), await gateway.stop()], [0, 0]);
      echo.close();
    },
  );
}

for (const target of [source, ...executables]) {
  const skip = skipped("descriptors_test.ts, start", process.platform === "linux" ? false : "this is not Linux");

  test(`${target.name}: too few descriptors for the workers are an error in one line`, { skip }, async () => {
    const flags = ["--listen=127.0.0.1:0", "--admin=off", "--engine=linux", "--workers=64"];
    const { code, stderr } = await run(
      { name: target.name, command: ["prlimit", "--nofile=64:64", ...target.command] },
      flags,
    );
    assert.equal(stderr, "gate46: Cannot start 64 workers: too few descriptors left\n");
    assert.equal(code, 1);
  });
}
