import assert from "node:assert/strict";
import { test } from "node:test";
import { NetError } from "../../src/net/error.ts";
import { openNet, serveHttp } from "../../src/net/mod.ts";
import { addressText } from "../../src/protocol/address.ts";
import { Tcp } from "../support/tcp.ts";
import { within } from "../support/until.ts";

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

test("serveHttp() lets a request under way finish when it is closed", async () => {
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

test("serveHttp() closes within a moment though somebody has connected and asks nothing, or not all (a browser does)", async () => {
  const server = await serveHttp({ host: "127.0.0.1", port: 0 }, { fetch: () => new Response() });
  const silent = await Tcp.to(server.addr);
  const slow = await Tcp.to(server.addr);
  slow.write("GET / HTTP/1.1\r\nHost: 127");
  await fetch(`http://${addressText(server.addr)}/`, { headers: { connection: "close" } }); // so that it has seen them
  await within("the server to close", server.close(), 3_000);
  silent.close();
  slow.close();
});

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
