import { type Address, addressText, MAX_NAME_SIZE, nameAddress } from "../../protocol/address.ts";
import { type ZonedAddress, zonedAddress } from "../../protocol/ip/zone.ts";
import { type Protection, protections } from "../../protocol/gssapi.ts";
import type { Credentials } from "../../protocol/negotiation.ts";

/** The protocol of a scheme, whether it is over TLS, and its default port. */
const schemes: Readonly<Record<string, Pick<Hop, "protocol" | "tls"> & { readonly port: number }>> = {
  "socks5:": { protocol: "socks5", tls: false, port: 1080 },
  "socks5h:": { protocol: "socks5", tls: false, port: 1080 },
  "socks5s:": { protocol: "socks5", tls: true, port: 1080 },
  "http:": { protocol: "http", tls: false, port: 3128 },
  "https:": { protocol: "http", tls: true, port: 443 },
};

/** Parameters of a gateway's URL, each at most once. */
const UDP_IN_TCP = "udp=tcp", PROXY_PROTOCOL = "proxy-protocol=", GSSAPI = "gssapi=", PROTECTION = "protection=";
const KNOWN_PARTS = `${UDP_IN_TCP}, ${PROXY_PROTOCOL}1|2, ${GSSAPI}SERVICE and ${PROTECTION}LEVEL`;

/** A Kerberos ticket for a service of the gateway. */
export interface HopGssapi {
  /** For example "rcmd"; a full principal if it has a slash. */
  readonly service: string;
  /** Minimum protection level. */
  readonly least: Protection;
}

/** One gateway on the way to a destination. */
export interface Hop {
  /** Its protocol; an HTTP proxy serves CONNECT only (RFC 9110 s9.3.6). */
  readonly protocol: "socks5" | "http";
  /** True for TLS; its certificate must then have the host of `address`. */
  readonly tls: boolean;
  readonly address: Address;
  /** The interface of a link-local `address`. Only the first hop can have one. */
  readonly zone?: string;
  /** True for UDP inside the connection (command 05 of hev-socks5-server): only the last hop of a chain then needs UDP. */
  readonly udpInTcp?: true;
  /** Version of the PROXY protocol that gives it the client's address, before TLS and everything else. */
  readonly proxyProtocol?: 1 | 2;
  /** If set, only method 01 is offered. */
  readonly gssapi?: HopGssapi;
  /** Method 02 is offered only if they are set. Never log them. */
  readonly credentials?: Credentials;
}

/** Maximum hops of a chain: a longer one is more likely a loop. */
export const MAX_HOPS = 8;

/**
 * Reads `socks5://[USER:PASSWORD@]HOST[:PORT]`, `http://…`, or the same over TLS, `socks5s://…` and `https://…`; `%` escapes
 * octets of the credentials. Parameters are `?proxy-protocol=1` or `2` and, for SOCKS, `udp=tcp`, `gssapi=SERVICE` and
 * `protection=LEVEL`, joined by `&`. Throws SyntaxError, whose message never repeats credentials.
 */
export function parseHop(text: string): Hop {
  const [, scheme, userinfo, host, port, query] =
    /^([a-z0-9+.-]+:)\/\/(?:([^/\s]*)@)?(\[[^\]\s]*\]|[^:/?@[\]\s]+)(?::(\d{1,5}))?\/?(?:\?(.*))?$/i.exec(text) ?? [];
  if (!host) throw new SyntaxError("is not an upstream (write socks5://192.0.2.1:1080)");
  const known = schemes[scheme!.toLowerCase()];
  if (!known) {
    throw new SyntaxError(`is of the scheme '${scheme}', which is not one of socks5:, socks5s:, http: and https:`);
  }
  const { protocol, tls } = known;
  const asked = parseQuery(query);
  const ofSocks = asked.udpInTcp ? UDP_IN_TCP : asked.gssapi && GSSAPI;
  if (ofSocks && protocol !== "socks5") throw new SyntaxError(`has ?${ofSocks}, and is no SOCKS gateway`);
  if (asked.gssapi && userinfo !== undefined) {
    throw new SyntaxError(`has both credentials and ?${GSSAPI}: give one of them`);
  }
  const number = port === undefined ? known.port : Number(port);
  if (number < 1 || number > 65_535) throw new SyntaxError(`has the port ${port}, which is not 1 to 65535`);
  const { zone, ...address } = hostAddress(host, number);
  return {
    protocol,
    tls,
    address,
    ...zone !== undefined && { zone },
    ...asked,
    ...userinfo !== undefined && { credentials: parseCredentials(userinfo) },
  };
}

