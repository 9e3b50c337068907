import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { NetError } from "../../../src/net/error.ts";
import type { ServeHttp } from "../../../src/net/http/http.ts";
import { openNet, serveHttp } from "../../../src/net/open.ts";
import { serveHttp as servePlainHttp } from "../../../src/net/http/plain_http.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { addressText } from "../../../src/protocol/address.ts";
import { Tcp } from "../../support/wire/tcp.ts";
import { until, within } from "../../support/program/until.ts";

/** The one of this runtime, and the one that takes its place where that has no deadlines. */
const servers: readonly (readonly [string, ServeHttp])[] = [
  ["serveHttp()", serveHttp],
  ["the portable serveHttp()", async (addr, options) => await servePlainHttp(await openNet(), addr, options)],
];

/** How many connections a server holds, by what the kernel says of its port on 127.0.0.1: none but those that are somebody's. */
function held({ port }: SocketAddr): number {
  const own = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`, LISTEN = "0A";
  return readFileSync("/proc/net/tcp", "utf8").split("\n").map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state, , , , , , inode]) => local === own && state !== LISTEN && inode !== "0").length;
}

/** Deadlines of its own that no test waits for. */
const patient = { requestMs: 600_000, unreadMs: 600_000 };

for (const host of ["127.0.0.1", "::1"]) {
  test(`serveHttp() answers on ${host} until it is closed`, async () => {
    const server = await serveHttp({ host, port: 0 }, {
      fetch: (request) => new Response(new URL(request.url).pathname),
    });
    const url = `http://${addressText(server.addr)}/healthz`;
    assert.equal(server.addr.host, host);
    const response = await fetch(url, { headers: { connection: "close" } });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "/healthz");
    await within("the server to close", server.close());
    await assert.rejects(Tcp.to(server.addr));
  });
}

test("serveHttp() finishes a running request before it closes", async () => {
  let answer = (_: Response) => {};
  let asked = () => {};
  const coming = new Promise<void>((resolve) => asked = resolve);
  const server = await serveHttp({ host: "127.0.0.1", port: 0 }, {
    fetch() {
      asked();
      return new Promise((resolve) => answer = resolve);
    },
  });
  const response = fetch(`http://${addressText(server.addr)}/`, { headers: { connection: "close" } });
  await within("the request", coming);
  const closed = server.close();
  answer(new Response("at last"));
  assert.equal(await (await response).text(), "at last");
  await within("the server to close", closed);
});

test("serveHttp() closes soon although clients sent no request or an incomplete request", async () => {
  const server = await serveHttp({ host: "127.0.0.1", port: 0 }, { fetch: () => new Response(), ...patient });
  const silent = await Tcp.to(server.addr);
  const slow = await Tcp.to(server.addr);
  slow.write("GET / HTTP/1.1\r\nHost: 127");
  await fetch(`http://${addressText(server.addr)}/`, { headers: { connection: "close" } }); // so that it has seen them
  await within("the server to close", server.close());
  silent.close();
  slow.close();
});

test("serveHttp() disconnects clients that send no complete request or do not read the answer", async () => {
  const long = "x".repeat(32 << 20);
  let asked = 0;
  const server = await serveHttp({ host: "127.0.0.1", port: 0 }, {
    fetch: () => (asked++, new Response(long)),
    requestMs: 500,
    unreadMs: 1_000,
  });
  const [deaf, silent, slow, endless] = await Promise.all(Array.from({ length: 4 }, () => Tcp.to(server.addr))) as [
    Tcp,
    Tcp,
    Tcp,
    Tcp,
  ];
  deaf.socket.pause();
  deaf.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  slow.write("GET / HTTP/1.1\r\nHost: x\r\nX: ");
  endless.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"); // which is answered before its end
  const trickle = setInterval(() => {
    slow.write("x");
    endless.write("1\r\nx\r\n");
  }, 100);
  await until("two have asked", () => asked === 2);
  for (const client of [silent, slow, endless]) await within("its end", client.rest().catch(() => {}));
  clearInterval(trickle);
  for (const client of [silent, slow, endless]) client.close();
  await until("who does not read is gone", () => held(server.addr) === 0);
  deaf.close();
  await server.close();
});

