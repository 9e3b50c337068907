import { type Address, octetsAddress, parseIp } from "./address.ts";
import type { Decode } from "./cursor.ts";
import { ProtocolError } from "./protocol_error.ts";

/** A proxy's header about the connection that it forwards: HAProxy's PROXY protocol, versions 1 (s2.1) and 2 (s2.2). */
export interface ProxyHeader {
  /** The client's address at the proxy; undefined for the proxy's own connections, or if the proxy does not know it. */
  readonly client: Address | undefined;
}

/** Maximum octets of a version 1 line, with its end. */
const MAX_LINE_SIZE = 107;

/** Octets of version 2 before the addresses, and in all: the longest addresses take 232, the rest is for extensions. */
const FIXED_SIZE = 16, MAX_SIZE = 2_048;

const utf8 = new TextEncoder();
const nothing = new Uint8Array(0);

const line = utf8.encode("PROXY ");
const signature = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);

const LOCAL = 0x20, PROXY = 0x21;

/** Octets of the addresses by family and transport, of streams only. */
const addressSizes: Readonly<Record<number, number>> = { 0x00: 0, 0x11: 12, 0x21: 36, 0x31: 216 };
const TCP4 = 0x11, TCP6 = 0x21;

const CRC32C = 0x03;

const ascii = new TextDecoder("latin1");

/** The client's address, and the address that it connected to. */
export interface ProxiedConnection {
  readonly client: Pick<Address, "host" | "port">;
  readonly here: Pick<Address, "host" | "port">;
}

/** A header of that version; undefined addresses make one without any (UNKNOWN, LOCAL). */
export function encodeProxyHeader(version: 1 | 2, of: ProxiedConnection | undefined): Uint8Array {
  if (!of) return version === 1 ? utf8.encode("PROXY UNKNOWN\r\n") : block(LOCAL, 0, nothing);
  const ends = [of.client, of.here];
  const octets = ends.map(({ host }) => parseIp(host)!);
  const six = octets.some(({ length }) => length === 16); // a load balancer's connection may have another family than its client's
  if (version === 1) {
    const hosts = ends.map(({ host }) => six && !host.includes(":") ? `::ffff:${host}` : host);
    return utf8.encode(`PROXY TCP${six ? 6 : 4} ${hosts.join(" ")} ${of.client.port} ${of.here.port}\r\n`);
  }
  const size = six ? 16 : 4;
  const body = new Uint8Array(2 * size + 4);
  octets.forEach((address, i) => {
    if (address.length < size) body.set([0xff, 0xff], i * size + 10);
    body.set(address, (i + 1) * size - address.length);
    body.set([ends[i]!.port >> 8, ends[i]!.port & 0xff], 2 * size + 2 * i);
  });
  return block(PROXY, six ? TCP6 : TCP4, body);
}

function block(command: number, transport: number, body: Uint8Array): Uint8Array {
  const header = new Uint8Array(FIXED_SIZE + body.length);
  header.set(signature);
  header.set([command, transport, body.length >> 8, body.length & 0xff], signature.length);
  header.set(body, FIXED_SIZE);
  return header;
}

/** Reads either version. Throws ProtocolError: a connection that must begin with a header is never taken for anything else. */
export const decodeProxyHeader: Decode<ProxyHeader> = (bytes) => {
  if (bytes.length === 0) return undefined;
  if (begins(bytes, line)) return decodeLine(bytes);
  if (begins(bytes, signature)) return decodeBlock(bytes);
  throw new ProtocolError("Cannot read a PROXY header: it begins with neither version's signature");
};

/** True if `bytes` begin with `head`, or `head` begins with `bytes`. */
function begins(bytes: Uint8Array, head: Uint8Array): boolean {
  const size = Math.min(bytes.length, head.length);
  for (let i = 0; i < size; i++) if (bytes[i] !== head[i]) return false;
  return true;
}

