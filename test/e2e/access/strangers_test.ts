import assert from "node:assert/strict";
import { connect } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { openNet } from "../../../src/net/open.ts";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { type Certificates, hasOpenssl, issue } from "../../support/tls/certificates.ts";
import { ScriptedDns } from "../../support/names/dns_server.ts";
import { start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { credentials, readReply, request } from "../../support/wire/socks.ts";
import { concat, echoServer, Tcp } from "../../support/wire/tcp.ts";
import { TlsPlace } from "../../support/tls/tls_place.ts";

const DESCRIPTORS = 1_024, ROUNDS = 2;

/** How many of each kind come in a round. */
const LEAVING = 100, GUESSERS = 4, GUESSES = 8, DEAD_NAMES = 40, HALF_OPEN = 40;

/** Where TLS is spoken: two listeners on port 0 of one address would be one. */
const SECURE = "127.0.0.6";

const PASSWORDS = Uint8Array.of(5, 1, 2);
const loggingIn = (name: string, password: string) => concat(PASSWORDS, credentials(name, password));

/** Everything that strangers hold open. */
class Strangers {
  readonly #plain: SocketAddr;
  readonly #secure: SocketAddr;
  readonly #staying: Tcp[] = [];

  constructor(plain: SocketAddr, secure: SocketAddr) {
    this.#plain = plain;
    this.#secure = secure;
  }

  attack(round: number): void {
    this.#leave(round);
    for (let i = 0; i < GUESSERS; i++) {
      const from = `127.0.1.${1 + GUESSERS * round + i}`;
      for (let j = 0; j < GUESSES; j++) this.#stay(from, loggingIn("ann", `guess ${j}`));
    }
    for (let i = 0; i < DEAD_NAMES; i++) {
      const asks = request(Command.Connect, `dead${round}-${i}.test`, 80);
      this.#stay("127.0.0.4", concat(loggingIn("mallory", "known"), asks));
    }
    for (let i = 0; i < HALF_OPEN; i++) {
      this.#stay("127.0.0.5", PASSWORDS.subarray(0, 2));
      this.#stay("127.0.0.5", Uint8Array.of(22, 3, 1, 2, 0), this.#secure);
    }
  }

  close(): void {
    for (const one of this.#staying.splice(0)) one.close();
  }

  /** Wrong passwords of those who do not wait for the answer. */
  #leave(round: number): void {
    for (let i = 0; i < LEAVING; i++) {
      const socket = connect({ ...this.#plain, localAddress: "127.0.0.3" });
      socket.on("error", () => {});
      socket.end(loggingIn("ann", `wrong ${round} ${i}`));
      socket.resume();
    }
  }

  #stay(localAddress: string, bytes: Uint8Array, { host, port } = this.#plain): void {
    const one = new Tcp(connect({ host, port, localAddress, allowHalfOpen: true }));
    one.write(bytes);
    this.#staying.push(one);
  }
}

for (const target of targets) {
  const skip = skipped(
    "strangers_test.ts",
    process.platform !== "linux" ? "this is not Linux" : hasOpenssl ? false : "no openssl",
  );
  test(
    `${target.name}: during attacks of all kinds at once a legitimate client logs in, resolves a name and relays, and a drain ends`,
    {
      skip,
    },
    async () => {
      const net = await openNet();
      const place = new TlsPlace();
      const [own] = issue([{ names: [`IP:${SECURE}`] }]) as [Certificates];
      const dns = await ScriptedDns.start(net, { host: "127.0.0.1", port: 0 });
      dns.records("A", "live.test", 300, "127.0.0.1");
      dns.set("AAAA", "live.test", {});
      for (let i = 0; i < ROUNDS * DEAD_NAMES; i++) {
        const name = `dead${Math.floor(i / DEAD_NAMES)}-${i % DEAD_NAMES}.test`;
        for (const type of ["A", "AAAA"]) dns.set(type, name, { silent: true });
      }
      const server = await echoServer("127.0.0.1");
      const gateway = await start(target, [
        "--listen=127.0.0.1:0",
        ...place.listener(own, "own", `${SECURE}:0`),
        "--admin=off",
        "--allow=127.0.0.0/8",
        `--dns=127.0.0.1:${dns.addr.port}`,
        "--user=ann:right",
        "--user=mallory:known",
        "--max-failures=3",
        "--handshake-timeout=90s", // one hashing takes 2 s and more where all cores are busy
        "--drain=1s",
      ], ["prlimit", `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`]);
      const [plain, secure] = gateway.addrs as [SocketAddr, SocketAddr];
      const strangers = new Strangers(plain, secure);
      try {
        for (let round = 0; round < ROUNDS; round++) {
          strangers.attack(round);
          await relays(
            new Tcp(connect({ ...plain, localAddress: "127.0.0.2", allowHalfOpen: true })),
            server.addr.port,
          );
        }
        const options = { ...secure, localAddress: "127.0.0.2", ca: own.ca, allowHalfOpen: true };
        await relays(new Tcp(connectTls(options)), server.addr.port);
        assert.equal(await gateway.stop(), 0, "a drain ends, whatever they still wait for");
      } catch (error) {
        console.log(gateway.output().slice(-4_000));
        throw error;
      } finally {
        gateway.signal("SIGKILL");
        strangers.close();
        dns.close();
        server.close();
        await place.stop();
      }
    },
  );
}

/** As ann, by a name, and there and back. */
async function relays(innocent: Tcp, port: number): Promise<void> {
  innocent.write(loggingIn("ann", "right"));
  assert.deepEqual(await innocent.read(4), Uint8Array.of(5, 2, 1, 0));
  innocent.write(request(Command.Connect, "live.test", port));
  assert.equal((await readReply(innocent)).reply, Reply.Succeeded);
  innocent.write("there and back");
  assert.equal(new TextDecoder().decode(await innocent.read(14)), "there and back");
  innocent.close();
}