test("serveHttp() answers a new client while idle connections reach the limit", async () => {
  const server = await serveHttp({ host: "127.0.0.1", port: 0 }, { fetch: () => new Response("here"), ...patient });
  const idle = await Promise.all(Array.from({ length: 300 }, () => Tcp.to(server.addr)));
  const answer = await fetch(`http://${addressText(server.addr)}/`, { headers: { connection: "close" } });
  assert.equal(await answer.text(), "here");
  let ended = 0;
  for (const client of idle) void client.rest().catch(() => {}).then(() => ended++);
  await until("the oldest are gone", () => ended >= 300 - 128);
  for (const client of idle) client.close();
  await server.close();
});

for (
  const [what, head, status] of [
    ["HTTP/1.0 without Host", "GET /a HTTP/1.0\r\n", 200],
    ["a whole URL", "GET http://localhost/a HTTP/1.1\r\nHost: localhost\r\n", 200],
    ["an invalid Host", "GET /a HTTP/1.1\r\nHost: [\r\n", 400],
    ["a Host with a path", "GET /a HTTP/1.1\r\nHost: localhost/b?\r\n", 400],
    ["a Host with a user", "GET /a HTTP/1.1\r\nHost: a@localhost\r\n", 400],
    ["OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n", 400],
    ["a header of 20 kB", `GET /a HTTP/1.1\r\nHost: localhost\r\nA: ${"b".repeat(20_000)}\r\n`, 431],
    ["two body lengths", "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400],
    ["lines that end with LF only", "GET /a HTTP/1.1\nHost: a\n", 400],
    ["a header of 200 kB", `GET /a HTTP/1.1\r\nHost: a\r\nA: ${"b".repeat(200_000)}\r\n`, 431],
    ["HTTP/1.1 without Host", "GET /a HTTP/1.1\r\n", 400],
    ["a space before the colon", "GET /a HTTP/1.1\r\nHost : a\r\n", 400],
    ["a request with an unread body", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n", 200],
  ] as const
) {
  for (const [name, serve] of servers) {
    test(`${name} answers ${what} with ${status}`, async () => {
      const server = await serve({ host: "127.0.0.1", port: 0 }, {
        fetch: (request) => new Response(new URL(request.url).pathname),
      });
      const client = await Tcp.to(server.addr);
      client.write(`${head}Connection: close\r\n\r\n`);
      const text = new TextDecoder().decode(status === 200 ? await client.rest() : await client.read(13));
      client.close();
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `));
      if (status === 200) assert.match(text, /\r\n\r\n\/a$/);
      await server.close();
    });
  }
}

for (const [name, serve] of servers) {
  test(`${name} sends the reason phrase and the date, and no Content-Length for HEAD`, async () => {
    const server = await serve({ host: "127.0.0.1", port: 0 }, {
      fetch: ({ method }) => new Response(method === "HEAD" ? null : "nothing", { status: 404 }),
    });
    for (const method of ["GET", "HEAD"]) {
      const client = await Tcp.to(server.addr);
      client.write(`${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      const text = new TextDecoder().decode(await client.rest());
      client.close();
      assert.match(text, /^HTTP\/1\.1 404 Not Found\r\n/);
      assert.match(text, /\r\ndate: .+ GMT\r\n/i);
      if (method === "HEAD") assert.doesNotMatch(text, /content-length/i);
    }
    await server.close();
  });
}

test("serveHttp() on a port in use fails as address-in-use", async () => {
  const listener = await (await openNet()).listen({ host: "127.0.0.1", port: 0 });
  try {
    await assert.rejects(
      serveHttp(listener.addr, { fetch: () => new Response() }),
      (error) => error instanceof NetError && error.kind === "address-in-use",
    );
  } finally {
    listener.close();
  }
});
