import { Reply } from "../codes.ts";
import type { Decode } from "../cursor.ts";
import { ProtocolError } from "../protocol_error.ts";

/** The start line and the fields of an HTTP/1 message (RFC 9112 s2 to s5), octets as latin1 text. */
export interface HttpHead {
  readonly start: string;
  readonly fields: readonly HttpField[];
}

/** A field line: the name as it was written, the value without blanks around it. */
export type HttpField = readonly [name: string, value: string];

/** Field names that concern one connection only and are not forwarded (RFC 9110 s7.6.1). */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "upgrade",
]);

/** Fields that decide where a message ends or which host it is for: a client that names them in Connection wants two servers to disagree. */
const kept: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "host"]);

const CR = 0x0d, LF = 0x0a;

/**
 * Decodes one head. Called again with more of the same octets, it continues where it stopped; otherwise octets that come one by
 * one would take quadratic time. Strict: no bare CR or LF, no folded line, no control octet. Throws ProtocolError, also beyond
 * `maxSize` octets; an error that `checkStart` throws for the first line is thrown at once.
 */
export function httpHeadDecoder(maxSize: number, checkStart?: (start: string) => void): Decode<HttpHead> {
  const lines: string[] = [];
  let start = 0, searched = 0;
  return (bytes) => {
    for (;;) {
      const end = bytes.indexOf(LF, searched);
      if (end < 0 ? bytes.length > maxSize : end >= maxSize) throw wrong(`its head is over ${maxSize} octets`);
      searched = end < 0 ? bytes.length : end + 1;
      if (end < 0) return undefined;
      if (bytes[end - 1] !== CR || end === start) throw wrong("a line of its head ends in LF alone");
      if (end - 1 === start && lines.length > 0) {
        const [first, ...rest] = lines;
        return { value: { start: first!, fields: rest.map(field) }, size: end + 1 };
      }
      const line = lineText(bytes.subarray(start, end - 1));
      if (lines.length === 0) checkStart?.(line);
      lines.push(line);
      start = end + 1;
    }
  };
}

/** The value of a field that may occur once. Throws ProtocolError if it occurs again. */
export function onlyField(fields: readonly HttpField[], name: string): string | undefined {
  const found = fields.filter(([one]) => one.toLowerCase() === name);
  if (found.length > 1) throw wrong(`it has ${name} more than once`);
  return found[0]?.[1];
}

/**
 * The fields to forward (RFC 9110 s7.6.1): without those of this connection and those that `Connection` names. Throws
 * ProtocolError if the length of the message is ambiguous (RFC 9112 s6.3) or unknown.
 */
export function fieldsToForward(fields: readonly HttpField[]): readonly HttpField[] {
  const length = onlyField(fields, "content-length"), encoding = onlyField(fields, "transfer-encoding");
  if (length !== undefined && encoding !== undefined) throw wrong("it has Content-Length and Transfer-Encoding");
  if (length !== undefined && !/^\d{1,15}$/.test(length)) throw wrong("its Content-Length is no number");
  if (encoding !== undefined && encoding.toLowerCase() !== "chunked") {
    throw wrong("its Transfer-Encoding is not chunked");
  }
  const named = new Set(
    fields.flatMap(([name, value]) => name.toLowerCase() === "connection" ? value.toLowerCase().split(/[\t ,]+/) : []),
  );
  for (const name of kept) if (named.has(name)) throw wrong(`its Connection names ${name}`);
  return fields.filter(([name]) => !hopByHop.has(name.toLowerCase()) && !named.has(name.toLowerCase()));
}

export function encodeHttpHead({ start, fields }: HttpHead): Uint8Array {
  const text = [start, ...fields.map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n");
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function field(line: string): HttpField {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)$/.exec(line) ?? [];
  if (name === undefined) throw wrong("a line of its head is no field");
  return [name, withoutBlanks(value!)];
}

/** By hand: a regular expression takes quadratic time on runs of blanks, and trim() removes more kinds of blanks than HTTP has. */
function withoutBlanks(text: string): string {
  let start = 0, end = text.length;
  while (start < end && isBlank(text[start]!)) start++;
  while (end > start && isBlank(text[end - 1]!)) end--;
  return text.slice(start, end);
}

function isBlank(letter: string): boolean {
  return letter === " " || letter === "\t";
}

function lineText(octets: Uint8Array): string {
  for (const octet of octets) {
    if ((octet < 0x20 && octet !== 0x09) || octet === 0x7f) throw wrong("its head has a control octet");
  }
  return latin1(octets);
}

/** Octets that become text at a time: more would be too many arguments for a small stack. */
const PIECE = 1 << 10;

/** As latin1. TextDecoder cannot do it: its "latin1" is windows-1252. */
function latin1(octets: Uint8Array): string {
  let text = "";
  for (let at = 0; at < octets.length; at += PIECE) text += String.fromCharCode(...octets.subarray(at, at + PIECE));
  return text;
}

function wrong(state: string): ProtocolError {
  return new ProtocolError(`Cannot read an HTTP message: ${state}`, Reply.GeneralFailure); // HTTP has an answer for it
}
