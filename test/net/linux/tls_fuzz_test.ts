import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { libraryNames } from "../../../src/net/linux/tls/libssl.ts";
import { NetError } from "../../../src/net/error.ts";
import type { Pointer } from "../../../src/net/kernel/libc/library.ts";
import { libraryOpener } from "../../../src/net/open.ts";
import type { Socket } from "../../../src/net/socket.ts";
import { skipped, slow } from "../../support/program/skipped.ts";
import { until, within } from "../../support/program/until.ts";
import { noSealedPlace, type SealedPlace, sealedPlace } from "../../support/tls/sealed_place.ts";
import { trueHellos } from "../../support/tls/client_hellos.ts";

/** What the program has no need of. */
const changing = (await libraryOpener())(libraryNames, { SSL_key_update: "oi:i" })?.functions;

/** So many changes of keys take more than one buffer of libssl, and fit the kernel's. */
const CHANGES = 2_000;

const anyone = { client: "192.0.2.1" };

/** How a stranger ends. */
const ends = fc.constantFrom("close" as const, "closeWrite" as const, "reset" as const);

const octets = fc.uint8Array({ maxLength: 300 });

/** A record that may be none. */
const records = fc.tuple(
  fc.constantFrom(20, 21, 22, 23, 24, 0x80, 0),
  fc.constantFrom(0x0301, 0x0303, 0x0304, 0xffff),
  fc.option(fc.nat(0xffff), { nil: undefined }),
  octets,
).map(([type, version, size, body]) => {
  const length = size ?? body.length;
  return Uint8Array.of(type, version >> 8, version & 0xff, length >> 8, length & 0xff, ...body);
});

/** A true ClientHello with some octets changed, or cut off. */
const hellos = fc.tuple(
  fc.constantFrom(...trueHellos.map(({ bytes }) => bytes)),
  fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
  fc.option(fc.nat(), { nil: undefined }),
).map(([hello, changes, size]) => {
  const bytes = hello.slice(0, size === undefined ? undefined : size % (hello.length + 1));
  for (const [at, octet] of changes) if (bytes.length > 0) bytes[at % bytes.length] = octet;
  return bytes;
});

async function say(socket: Socket, chunks: readonly Uint8Array[]): Promise<void> {
  for (const chunk of chunks) {
    await socket.write(chunk);
    await new Promise((resolve) => setTimeout(resolve, 0)); // to be heard one by one
  }
}

async function finish(socket: Socket, how: "close" | "closeWrite" | "reset"): Promise<void> {
  await socket[how]();
  if (how !== "closeWrite") return;
  while (await socket.read().catch(() => null) !== null);
  socket.close();
}

/** Reads until there is no more, and closes. */
async function drain(socket: Socket): Promise<void> {
  try {
    while (await socket.read() !== null);
  } catch (error) {
    assert.ok(error instanceof NetError, String(error));
  }
  socket.close();
}

/** A stranger's octets in place of a handshake. */
async function beforeHandshake(
  { connection, tls }: SealedPlace,
  chunks: readonly Uint8Array[],
  early: boolean,
  how: End,
) {
  const [server, client] = await connection();
  const accepted = tls.accept(server, anyone, early ? chunks[0] : undefined).then(drain, (error) => {
    assert.ok(error instanceof NetError, String(error));
  });
  await say(client, chunks).catch(() => {});
  await finish(client, how);
  await within("the end of a handshake", accepted);
}

/** The same after one, among what the client truly says. */
async function afterHandshake({ connection, tls }: SealedPlace, chunks: readonly Uint8Array[], how: End) {
  const [server, client] = await connection();
  const [accepted, connected] = await Promise.all([
    tls.accept(server, anyone),
    tls.connect(client, "gw.test", anyone),
  ]);
  const drained = drain(accepted);
  await connected.write(new Uint8Array(20_000)).catch(() => {});
  await say(client, chunks).catch(() => {});
  await client[how]();
  await within("the end of a connection", Promise.all([drained, drain(connected)]));
}

type End = "close" | "closeWrite" | "reset";

for (const [runs, skip] of [[40, false], [4_000, slow("TLS by libssl, 4,000 runs with random input")]] as const) {
  const title = `TLS by libssl: ${runs} runs with random input before and after the handshake leak no descriptor`;
  test(title, { skip: skipped(title, noSealedPlace) || skip, timeout: 600_000 }, async () => {
    const at = await sealedPlace();
    const open = readdirSync("/proc/self/fd").length;
    const chunks = fc.array(fc.oneof(records, hellos, octets), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.boolean(), ends, (chunks, early, how) => beforeHandshake(at, chunks, early, how)),
      { numRuns: runs },
    );
    await fc.assert(
      fc.asyncProperty(chunks, ends, (chunks, how) => afterHandshake(at, chunks, how)),
      { numRuns: runs },
    );
    await until("descriptors are closed", () => readdirSync("/proc/self/fd").length <= open);
    await at.close();
  });
}

test("TLS by libssl: many key updates take several turns, and an idle connection takes none", {
  skip: skipped("TLS by libssl: key updates", noSealedPlace),
  timeout: 60_000,
}, async () => {
  const at = await sealedPlace();
  const [server, client] = await at.connection();
  const [accepted, connected] = await Promise.all([
    at.tls.accept(server, anyone),
    at.tls.connect(client, "gw.test", anyone),
  ]);
  const reading = accepted.read();
  const reads = () => at.calls.get("SSL_read") ?? 0;
  await connected.write(Uint8Array.of(1));
  assert.deepEqual([...(await reading)!], [1]);
  const waiting = accepted.read();
  const settled = reads();
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.ok(reads() - settled <= 1, `${reads() - settled} reads of what is not there`);
  const [, ssl] = at.connections;
  for (let i = 0; i < CHANGES; i++) {
    changing!.SSL_key_update!(ssl, 0);
    assert.equal(at.libssl.SSL_do_handshake(ssl as Pointer), 1);
  }
  const before = reads();
  await connected.write(Uint8Array.of(2));
  assert.deepEqual([...(await waiting)!], [2]);
  assert.ok(reads() - before > 2, `${CHANGES} changes in ${reads() - before} reads`);
  accepted.close();
  connected.close();
  await at.close();
});
