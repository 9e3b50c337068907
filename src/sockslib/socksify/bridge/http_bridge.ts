import { Buffer } from "node:buffer";
import type net from "node:net";
import { type Greet, isPassword, take } from "./bridge.ts";

/** Maximum octets of the head of a request or an answer. */
const MAX_HEAD_SIZE = 256 * 1024;

/** An HTTP proxy: CONNECT, and requests of http:// URLs, one on each connection (RFC 9110 s9.3.6, RFC 9112 s3.2.2). */
export const greetByHttp: Greet = async (client, password) => {
  const head = await take(client, decodeHead, MAX_HEAD_SIZE);
  const [start = "", ...fields] = head.split("\r\n");
  const [method, target = "", version] = start.split(" ");
  const credentials = Buffer.from(field(fields, "proxy-authorization")?.replace(/^Basic +/i, "") ?? "", "base64");
  if (!isPassword(credentials, `gate46:${password}`)) {
    throw new Error("Cannot serve a client of the bridge: wrong password");
  }
  if (method === "CONNECT") {
    const { hostname, port } = new URL(`http://${target}`);
    return { host: bare(hostname), port: Number(port || 80), welcome: Buffer.from("HTTP/1.1 200 OK\r\n\r\n") };
  }
  const { protocol, hostname, port, host } = new URL(target);
  if (protocol !== "http:") throw new Error("Cannot serve a client of the bridge: not a URL of http");
  // As written: URL would normalise differences that matter to servers.
  const path = target.slice(target.indexOf(host, 7) + host.length).replace(/^(?!\/)/, "/");
  const kept = fields.filter((line) => !/^(proxy-\w+|connection|keep-alive):/i.test(line));
  const request = [`${method} ${path} ${version}`, ...kept, "Connection: close", "", ""].join("\r\n");
  return {
    host: bare(hostname),
    port: Number(port || 80),
    head: Buffer.from(request, "latin1"),
    filter: closeAfterOne,
  };
};

/** Announces that the connection ends with this answer: otherwise the client would send a request for another host on it. */
function closeAfterOne(destination: net.Socket, client: net.Socket): void {
  const next = async () => {
    const head = await take(destination, decodeHead, MAX_HEAD_SIZE);
    const [start = "", ...fields] = head.split("\r\n");
    const interim = /^HTTP\/\S+ 1\d\d\b/.test(start);
    const kept = interim ? fields : fields.filter((line) => !/^(connection|keep-alive):/i.test(line));
    client.write(
      Buffer.from([start, ...kept, ...(interim ? [] : ["Connection: close"]), "", ""].join("\r\n"), "latin1"),
    );
    if (interim) return next();
    destination.pipe(client);
  };
  next().catch(() => client.destroy());
}

function decodeHead(bytes: Uint8Array): { value: string; size: number } | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = text.indexOf("\r\n\r\n");
  return end < 0 ? undefined : { value: text.toString("latin1", 0, end), size: end + 4 };
}

function field(fields: readonly string[], name: string): string | undefined {
  const line = fields.find((line) => line.toLowerCase().startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim();
}

/** The host of a URL: IPv6 without its brackets. */
export function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
