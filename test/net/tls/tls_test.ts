import assert from "node:assert/strict";
import { test } from "node:test";
import type { Listener, Socket } from "../../../src/net/socket.ts";
import type { TlsClientOptions } from "../../../src/net/tls/tls.ts";
import { type Certificates, hasOpenssl, issue } from "../../support/tls/certificates.ts";
import { type Accepting, libsslWay, runtimeWay, type TlsWay } from "../../support/tls/tls_ways.ts";
import { skipped } from "../../support/program/skipped.ts";
import { within } from "../../support/program/until.ts";

const none: Certificates = { ca: "", cert: "", key: "" };
const [good, expired, ann] = hasOpenssl
  ? issue([{ names: ["DNS:gw.test", "IP:127.0.0.1"] }, { names: ["DNS:gw.test"], days: -1 }, {
    names: ["DNS:ann"],
  }]) as [
    Certificates,
    Certificates,
    Certificates,
  ]
  : [none, none, none];
const [stranger] = hasOpenssl ? issue([{ names: ["DNS:gw.test"] }]) as [Certificates] : [none];
const closed = { kind: "closed", message: /^Cannot speak TLS: / };
const saying = (state: RegExp) => ({ name: "NetError", message: new RegExp(`^Cannot speak TLS: ${state.source}$`) });

const ways = [await runtimeWay(), await libsslWay()];

function tlsTest(
  title: string,
  body: (bench: Bench) => Promise<void>,
  lacking: (way: TlsWay) => string | false = () => false,
): void {
  for (const way of ways) {
    const full = `TLS by ${way.name}: ${title}`;
    const missing = hasOpenssl ? way.missing || lacking(way) : "no openssl";
    test(full, { skip: skipped(full, missing), timeout: 30_000 }, async () => {
      const bench = await Bench.open(way);
      try {
        await within(title, body(bench), 100_000);
        assert.deepEqual(way.faults, []);
      } finally {
        bench.close();
      }
    });
  }
}

class Bench {
  readonly way: TlsWay;
  readonly #listener: Listener;
  readonly #closing: { close(): void }[] = [];

  private constructor(way: TlsWay, listener: Listener) {
    this.way = way;
    this.#listener = listener;
    this.#closing.push(listener);
  }

  static async open(way: TlsWay): Promise<Bench> {
    return new Bench(way, await way.net.listen({ host: "127.0.0.1", port: 0 }));
  }

  acceptor(certificates = good, clientCa?: string): Accepting {
    const acceptor = this.way.acceptor({ ...certificates, clientCa });
    this.#closing.push(acceptor);
    return acceptor;
  }

  connect(socket: Socket, options: Partial<TlsClientOptions> = {}): Promise<Socket> {
    return this.way.connect(socket, { name: "gw.test", ca: good.ca, ...options });
  }

