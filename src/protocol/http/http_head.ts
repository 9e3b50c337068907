import { Reply } from "../codes.ts";
import type { Decode } from "../cursor.ts";
import { ProtocolError } from "../protocol_error.ts";

/** The start line and the fields of an HTTP/1 message (RFC 9112 s2 to s5), of octets as latin1 text. */
export interface HttpHead {
  readonly start: string;
  readonly fields: readonly HttpField[];
}

/** A field line; the name as it was written, the value without the blanks around it. */
export type HttpField = readonly [name: string, value: string];

/** Field names that count for one connection, and go no further (RFC 9110 s7.6.1). */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "upgrade",
]);

/** Fields that say where a message ends or whom it is for: whoever has them taken out wants two readers to differ about that. */
const kept: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "host"]);

const CR = 0x0d, LF = 0x0a;

/**
 * Decodes one head. Asked again with more of the same octets it goes on where it was: whoever sends them one by one would have each
 * read as often as there are others behind it. Strict: no bare CR or LF, no folded line, no control octet. Throws ProtocolError,
 * also beyond `maxSize` octets; and what `checkStart` throws of the first line, at once.
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

/** The value of a field that may stand there once. Throws ProtocolError where it stands there again. */
export function onlyField(fields: readonly HttpField[], name: string): string | undefined {
  const found = fields.filter(([one]) => one.toLowerCase() === name);
  if (found.length > 1) throw wrong(`it has ${name} more than once`);
  return found[0]?.[1];
}

/**
 * The fields that go further (RFC 9110 s7.6.1): neither those of this connection nor those that `Connection` names. Throws
 * ProtocolError where its length is said in two ways (RFC 9112 s6.3) or cannot be told.
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

/** By hand: an expression tries each run of blanks from each of its blanks on, and trim() knows more blanks than HTTP does. */
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

/** So many octets become text at a time: more are too many arguments for a small stack. */
const PIECE = 1 << 10;

/** As latin1, which TextDecoder does not know: what it calls so is windows-1252. */
function latin1(octets: Uint8Array): string {
  let text = "";
  for (let at = 0; at < octets.length; at += PIECE) text += String.fromCharCode(...octets.subarray(at, at + PIECE));
  return text;
}

function wrong(state: string): ProtocolError {
  return new ProtocolError(`Cannot read an HTTP message: ${state}`, Reply.GeneralFailure); // HTTP has an answer for it
}
