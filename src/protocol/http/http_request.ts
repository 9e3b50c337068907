import { type Address, addressText, nameAddress } from "../address.ts";
import { Reply } from "../codes.ts";
import type { Decode } from "../cursor.ts";
import { encodeHttpHead, fieldsToForward, type HttpHead, httpHeadDecoder, onlyField } from "./http_head.ts";
import type { Credentials } from "../negotiation.ts";
import { ProtocolError } from "../protocol_error.ts";

/** The longest head of a request: cookies of 8 kB and the rest. */
const MAX_HEAD_SIZE = 16 << 10;

/** The same for a request with a Kerberos ticket, which lists the user's groups. */
const MAX_HEAD_SIZE_WITH_TICKET = 64 << 10;

/** Maximum octets of a user name and of a password (RFC 1929 s2). */
const MAX_WORD_SIZE = 255;

/** The request of an HTTP client to a proxy (RFC 9110 s7.3, s9.3.6). */
export interface HttpRequest {
  readonly method: string;
  readonly destination: Address;
  readonly credentials: Credentials | undefined;
  /** A token of GSSAPI (Negotiate, RFC 4559). */
  readonly ticket: Uint8Array | undefined;
  /** The head that the destination receives in place of the client's, before the body; undefined for CONNECT. */
  readonly forwarded: Uint8Array | undefined;
  /** Octets of that body, or "chunked". */
  readonly bodySize: number | "chunked";
}

/** Decodes one request as httpHeadDecoder() does; if tickets are accepted, a head with a ticket may be longer. Throws ProtocolError; the client sees its message. */
export function httpRequestDecoder(takesTickets = false): Decode<HttpRequest> {
  const decodeHead = httpHeadDecoder(takesTickets ? MAX_HEAD_SIZE_WITH_TICKET : MAX_HEAD_SIZE, startOf); // a client of another protocol waits for an answer
  return (bytes) => {
    const head = decodeHead(bytes);
    return head && { value: requestOf(head.value), size: head.size };
  };
}

/** The host of a request that is meant for that host itself. */
export interface HttpHost {
  readonly name: string;
  readonly port: number | undefined;
}

/** Decodes which host a request is for (RFC 9112 s3.2, s3.2.1), as httpHeadDecoder() does. */
export function httpHostDecoder(): Decode<HttpHost> {
  const decodeHead = httpHeadDecoder(MAX_HEAD_SIZE, startOf);
  return (bytes) => {
    const head = decodeHead(bytes);
    return head && { value: hostOf(head.value), size: head.size };
  };
}

function hostOf({ start, fields }: HttpHead): HttpHost {
  if (!/^(\/|\*$)/.test(startOf(start).target)) throw wrong("its target is not a path");
  const [, name, port] = /^(\[[^\]]*\]|[^:]+)(?::(\d{1,5}))?$/.exec(onlyField(fields, "host") ?? "") ?? [];
  if (name === undefined) throw wrong("it has no Host, or none that is a host");
  return { name, port: port === undefined ? undefined : Number(port) };
}

function requestOf({ start, fields }: HttpHead): HttpRequest {
  const { method, target, version } = startOf(start);
  onlyField(fields, "host");
  const authorization = onlyField(fields, "proxy-authorization");
  const credentials = credentialsOf(authorization), ticket = schemeOctets(authorization, "negotiate");
  if (method === "CONNECT") {
    const { host, port } = authority(target, undefined);
    return { method, destination: nameAddress(host, port), credentials, ticket, forwarded: undefined, bodySize: 0 };
  }
  const [, where, path] = /^http:\/\/([^/?#]+)([^#]*)$/i.exec(target) ?? [];
  if (where === undefined) {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) throw wrong("its target is not a http:// URL; ask for others by CONNECT");
    throw wrong("this port is a proxy for SOCKS5 and HTTP, and no web server: it takes CONNECT and http:// URLs");
  }
  const { host, port } = authority(where, 80);
  const destination = nameAddress(host, port);
  const forwarded = fieldsToForward(fields).filter(([name]) => name.toLowerCase() !== "host");
  const isChunked = onlyField(fields, "transfer-encoding") !== undefined;
  if (version === "0" && isChunked) throw wrong("HTTP/1.0 has no Transfer-Encoding");
  return {
    method,
    destination,
    credentials,
    ticket,
    bodySize: isChunked ? "chunked" : Number(onlyField(fields, "content-length") ?? 0), // no body if neither field is there (RFC 9112 s6.3)
    // The client's version, so that it can read the answer.
    forwarded: encodeHttpHead({
      start: `${method} ${
        path === "" ? (method === "OPTIONS" ? "*" : "/") : path!.replace(/^\?/, "/?")
      } HTTP/1.${version}`,
      fields: [
        ["Host", port === 80 ? addressText(destination).replace(/:80$/, "") : addressText(destination)],
        ...forwarded,
        [
          "Via",
          `1.${version} gate46`,
        ],
        ["Connection", "close"],
      ],
    }),
  };
}

function startOf(line: string): { readonly method: string; readonly target: string; readonly version: string } {
  const [, method, target, version] = /^([A-Z][A-Z0-9-]{0,31}) (\S+) HTTP\/1\.([01])$/.exec(line) ?? [];
  if (method === undefined) throw wrong("its first line is no request of HTTP/1");
  return { method, target: target!, version: version! };
}

/** `HOST:PORT`, IPv6 in brackets (RFC 3986 s3.2). */
function authority(text: string, defaultPort: number | undefined): { readonly host: string; readonly port: number } {
  if (text.includes("@")) throw wrong("its target has user information (USER:PASSWORD@)");
  const [, six, name, said] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^[\]:]+))(?::(\d+))?$/.exec(text) ?? [];
  const host = six === undefined ? name : `[${six}]`;
  const port = said === undefined ? defaultPort : Number(said);
  if (host === undefined || port === undefined) throw wrong("its target is not a HOST:PORT, with IPv6 in brackets");
  if (port < 1 || port > 65_535) throw wrong("the port of its target is not from 1 to 65535");
  return { host, port };
}

/** Basic credentials (RFC 7617); undefined for another scheme or invalid text. */
function credentialsOf(value: string | undefined): Credentials | undefined {
  const octets = schemeOctets(value, "basic");
  if (!octets) return undefined;
  const colon = octets.indexOf(0x3a);
  const username = octets.subarray(0, colon), password = octets.subarray(colon + 1);
  const fits = colon >= 0 && username.length <= MAX_WORD_SIZE && password.length <= MAX_WORD_SIZE;
  return fits ? { username, password } : undefined;
}

/** The decoded Base64 behind a scheme; undefined for another scheme or invalid text. */
function schemeOctets(value: string | undefined, wanted: "basic" | "negotiate"): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const [, scheme, token] = /^([a-z]+) +([A-Za-z0-9+/]+={0,2})$/i.exec(value) ?? [];
  if (scheme?.toLowerCase() !== wanted) return undefined;
  try {
    return Uint8Array.from(atob(token!), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function wrong(state: string): ProtocolError {
  return new ProtocolError(`Cannot serve an HTTP request: ${state}`, Reply.GeneralFailure);
}
