import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { httpRequestDecoder } from "../../../src/protocol/http/http_request.ts";
import { httpResponseDecoder } from "../../../src/protocol/http/http_response.ts";
import { ProtocolError } from "../../../src/protocol/protocol_error.ts";
import { skipped, tooSlow } from "../../support/program/skipped.ts";

const octets = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const decodeHttpRequest = (bytes: Uint8Array) => httpRequestDecoder()(bytes);
const decodeHttpResponse = (bytes: Uint8Array) => httpResponseDecoder()(bytes);
const request = (head: string) => decodeHttpRequest(octets(head.replaceAll("\n", "\r\n")));
const response = (head: string) => decodeHttpResponse(octets(head.replaceAll("\n", "\r\n")));

describe("An HTTP request", () => {
  test("CONNECT names the destination: a name, IPv4, or IPv6 in brackets", () => {
    for (
      const [target, host, port] of [
        ["example.org:443", "example.org", 443],
        ["192.0.2.1:80", "192.0.2.1", 80],
        ["[2001:db8::1]:22", "2001:db8::1", 22],
        ["[::ffff:192.0.2.1]:1", "192.0.2.1", 1],
      ] as const
    ) {
      const { value } = request(`CONNECT ${target} HTTP/1.1\nHost: ${target}\n\n`)!;
      assert.deepEqual([value.destination.host, value.destination.port], [host, port]);
      assert.equal(value.forwarded, undefined);
    }
  });

  test("with an invalid target is refused with the exact fault", () => {
    const rows = [
      ["CONNECT four.example:99999", "the port of its target is not from 1 to 65535"],
      ["CONNECT four.example:100000000", "the port of its target is not from 1 to 65535"],
      ["CONNECT four.example:0", "the port of its target is not from 1 to 65535"],
      ["GET http://four.example:0/", "the port of its target is not from 1 to 65535"],
      ["GET http://ann:pw@four.example/", "its target has user information (USER:PASSWORD@)"],
      ["CONNECT four.example", "its target is not a HOST:PORT, with IPv6 in brackets"],
    ] as const;
    for (const [line, state] of rows) {
      assert.throws(() => request(`${line} HTTP/1.1\n\n`), { message: `Cannot serve an HTTP request: ${state}` });
    }
  });

  test("for a URL is forwarded without the fields of this connection and with Connection: close", () => {
    const { value, size } = request(
      "POST http://Example.org:8080/a?b=c HTTP/1.1\nHost: other.test\nProxy-Authorization: Basic YW5uOnB3\n" +
        "Proxy-Connection: keep-alive\nConnection: X-Hop, close\nX-Hop: 1\nKeep-Alive: 5\nTE: trailers\nUpgrade: h2c\n" +
        "Content-Length: 3\nCookie: \u00e9=1\n\n",
    )!;
    assert.equal(
      text(value.forwarded!),
      "POST /a?b=c HTTP/1.1\r\nHost: Example.org:8080\r\nContent-Length: 3\r\nCookie: \u00e9=1\r\nVia: 1.1 gate46\r\n" +
        "Connection: close\r\n\r\n",
    );
    assert.deepEqual([value.destination.host, value.destination.port, value.method], ["Example.org", 8080, "POST"]);
    assert.deepEqual(value.credentials, { username: octets("ann"), password: octets("pw") });
    assert.ok(size > 0);
  });

  test("for a URL without a path is forwarded with a path and the client's HTTP version", () => {
    const start = (line: string) => text(request(`${line}\n\n`)!.value.forwarded!).split("\r\n").slice(0, 2);
    assert.deepEqual(start("GET http://a.test HTTP/1.1"), ["GET / HTTP/1.1", "Host: a.test"]);
    assert.deepEqual(start("GET http://a.test?q HTTP/1.0"), ["GET /?q HTTP/1.0", "Host: a.test"]);
    assert.deepEqual(start("OPTIONS http://[::1]:80 HTTP/1.1"), ["OPTIONS * HTTP/1.1", "Host: [::1]"]);
  });

  test("accepts user names and passwords of up to 255 octets, as SOCKS does", () => {
    const basic = (text: string) =>
      request(`CONNECT a.test:1 HTTP/1.1\nProxy-Authorization: Basic ${btoa(text)}\n\n`)!.value.credentials;
    const long = "x".repeat(255);
    assert.deepEqual(basic(`${long}:${long}`), { username: octets(long), password: octets(long) });
    for (const text of [`${long}x:pw`, `ann:${long}x`, "ann"]) assert.equal(basic(text), undefined);
  });

  test("that two servers could read differently is refused", () => {
    const fields = (lines: string) => `POST http://a.test/ HTTP/1.1\n${lines}\n\n`;
    for (
      const head of [
        fields("Content-Length: 1\nTransfer-Encoding: chunked"),
        fields("Content-Length: 1\nContent-Length: 1"),
        fields("Content-Length: +1"),
        fields("Content-Length: 1, 1"),
        fields("Transfer-Encoding: gzip, chunked"),
        fields("Transfer-Encoding: chunked\nTransfer-Encoding: chunked"),
        fields("Transfer-Encoding : chunked"),
        fields("Connection: Content-Length\nContent-Length: 1"),
        fields("Connection: close, transfer-encoding\nTransfer-Encoding: chunked"),
        fields("Host: a.test\nHost: b.test"),
        fields("X: a\n b"),
        fields("X: a\u0000"),
        fields("X\u000b: a"),
        fields(": a"),
        fields("no colon"),
        "POST http://a.test/ HTTP/1.0\nTransfer-Encoding: chunked\n\n",
        "GET  http://a.test/ HTTP/1.1\n\n",
        "GET http://a.test/ HTTP/1.1 \n\n",
        "GET http://a.test/ HTTP/2.0\n\n",
        "get http://a.test/ HTTP/1.1\n\n",
        "GET http://a.test/#f HTTP/1.1\n\n",
        "GET http://ann:pw@a.test/ HTTP/1.1\n\n",
        "GET https://a.test/ HTTP/1.1\n\n",
        "GET http:///a HTTP/1.1\n\n",
        "GET http://a.test:0/ HTTP/1.1\n\n",
        "GET http://a.test:65536/ HTTP/1.1\n\n",
        "GET http://a b/ HTTP/1.1\n\n",
        "GET http://0x7f.1/ HTTP/1.1\n\n",
        "CONNECT a.test HTTP/1.1\n\n",
        "CONNECT ::1:80 HTTP/1.1\n\n",
        "CONNECT http://a.test:80 HTTP/1.1\n\n",
        "\n\n",
      ]
    ) assert.throws(() => request(head), ProtocolError, JSON.stringify(head));
    for (
      const head of [
        "GET http://a.test/ HTTP/1.1\n\n",
        "GET http://a.test/ HTTP/1.1\r\nX: a\n\r\n",
        "G\rT / HTTP/1.1\r\n\r\n",
      ]
    ) {
      assert.throws(() => decodeHttpRequest(octets(head)), ProtocolError, JSON.stringify(head));
    }
  });

  test(`for the port itself is refused with "a proxy for SOCKS5 and HTTP, and no web server"`, () => {
    assert.throws(() => request("GET / HTTP/1.1\nHost: a\n\n"), /a proxy for SOCKS5 and HTTP, and no web server/);
  });

  test("is decoded only when its head is complete, and refused over 16 KiB", () => {
    const head = octets("CONNECT a.test:1 HTTP/1.1\r\nHost: a.test:1\r\n\r\nrest");
    for (let size = 0; size < head.length - 4; size++) {
      assert.equal(decodeHttpRequest(head.subarray(0, size)), undefined);
    }
    assert.equal(decodeHttpRequest(head)!.size, head.length - 4);
    const long = `CONNECT a.test:1 HTTP/1.1\r\nX: ${"a".repeat(20_000)}`;
    assert.throws(() => decodeHttpRequest(octets(long)), /over 16384 octets/);
    assert.throws(() => decodeHttpRequest(octets(`${long}\r\n\r\n`)), /over 16384 octets/);
  });

  test("that arrives octet by octet is scanned only once", () => {
    const head = octets(`GET http://a.test/ HTTP/1.1\r\n${"a:\r\n".repeat(1_000)}\r\n`);
    const decode = httpRequestDecoder();
    let read = 0;
    const soFar = (size: number): Uint8Array => {
      const bytes: Uint8Array = head.slice(0, size);
      bytes.subarray = (start = 0, end = size) => {
        read += end - start;
        return Uint8Array.prototype.subarray.call(bytes, start, end);
      };
      return bytes;
    };
    for (let size = 1; size < head.length; size++) assert.equal(decode(soFar(size)), undefined);
    assert.equal(decode(soFar(head.length))!.size, head.length);
    assert.ok(read <= head.length, `${read} of ${head.length} octets`);
  });

  test("has field values without the blanks around them, and blanks inside a value take no more time than letters", () => {
    const value = (text: string) => {
      const { value } = request(`GET http://a.test/ HTTP/1.1\nX:${text}\n\n`)!;
      return /^X: (.*)$/m.exec(String.fromCharCode(...value.forwarded!))![1]!.replace(/\r$/, "");
    };
    assert.deepEqual([" \t a \t b\t ", "", " \t", "\u00a0a\u00a0"].map(value), ["a \t b", "", "", "\u00a0a\u00a0"]);
    const cost = (filling: string) => {
      const head = octets(`GET http://a.test/ HTTP/1.1\r\nX: a${filling.repeat(16_000)}b\r\n\r\n`);
      const once = () => {
        const startedAt = performance.now();
        decodeHttpRequest(head);
        return performance.now() - startedAt;
      };
      return Math.min(...Array.from({ length: 10 }, once)); // which no other program has interrupted
    };
    // However fast the machine is: where each run of blanks is tried from each of its blanks, it is hundreds of times as much.
    assert.ok(cost(" ") < 50 * cost("x"));
  });
});

