import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import { after, test } from "node:test";
import { type Bridge, openBridge } from "../../../src/sockslib/socksify/bridge/bridge.ts";
import { greetByHttp } from "../../../src/sockslib/socksify/bridge/http_bridge.ts";
import { greetBySocks } from "../../../src/sockslib/socksify/bridge/socks_bridge.ts";

const heard: string[] = [];
const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.once("data", (bytes) => {
    heard.push(bytes.toString());
    socket.end("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: keep-alive\r\nX: y\r\n\r\nbody");
  }).on("error", () => {});
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as net.AddressInfo;
after(() => server.close());

/** All that the bridge says to `bytes`. */
function ask(bridge: Bridge, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect(bridge.port, "127.0.0.1", () => socket.write(bytes));
    socket.on("error", () => {}).on("data", (part) => text += part.toString("latin1")).on("close", () => resolve(text));
  });
}

const basic = (password: string) =>
  `Proxy-Authorization: Basic ${Buffer.from(`gate46:${password}`).toString("base64")}`;

test("the HTTP bridge forwards one request with an absolute URL, without the proxy fields", async () => {
  const bridge = await openBridge(greetByHttp);
  const url = `http://127.0.0.1:${port}/a?b=//c`;
  const fields = ["Host: h", basic(bridge.password), "Proxy-Connection: Keep-Alive", "Connection: keep-alive", "A: b"];
  const answer = await ask(bridge, `GET ${url} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
  assert.equal(heard.pop(), "GET /a?b=//c HTTP/1.1\r\nHost: h\r\nA: b\r\nConnection: close\r\n\r\n");
  assert.equal(answer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\nbody");
});

test("the HTTP bridge: CONNECT, with bytes right behind it", async () => {
  const bridge = await openBridge(greetByHttp);
  const answer = await ask(bridge, `CONNECT 127.0.0.1:${port} HTTP/1.1\r\n${basic(bridge.password)}\r\n\r\nearly`);
  assert.equal(heard.pop(), "early");
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n\r\nHTTP\/1\.1 100/);
});

test("a bridge refuses a wrong password and malformed requests", async () => {
  const http = await openBridge(greetByHttp), socks = await openBridge(greetBySocks);
  assert.notEqual(http.password, socks.password);
  const before = heard.length;
  for (const fields of ["", `${basic("wrong")}\r\n`, `${basic(socks.password)}\r\n`]) {
    assert.equal(await ask(http, `CONNECT 127.0.0.1:${port} HTTP/1.1\r\n${fields}\r\nearly`), "");
  }
  assert.equal(await ask(http, `GET ftp://127.0.0.1/ HTTP/1.1\r\n${basic(http.password)}\r\n\r\n`), "");
  assert.equal(await ask(http, "x".repeat(300_000)), "");
  assert.equal(await ask(socks, Uint8Array.of(5, 1, 0)), "", "no method without a password");
  assert.equal(
    await ask(socks, Buffer.concat([Buffer.from("050102" + "01", "hex"), Buffer.from("\x01a\x01b")])),
    "\x05\x02",
  );
  assert.equal(heard.length, before);
});

test("the SOCKS bridge connects, and replies with the reason of a failure", async () => {
  const bridge = await openBridge(greetBySocks);
  const login = Buffer.concat([Buffer.from("05010201", "hex"), Buffer.from("\x06gate46\x20" + bridge.password)]);
  const to = (port: number) =>
    Buffer.concat([login, Buffer.from("050100017f000001", "hex"), Buffer.from([port >> 8, port & 255])]);
  const answer = await ask(bridge, Buffer.concat([to(port), Buffer.from("early")]));
  assert.equal(heard.pop(), "early");
  assert.ok(answer.startsWith("\x05\x02\x01\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00HTTP/1.1 100"));
  const other = net.connect(port, "127.0.0.1"); // whose own port nobody listens on, nor can
  await new Promise<void>((resolve) => other.once("connect", resolve));
  const at = performance.now();
  assert.equal((await ask(bridge, to(other.localPort!)))[5], "\x05");
  other.destroy();
  assert.equal((bridge.failure("127.0.0.1", at) as Error & { code?: string }).code, "ECONNREFUSED");
  assert.equal(bridge.failure("127.0.0.1", performance.now()), undefined);
});