  /** A connection: what was accepted, and what connected. */
  async connection(): Promise<[Socket, Socket]> {
    const [server, client] = await Promise.all([this.#listener.accept(), this.way.net.connect(this.#listener.addr)]);
    this.#closing.push(server!, client);
    return [server!, client];
  }

  /** Both sides of a handshake. */
  async handshake(acceptor = this.acceptor(), options: Partial<TlsClientOptions> = {}) {
    const [server, client] = await this.connection();
    const accepted = acceptor.accept(server), connected = this.connect(client, options);
    for (const side of [accepted, connected]) side.then((socket) => this.#closing.push(socket), () => {});
    return { accepted, connected };
  }

  /** Both sides after a handshake. */
  async secured(): Promise<[Socket, Socket]> {
    const { accepted, connected } = await this.handshake();
    return await Promise.all([accepted, connected]);
  }

  close(): void {
    for (const one of this.#closing) one.close();
  }
}

async function all(socket: Socket): Promise<Uint8Array> {
  const chunks: number[] = [];
  for (let chunk = await socket.read(); chunk; chunk = await socket.read()) {
    for (const octet of chunk) chunks.push(octet);
  }
  return Uint8Array.from(chunks);
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (said: string) => new TextEncoder().encode(said);

for (const first of ["client", "server"] as const) {
  tlsTest(`after closeWrite() of the ${first}, the other direction continues`, async (bench) => {
    const both = await bench.secured();
    const [from, to] = first === "server" ? both : both.toReversed() as [Socket, Socket];
    await from.write(bytes("question"));
    await from.closeWrite();
    assert.equal(text(await all(to)), "question");
    await to.write(bytes("long "));
    await to.write(bytes("answer"));
    await to.closeWrite();
    assert.equal(text(await all(from)), "long answer");
  });
}

tlsTest("all bytes written before close() arrive, also with unread bytes from the peer", async (bench) => {
  const [server, client] = await bench.secured();
  await server.write(bytes("unread"));
  const all_ = all(server);
  await client.write(new Uint8Array(300_000));
  client.close();
  assert.equal((await all_).length, 300_000);
});

tlsTest("close() ends a pending read() with null", async (bench) => {
  const [server] = await bench.secured();
  const reading = server.read();
  server.close();
  assert.equal(await reading, null);
});

tlsTest("reset() fails the peer's read() as reset", async (bench) => {
  const [server, client] = await bench.secured();
  client.reset();
  await assert.rejects(server.read(), { kind: "reset" });
});

tlsTest("read() of the client and the server fails as reset after an end without close_notify", async (bench) => {
  for (const whose of ["client", "server"]) {
    const [server, client] = await bench.connection();
    const ends = await Promise.all([
      bench.acceptor().accept(server),
      bench.connect(client),
    ]);
    const [reader, writer] = whose === "client" ? ends : ends.reverse() as typeof ends;
    await writer.write(bytes("question"));
    assert.equal(text((await reader.read())!), "question");
    await (whose === "client" ? client : server).closeWrite();
    await assert.rejects(reader.read(), { kind: "reset" });
    for (const socket of [reader, writer]) socket.reset();
  }
});

tlsTest("read() fails as reset after an end within a record", async (bench) => {
  const [server, client] = await bench.connection();
  const [reader, writer] = await Promise.all([
    bench.acceptor().accept(server),
    bench.connect(client),
  ]);
  await writer.write(bytes("question"));
  assert.equal(text((await reader.read())!), "question");
  await client.write(Uint8Array.of(23, 3, 3, 1));
  await client.closeWrite();
  await assert.rejects(reader.read(), { kind: "reset" });
  for (const socket of [reader, writer]) socket.reset();
});

tlsTest("departures.over() waits until all bytes written before close() are sent", async (bench) => {
  const [server, client] = await bench.connection();
  const [reader, writer] = await Promise.all([
    bench.acceptor().accept(server),
    bench.connect(client),
  ]);
  let left = 0, ended = false;
  const { write, closeWrite } = client;
  client.write = async (bytes) => {
    await write.call(client, bytes);
    left += bytes.length;
  };
  client.closeWrite = () => {
    ended = true;
    return closeWrite.call(client);
  };
  const reading = all(reader);
  await writer.write(new Uint8Array(300_000));
  writer.close();
  await bench.way.departures.over();
  if (bench.way.pumps) assert.ok(ended && left > 300_000, `${left} octets`);
  assert.equal((await reading).length, 300_000);
});

tlsTest("write() waits for a slow reader", async (bench) => {
  const [server, client] = await bench.secured();
  const chunk = new Uint8Array(256 << 10);
  let written = 0;
  const write = async () => {
    for (; written < 256; written++) await client.write(chunk);
  };
  const writing = write().catch(() => {});
  let before = -1;
  while (before !== written) { // until a whole moment brings nothing
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  assert.ok(written < 200, `${written} chunks of 256 KiB are somewhere`);
  server.reset();
  client.reset();
  await writing;
});

tlsTest(
  "relay() passes on a forged record as a reset, not as the end",
  async (bench) => {
    const [server, client] = await bench.connection();
    const [near, far] = await bench.connection();
    const [secured] = await Promise.all([
      bench.acceptor().accept(server),
      bench.connect(client),
    ]);
    const relayed = bench.way.net.relay(secured, near, { idleMs: 60_000, counts: { up: 0, down: 0 } });
    const heard = assert.rejects(all(far), { kind: "reset" });
    await client.write(Uint8Array.of(0x17, 3, 3, 0, 32, ...new Uint8Array(32)));
    await heard;
    assert.equal(await relayed, "error");
  },
);

tlsTest("300 simultaneous handshakes succeed", async (bench) => {
  const acceptor = bench.acceptor();
  const connections = [];
  while (connections.length < 300) connections.push(await bench.connection());
  const secured = connections.flatMap(([server, client]) => [
    acceptor.accept(server),
    bench.connect(client),
  ]);
  for (const socket of await Promise.all(secured)) socket.reset();
});

tlsTest("the client accepts a certificate for the server's IP address", async (bench) => {
  const { accepted, connected } = await bench.handshake(undefined, { name: "127.0.0.1" });
  await Promise.all([accepted, connected]);
});

tlsTest("the client rejects a certificate for another name and reports the reason", async (bench) => {
  const { accepted, connected } = await bench.handshake(undefined, { name: "other.test" });
  await Promise.all([
    assert.rejects(connected, saying(/the certificate is for another name/)),
    assert.rejects(accepted, { name: "NetError" }),
  ]);
});

tlsTest("the client rejects a certificate of an unknown authority and reports the reason", async (bench) => {
  const { accepted, connected } = await bench.handshake(undefined, { ca: stranger.ca });
  await Promise.all([
    assert.rejects(connected, saying(/the certificate's authority is not trusted here/)),
    assert.rejects(accepted, { name: "NetError" }),
  ]);
});

tlsTest("the client rejects an expired certificate and reports the reason", async (bench) => {
  const { accepted, connected } = await bench.handshake(bench.acceptor(expired));
  await Promise.all([
    assert.rejects(connected, saying(/the certificate has expired/)),
    assert.rejects(accepted, { name: "NetError" }),
  ]);
});

const noClientCertificates = ({ asksForCertificates }: TlsWay) =>
  asksForCertificates ? false : "this Deno asks clients for no certificate";

tlsTest("the server accepts a client certificate of the client certificate authority", async (bench) => {
  const { accepted, connected } = await bench.handshake(bench.acceptor(good, good.ca), { identity: ann });
  await Promise.all([accepted, connected]);
}, noClientCertificates);

for (const [who, identity] of [["without a certificate", undefined], ["of another authority", stranger]] as const) {
  tlsTest(`the server refuses a client ${who}`, async (bench) => {
    const { accepted, connected } = await bench.handshake(bench.acceptor(good, good.ca), { identity });
    await assert.rejects(
      accepted,
      saying(/(no certificate was shown|the certificate's authority is not trusted here|the certificate is .*)/),
    );
    const client = await connected.catch(() => undefined); // TLS 1.3 lets it believe for a moment that it is in
    assert.equal(await client?.read().catch(() => null) ?? null, null);
  }, noClientCertificates);
}

tlsTest("the server refuses a client that does not speak TLS", async (bench) => {
  const [server, client] = await bench.connection();
  await client.write(bytes("\x05\x01\x00 and more than a record's head"));
  await assert.rejects(bench.acceptor().accept(server), saying(/the peer does not speak TLS/));
});

tlsTest("the client reports a server that does not speak TLS", async (bench) => {
  const [server, client] = await bench.connection();
  await server.write(bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await assert.rejects(bench.connect(client), saying(/the peer does not speak TLS/));
});

for (const said of ["", "\x16\x03\x01"]) {
  tlsTest(`the handshake fails when the client closes after ${said.length} bytes`, async (bench) => {
    const [server, client] = await bench.connection();
    const securing = bench.acceptor().accept(server);
    await client.write(bytes(said));
    client.close();
    await assert.rejects(securing, closed);
  });
}

tlsTest("the handshake fails when its socket closes", async (bench) => {
  const [server] = await bench.connection();
  const securing = bench.acceptor().accept(server);
  server.close();
  await assert.rejects(securing, closed);
});

tlsTest("the client rejects a private certificate authority when none is configured", async (bench) => {
  const { accepted, connected } = await bench.handshake(undefined, { ca: undefined });
  await Promise.all([
    assert.rejects(connected, saying(/the certificate's authority is not trusted here/)),
    assert.rejects(accepted, { name: "NetError" }),
  ]);
});