/** Reads the URLs of a chain, nearest first. Throws RangeError with the number of the wrong one. */
export function parseHops(via: readonly string[]): readonly Hop[] {
  if (via.length === 0) throw new RangeError("Cannot go through no gateway");
  if (via.length > MAX_HOPS) throw new RangeError(`Cannot go through ${via.length} gateways: at most ${MAX_HOPS}`);
  return via.map((text, i) => {
    try {
      const hop = parseHop(text);
      if (i > 0 && hop.zone !== undefined) {
        throw new SyntaxError("has a zone, which the gateway before it does not know");
      }
      if (hop.udpInTcp && i + 1 < via.length) {
        throw new SyntaxError(`has ?${UDP_IN_TCP}, which is for the last: the others only connect`);
      }
      return hop;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new RangeError(`Cannot go through gateway ${i + 1}: it ${error.message}`);
    }
  });
}

/** The hop for messages: without credentials. */
export function hopText({ protocol, tls, address, zone, udpInTcp, proxyProtocol, gssapi }: Hop): string {
  const asked = [
    ...udpInTcp ? [UDP_IN_TCP] : [],
    ...proxyProtocol ? [`${PROXY_PROTOCOL}${proxyProtocol}`] : [],
    ...gssapi ? [`${GSSAPI}${gssapi.service}`] : [],
  ].join("&");
  const query = asked && `?${asked}`;
  return `${protocol}${tls ? "s" : ""}://${addressText(zone === undefined ? address : { ...address, zone })}${query}`;
}

/** The parameters of a URL, each at most once. Throws SyntaxError. */
function parseQuery(query: string | undefined): Pick<Hop, "udpInTcp" | "proxyProtocol" | "gssapi"> {
  let udpInTcp = false, proxyProtocol: 1 | 2 | undefined, service: string | undefined, least: Protection | undefined;
  for (const part of query?.split("&") ?? []) {
    const [, key, value] = /^([a-z-]+=)(.*)$/.exec(part) ?? [];
    if (part === UDP_IN_TCP && !udpInTcp) udpInTcp = true;
    else if (key === PROXY_PROTOCOL && !proxyProtocol && /^[12]$/.test(value!)) proxyProtocol = Number(value) as 1 | 2;
    else if (key === GSSAPI && service === undefined && /^[\w./@-]{1,255}$/.test(value!)) service = value;
    else if (key === PROTECTION && least === undefined) {
      least = protections.find((one) => one === value);
      if (!least) throw new SyntaxError(`has '${part}' behind it, not one of ${protections.join(", ")}`);
    } else throw new SyntaxError(`has '?${query}' behind it (there may be ${KNOWN_PARTS})`);
  }
  if (least && service === undefined) throw new SyntaxError(`has ?${PROTECTION}${least} without ?${GSSAPI}SERVICE`);
  return {
    ...udpInTcp && { udpInTcp },
    ...proxyProtocol && { proxyProtocol },
    ...service !== undefined && { gssapi: { service, least: least ?? "integrity" } },
  };
}

function hostAddress(host: string, port: number): ZonedAddress {
  const bare = host.startsWith("[") ? host.slice(1, -1) : host;
  const literal = zonedAddress(bare, port);
  if (literal) return literal;
  try {
    if (bare !== host || host.length > MAX_NAME_SIZE) throw new SyntaxError();
    return nameAddress(host, port);
  } catch {
    throw new SyntaxError(`has the host '${host}', which is neither a name nor an address`);
  }
}

function parseCredentials(userinfo: string): Credentials {
  const [username, password, ...more] = userinfo.split(":").map(unescaped);
  const fits = (field: Uint8Array | undefined) => field !== undefined && field.length > 0 && field.length < 256;
  if (more.length > 0 || !fits(username) || !fits(password)) {
    throw new SyntaxError("has credentials that are not USER:PASSWORD, each of 1 to 255 octets (':' is %3A)");
  }
  return { username: username!, password: password! };
}

function unescaped(text: string): Uint8Array {
  try {
    return new TextEncoder().encode(decodeURIComponent(text));
  } catch {
    throw new SyntaxError("has credentials with a stray '%' (which is %25)");
  }
}