describe("An HTTP response", () => {
  test("is forwarded with Connection: close; an interim response is forwarded without it", () => {
    const interim = response("HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n\n")!;
    assert.deepEqual([text(interim.value.bytes), interim.value.final, interim.size], [
      "HTTP/1.1 100 Continue\r\nVia: 1.1 gate46\r\n\r\n",
      false,
      25,
    ]);
    const { value } = response("HTTP/1.0 404 Not Found\nConnection: keep-alive\nKeep-Alive: 9\nContent-Length: 0\n\n")!;
    assert.equal(
      text(value.bytes),
      "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\nVia: 1.0 gate46\r\nConnection: close\r\n\r\n",
    );
    assert.equal(value.final, true);
  });

  test("that a client could read differently, or that is not HTTP/1, is refused", () => {
    for (
      const head of [
        "HTTP/1.1 200 OK\nContent-Length: 1\nTransfer-Encoding: chunked\n\n",
        "HTTP/1.1 101 Switching Protocols\n\n",
        "HTTP/2 200\n\n",
        "SSH-2.0-x\n\n",
      ]
    ) assert.throws(() => response(head), ProtocolError, head);
  });
});

/** Heads that a generator makes of pieces of true ones, and noise. */
const piece = fc.constantFrom(
  ..."CONNECT |GET |POST |http://|https://|a.test|[::1]|127.0.0.1|:80|:|/| |HTTP/1.1|HTTP/1.0|\r\n|\n|\r|\0|\t|Host: |Content-Length: |Transfer-Encoding: chunked|Connection: |close|keep-alive|Proxy-Authorization: Basic |YTpi|,|@|#|?|1|-1|é|\x7f"
    .split("|"),
);

