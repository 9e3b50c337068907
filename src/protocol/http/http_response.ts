import { Reply, replyText } from "../codes.ts";
import type { Decode } from "../cursor.ts";
import { encodeHttpHead, fieldsToForward, type HttpField, type HttpHead, httpHeadDecoder } from "./http_head.ts";
import { joined } from "../octets.ts";
import { ProtocolError } from "../protocol_error.ts";

/** Maximum octets of the head of a response. */
const MAX_HEAD_SIZE = 32 << 10;

/** Statuses for replies (RFC 9110 s15): the reverse of replyOfStatus(). */
const statuses: Readonly<Record<number, number>> = {
  [Reply.Succeeded]: 200,
  [Reply.NotAllowed]: 403,
  [Reply.TtlExpired]: 504,
  [Reply.CommandNotSupported]: 501,
};

const reasons: Readonly<Record<number, string>> = {
  200: "Connection established",
  400: "Bad Request",
  403: "Forbidden",
  407: "Proxy Authentication Required",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** The HTTP answer for a reply other than 00. */
export function statusOfReply(reply: number): number {
  return statuses[reply] ?? 502;
}

/** CONNECT has succeeded: later octets belong to the destination (RFC 9110 s9.3.6). */
export const CONNECTED: Uint8Array = encodeHttpHead({ start: "HTTP/1.1 200 Connection established", fields: [] });

/** An answer of the proxy itself, which ends the connection; `sentence` tells a person why. */
export function encodeHttpAnswer(
  status: number,
  sentence: string,
  fields: readonly HttpField[] = [],
): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(`${sentence}\n`);
  const head = encodeHttpHead({
    start: `HTTP/1.1 ${status} ${reasons[status] ?? ""}`,
    fields: [
      ...fields,
      ["Content-Type", "text/plain; charset=utf-8"],
      ["Content-Length", String(text.length)],
      ["Connection", "close"],
    ],
  });
  return joined(head, text);
}

/** "gate46: host unreachable (04)" for a reply. */
export function replySentence(reply: number): string {
  return `gate46: ${replyText(reply)} (${reply.toString(16).padStart(2, "0")})`;
}

/**
 * Changes the heads of a response so that this connection ends behind it. If there is no valid response to forward, the
 * client gets an error, and later octets are dropped.
 */
export class HttpResponseHeads {
  #unread = new Uint8Array(0);
  #decode = httpResponseDecoder();
  #failed = false;
  done = false;

  take(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
    if (this.#failed) return nothing;
    this.#unread = joined(this.#unread, chunk);
    let out = nothing;
    try {
      while (!this.done) {
        const head = this.#decode(this.#unread);
        if (!head) return out;
        this.#decode = httpResponseDecoder();
        this.#unread = this.#unread.slice(head.size);
        this.done = head.value.final;
        out = joined(out, head.value.bytes);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.#fail(error.message);
    }
    return joined(out, this.#unread);
  }

  end(): Uint8Array<ArrayBuffer> {
    return this.#failed
      ? nothing
      : this.#fail("Cannot pass an HTTP response on: the server has closed the connection first");
  }

  #fail(message: string): Uint8Array<ArrayBuffer> {
    this.#failed = true;
    return encodeHttpAnswer(502, `gate46: ${message}`);
  }
}

const nothing = new Uint8Array(0);

/** A head in the form for the client. */
interface ForwardedHead {
  readonly bytes: Uint8Array;
  /** True for the final head: an interim one (RFC 9110 s15.2) is followed by another. */
  readonly final: boolean;
}

/** Decodes the next head of a response as httpHeadDecoder() does. Throws ProtocolError if it cannot be forwarded. */
export function httpResponseDecoder(): Decode<ForwardedHead> {
  const decodeHead = httpHeadDecoder(MAX_HEAD_SIZE);
  return (bytes) => {
    const head = decodeHead(bytes);
    return head && { value: headToForward(head.value), size: head.size };
  };
}

function headToForward({ start, fields }: HttpHead): ForwardedHead {
  const [, version, status] = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: .*)?$/.exec(start) ?? [];
  if (status === undefined || status === "101") {
    throw new ProtocolError("Cannot pass an HTTP response on: no status line");
  }
  const final = !status.startsWith("1");
  const forwarded = [...fieldsToForward(fields), ["Via", `1.${version} gate46`] as const];
  if (final) forwarded.push(["Connection", "close"]);
  return { bytes: encodeHttpHead({ start, fields: forwarded }), final };
}
