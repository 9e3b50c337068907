import { type Address, addressText } from "../address.ts";
import { Reply } from "../codes.ts";
import type { Decode } from "../cursor.ts";
import { ProtocolError } from "../protocol_error.ts";
import type { Credentials } from "../negotiation.ts";

/** Maximum octets of the head of an HTTP proxy's answer. */
const MAX_HEAD_SIZE = 8 << 10;

/** Replies for HTTP status codes (RFC 9110 s15); others are 01. */
const replies: Readonly<Record<number, Reply>> = {
  401: Reply.NotAllowed,
  403: Reply.NotAllowed,
  404: Reply.HostUnreachable,
  405: Reply.CommandNotSupported,
  451: Reply.NotAllowed,
  501: Reply.CommandNotSupported,
  502: Reply.HostUnreachable,
  503: Reply.HostUnreachable,
  504: Reply.TtlExpired,
};

/** The status of a proxy that requires other credentials (RFC 9110 s15.5.8). */
export const PROXY_AUTHENTICATION_REQUIRED = 407;

/** The head of an HTTP CONNECT request (RFC 9110 s9.3.6), with Basic credentials (RFC 7617) if there are any. */
export function encodeHttpConnect(destination: Address, credentials: Credentials | undefined): Uint8Array {
  const authority = addressText(destination);
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
  if (credentials) lines.push(`Proxy-Authorization: Basic ${basic(credentials)}`);
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}

/** The final status of the answer; octets behind its head belong to the destination. Throws ProtocolError. */
export const decodeHttpStatus: Decode<number> = (bytes) => {
  for (let start = 0;;) {
    const end = headEnd(bytes, start);
    if (end === undefined) return undefined;
    const line = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 16)));
    const status = Number(/^HTTP\/1\.[0-9] ([1-5][0-9]{2})[\s]/.exec(line)?.[1]);
    if (!status) throw new ProtocolError("Cannot read an HTTP answer: no status line");
    if (status >= 200) return { value: status, size: end };
    start = end; // 1xx goes before the final one (RFC 9110 s15.2)
  }
};

export function replyOfStatus(status: number): Reply {
  if (status >= 200 && status < 300) return Reply.Succeeded;
  return replies[status] ?? Reply.GeneralFailure;
}

/** The end of the head that begins at `start`; undefined while it is incomplete. Throws if it is too long or not HTTP. */
function headEnd(bytes: Uint8Array, start: number): number | undefined {
  const version = "HTTP/1.";
  for (let i = 0; i < version.length && start + i < bytes.length; i++) {
    if (bytes[start + i] !== version.charCodeAt(i)) throw new ProtocolError("Cannot read an HTTP answer: not HTTP/1");
  }
  const limit = Math.min(bytes.length, MAX_HEAD_SIZE);
  for (let i = start; i < limit; i++) {
    if (bytes[i] !== 0x0a) continue;
    if (bytes[i + 1] === 0x0a) return i + 2;
    if (bytes[i + 1] === 0x0d && bytes[i + 2] === 0x0a) return i + 3;
  }
  if (bytes.length >= MAX_HEAD_SIZE) {
    throw new ProtocolError(`Cannot read an HTTP answer: over ${MAX_HEAD_SIZE} octets`);
  }
  return undefined;
}

function basic({ username, password }: Credentials): string {
  return btoa(String.fromCharCode(...username, 0x3a, ...password));
}