function survives(head: string): void {
  for (const decode of [decodeHttpRequest, decodeHttpResponse]) {
    const bytes = octets(head);
    try {
      const decoded = decode(bytes);
      if (decoded) assert.ok(decoded.size > 0 && decoded.size <= bytes.length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
}

test("Any octets decode to a message, a wait for more octets, or a ProtocolError", () => {
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }).map((all) => all.join("")), survives), { numRuns: 20_000 });
});

test("A forwarded request is unambiguous: it keeps the client's body framing and has no injected line", () => {
  const head = fc.array(piece, { maxLength: 12 }).map((all) =>
    `POST http://a.test/ HTTP/1.1\r\n${all.join("")}\r\n\r\n`
  );
  fc.assert(
    fc.property(head, (head) => {
      let decoded;
      try {
        decoded = decodeHttpRequest(octets(head));
      } catch {
        return;
      }
      if (!decoded) return;
      const forwarded = text(decoded.value.forwarded!);
      assert.equal(forwarded.indexOf("\r\n\r\n"), forwarded.length - 4);
      const framing = (all: string) =>
        all.match(/^(content-length|transfer-encoding):.*$/gim)?.map((one) => one.trim().replace(/:\s*/, ": ")) ?? [];
      assert.deepEqual(framing(forwarded), framing(head.slice(0, decoded.size)));
      assert.ok(framing(forwarded).length <= 1);
    }),
    { numRuns: 20_000 },
  );
});

const many = skipped("http_request_test.ts, 10^6 heads", tooSlow);
test("A million random heads do not crash the decoders", { skip: many, timeout: 600_000 }, () => {
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 30 }), { minLength: 100, maxLength: 100 }), (heads) => {
      for (const head of heads) survives(head.join(""));
    }),
    { numRuns: 10_000 },
  );
});
