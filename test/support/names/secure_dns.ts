import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { decode, encode } from "dns-packet";
import type { Certificates } from "../tls/certificates.ts";

/** Answers `address` to what is asked. */
function answer(query: Uint8Array, address: string): Buffer {
  const { id, questions } = decode(Buffer.from(query));
  const [{ name }] = questions as unknown as [{ name: string }];
  return encode({
    type: "response",
    id: id!,
    questions: questions!,
    answers: [{ type: "A", name, ttl: 60, data: address }],
  });
}

/** A server, and what it has seen. */
export interface Seen {
  port: number;
  connections: number;
  queries: number;
  /** Connections that are there answer nothing any more, and stay open. */
  mute(): void;
  close(): void;
}

/** DNS servers over TLS and HTTPS with one certificate, whose only answer is one address. */
export class SecureDns {
  readonly #certificates: Pick<Certificates, "key" | "cert">;
  readonly #address: string;

  constructor({ key, cert }: Certificates, address: string) {
    this.#certificates = { key, cert };
    this.#address = address;
  }

  /** A DoT server that answers `perConnection` queries on each connection, and then closes it. */
  readonly dotServer = async (perConnection = Infinity): Promise<Seen> => {
    let muted = 0;
    const seen: Seen = {
      port: 0,
      connections: 0,
      queries: 0,
      mute: () => void (muted = seen.connections),
      close: () => server.close(),
    };
    const server = createTlsServer(this.#certificates, (socket) => {
      const number = ++seen.connections;
      let unread = Buffer.alloc(0), answered = 0;
      socket.on("error", () => {});
      socket.on("data", (chunk: Uint8Array) => {
        if (number <= muted) return;
        unread = Buffer.concat([unread, chunk]);
        while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
          const size = 2 + unread.readUInt16BE(0);
          const reply = answer(unread.subarray(2, size), this.#address);
          seen.queries++;
          const head = Buffer.alloc(2);
          head.writeUInt16BE(reply.length);
          // In two pieces, as TCP may.
          socket.write(head.subarray(0, 1));
          socket.write(Buffer.concat([head.subarray(1), reply]));
          unread = unread.subarray(size);
          if (++answered === perConnection) socket.end();
        }
      });
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", () => resolve()));
    seen.port = (server.address() as AddressInfo).port;
    return seen;
  };

  readonly dohServer = async (status = 200): Promise<Seen> => {
    let muted = new Set<unknown>();
    const sockets = new Set<unknown>();
    const seen: Seen = {
      port: 0,
      connections: 0,
      queries: 0,
      mute: () => void (muted = new Set(sockets)),
      close: () => server.close(),
    };
    const server = createHttpsServer(this.#certificates, (request, response) => {
      sockets.add(request.socket);
      if (muted.has(request.socket)) return;
      const chunks: Uint8Array[] = [];
      request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      request.on("end", () => {
        seen.queries++;
        const query = Buffer.concat(chunks);
        assert.equal(request.method, "POST");
        assert.equal(request.headers["content-type"], "application/dns-message");
        assert.equal(query.readUInt16BE(0), 0, "the id is 0 (RFC 8484 s4.1)");
        response.writeHead(status, { "content-type": "application/dns-message" });
        response.end(answer(query, this.#address));
      });
    });
    server.on("secureConnection", () => seen.connections++);
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    seen.port = (server.address() as AddressInfo).port;
    return seen;
  };
}