const decodeLine: Decode<ProxyHeader> = (bytes) => {
  const end = bytes.subarray(0, MAX_LINE_SIZE).indexOf(0x0a);
  if (end < 0) {
    if (bytes.length < MAX_LINE_SIZE) return undefined;
    throw new ProtocolError(`Cannot read a PROXY header: no end of line within ${MAX_LINE_SIZE} octets`);
  }
  const text = ascii.decode(bytes.subarray(0, end + 1));
  if (/^PROXY UNKNOWN( [^\r\n]*)?\r\n$/.test(text)) return { value: { client: undefined }, size: end + 1 };
  const match = /^PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n$/.exec(text);
  if (!match) throw new ProtocolError("Cannot read a PROXY header: the line of version 1 is malformed");
  const [, family, source, destination, sourcePort, destinationPort] = match as unknown as string[];
  const octets = [source!, destination!].map((host) => ofFamily(host, family!));
  const ports = [Number(sourcePort), Number(destinationPort)];
  if (!octets[0] || !octets[1] || ports.some((port) => port > 65_535)) {
    throw new ProtocolError(`Cannot read a PROXY header: an address is not IPv${family}`);
  }
  return { value: { client: octetsAddress(octets[0], ports[0]!) }, size: end + 1 };
};

function ofFamily(host: string, family: string): Uint8Array | undefined {
  const octets = parseIp(host);
  return octets?.length === (family === "4" ? 4 : 16) ? octets : undefined;
}

const decodeBlock: Decode<ProxyHeader> = (bytes) => {
  if (bytes.length < FIXED_SIZE) return undefined;
  const command = bytes[12]!, transport = bytes[13]!;
  const size = FIXED_SIZE + ((bytes[14]! << 8) | bytes[15]!);
  const addressEnd = FIXED_SIZE + (addressSizes[transport] ?? NaN);
  if (command !== LOCAL && command !== PROXY) {
    throw new ProtocolError(`Cannot read a PROXY header: version and command 0x${command.toString(16)}`);
  }
  if (size > MAX_SIZE) throw new ProtocolError(`Cannot read a PROXY header: ${size} octets, more than ${MAX_SIZE}`);
  if (command === PROXY && !(addressEnd <= size)) {
    throw new ProtocolError(
      `Cannot read a PROXY header: family and transport 0x${transport.toString(16)} in ${size} octets`,
    );
  }
  if (bytes.length < size) return undefined;
  if (command === LOCAL) return { value: { client: undefined }, size }; // the rest of the line is ignored
  const header = bytes.subarray(0, size);
  checkExtensions(header, addressEnd);
  return { value: { client: sourceIn(header, transport) }, size };
};

/** Source and destination address, source and destination port. */
function sourceIn(header: Uint8Array, transport: number): Address | undefined {
  const size = transport === TCP4 ? 4 : transport === TCP6 ? 16 : 0;
  if (size === 0) return undefined;
  const port = FIXED_SIZE + 2 * size;
  return octetsAddress(header.slice(FIXED_SIZE, FIXED_SIZE + size), (header[port]! << 8) | header[port + 1]!);
}

/** Type, length, value (s2.2.1 and on): only the checksum matters here. */
function checkExtensions(header: Uint8Array, start: number): void {
  for (let at = start; at < header.length;) {
    const end = at + 3 + ((header[at + 1]! << 8) | header[at + 2]!);
    if (!(end <= header.length)) throw new ProtocolError("Cannot read a PROXY header: an extension is cut off");
    if (header[at] === CRC32C) checkSum(header, at + 3, end);
    at = end;
  }
}

/** The checksum covers the whole header, with its own octets as zero (s2.2.4). */
function checkSum(header: Uint8Array, start: number, end: number): void {
  const zeroed = header.slice().fill(0, start, end);
  const said = header.subarray(start, end).reduce((sum, octet) => ((sum << 8) | octet) >>> 0, 0);
  if (end - start !== 4 || said !== crc32c(zeroed)) {
    throw new ProtocolError("Cannot read a PROXY header: its checksum is wrong");
  }
}

/** RFC 9260 appendix A; bit by bit, since it is seldom needed. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const octet of bytes) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}
