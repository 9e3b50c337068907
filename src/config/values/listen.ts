import { addressText } from "../../protocol/address.ts";
import { type SocketAddr, unixAddr } from "../../net/socket.ts";
import { isByName, isRouted, isUdp, type Speech } from "../../gateway/settings.ts";
import type { WayOut } from "../../gateway/way_out.ts";
import { WrongValue } from "../config_error.ts";
import { parseWayOutQuery } from "./way_out_value.ts";
import { parseZoned } from "./zone_value.ts";

/** Where to listen. */
export interface ListenSpec {
  readonly addr: SocketAddr;
  /** The address to use if this host lacks the family of `addr`. */
  readonly otherwise?: SocketAddr;
  /** True if it was not named explicitly: it is left out if its family is missing. */
  readonly optional: boolean;
  /** Its clients speak TLS. */
  readonly tls?: true;
  /** The protocol that clients must use, if it is limited. */
  readonly only?: Speech;
  /** The source addresses, interface and mark for its clients' connections. */
  readonly wayOut?: WayOut;
  /** The name of systemd's sockets, or * for all: these have their own addresses, and `addr` is unused. */
  readonly systemd?: string;
}

const DEFAULT_PORT = 1080;

/** Maximum length of a path (octets): systems allow at least 103 for a unix socket, and a temporary name appends a suffix. */
const MAX_PATH_SIZE = 100;

/** The purpose of a listener by its scheme; without a scheme clients may use SOCKS and HTTP. */
const purposes: Readonly<Record<string, Pick<ListenSpec, "tls" | "only">>> = {
  socks5: { only: "socks" },
  socks5s: { only: "socks", tls: true },
  http: { only: "http" },
  https: { only: "http", tls: true },
  tls: { tls: true },
  sni: { only: { by: "sni" } },
  host: { only: { by: "host" } },
  transparent: { only: { routed: true } },
};

/** `[SCHEME://]ADDR[?…]`; after ? come the source addresses, interface and mark of its clients. Throws WrongValue. */
export function parseListen(text: string): readonly ListenSpec[] {
  const [, where, query] = /^([^?]*)(?:\?(.*))?$/.exec(text)!;
  const said = query?.split("&") ?? [];
  const isPort = (one: string) => one.startsWith("port=");
  const port = said.find(isPort), ways = said.filter((one) => one !== port);
  const wayOut = ways.length > 0 ? parseWayOutQuery(ways.join("&")) : undefined;
  return parseScheme(where!, port, text).map((spec) => wayOut ? { ...spec, wayOut } : spec);
}

/** `ADDR`, or `SCHEME://ADDR` for one protocol or for TLS. Throws WrongValue. */
function parseScheme(text: string, port: string | undefined, whole: string): readonly ListenSpec[] {
  const [, scheme, addr] = /^([a-z0-9+.-]+):\/\/(.*)$/i.exec(text) ?? [];
  const known = addr === undefined || scheme!.toLowerCase() === "unix" // unix://path is an address, not a scheme
    ? {}
    : Object.hasOwn(purposes, scheme!.toLowerCase()) && purposes[scheme!.toLowerCase()];
  if (known) {
    const only = withPort(known.only, port, whole);
    const where = Object.values(purposes).includes(known) ? addr! : text;
    const specs = parseAddr(where).map((spec) => ({ ...spec, ...known, ...only && { only } }));
    return isRouted(only) ? routed(specs, whole) : specs;
  }
  throw new WrongValue(
    `'${text}' is of the scheme '${scheme}:', which is not one of ${Object.keys(purposes).join(", ")}`,
  );
}

/** Adds a listener for datagrams to each for connections. Throws WrongValue. */
function routed(specs: readonly ListenSpec[], text: string): readonly ListenSpec[] {
  const wrong = specs.find(({ addr, systemd }) => systemd !== undefined || addr.unix !== undefined || addr.port === 0);
  if (wrong) {
    throw new WrongValue(`'${text}' cannot be: routes lead to an address and a port (write transparent://:1081)`);
  }
  return [...specs, ...specs.map((spec) => ({ ...spec, only: { routed: true, udp: true } as const }))];
}

/** `port=443` sets the destination port of a listener by name. Throws WrongValue. */
function withPort(only: Speech | undefined, said: string | undefined, text: string): Speech | undefined {
  if (said === undefined) return only;
  const port = Number(/^port=(\d{1,5})$/.exec(said)?.[1]);
  if (isByName(only) && port >= 1 && port <= 65_535) return { ...only, port };
  throw new WrongValue(`'${text}' ends in what is not understood (only sni://ADDR and host://ADDR may have ?port=N)`);
}

/**
 * ADDR in any usual form: 0.0.0.0:1080, [::]:1080, :1080, *:1080, localhost:1080, 192.0.2.1, ::1, [fe80::1%eth0]:1080,
 * unix:/path, unix:@name, systemd, systemd:NAME. Throws WrongValue.
 */
function parseAddr(text: string): readonly ListenSpec[] {
  const activated = /^systemd(?::(.+))?$/.exec(text);
  if (activated) return [{ addr: unixAddr(""), optional: false, systemd: activated[1] ?? "*" }];
  if (text.startsWith("unix:")) return [{ addr: parseUnix(text.slice("unix:".length)), optional: false }];
  const match = /^(?:\[([0-9a-f:.]+(?:%[^\]\s]+)?)\]|([^:]*))(?::(\d+))?$/i.exec(text);
  const [host, port] = match
    ? [match[1] ?? match[2]!, match[3] === undefined ? DEFAULT_PORT : Number(match[3])]
    : [text, DEFAULT_PORT];
  if (port > 65_535) throw new WrongValue(`'${text}' has a port above 65535`);
  if (match && match[1] === undefined && /^\d+$/.test(host)) {
    throw new WrongValue(`'${text}' is not an address; for port ${host} on every address write ':${host}'`);
  }
  if (host === "localhost") {
    return ["127.0.0.1", "::1"].map((loopback) => ({ addr: { host: loopback, port }, optional: loopback === "::1" }));
  }
  if (host === "*" || (host === "" && text !== "")) {
    return [{ addr: { host: "::", port }, otherwise: { host: "0.0.0.0", port }, optional: false }];
  }
  const addr = parseZoned(host, port, text);
  if (!addr) throw new WrongValue(`'${text}' is not an address (write 127.0.0.1:1080, [::1]:1080 or :1080)`);
  return [{ addr, optional: false }];
}

function parseUnix(path: string): SocketAddr {
  const size = new TextEncoder().encode(path).length;
  if (size > MAX_PATH_SIZE) {
    throw new WrongValue(`'unix:${path}' has ${size} octets of path, more than ${MAX_PATH_SIZE}`);
  }
  if (!/^(\/.*[^/]|@.+)$/.test(path) || path.includes("\0")) {
    throw new WrongValue(`'unix:${path}' is not a path (write unix:/run/gate46/socks.sock or unix:@name)`);
  }
  return unixAddr(path);
}

/** The names of one --listen's listeners in rules: their addresses. Throws WrongValue. */
export function parseListener(text: string): readonly string[] {
  const specs = parseListen(text);
  if (specs.some(({ addr, systemd }) => systemd !== undefined || (addr.port === 0 && addr.unix === undefined))) {
    throw new WrongValue(`'${text}' is not a listener address (write 127.0.0.1:1080, :1080 or unix:/run/x)`);
  }
  return listenerNames(specs);
}

export function listenerNames(specs: readonly ListenSpec[]): readonly string[] {
  return specs.flatMap(({ addr, otherwise }) => [addr, ...otherwise ? [otherwise] : []].map(addressText));
}

/** The admin endpoint's address; a port alone means loopback, and `off` means none. Throws WrongValue. */
export function parseAdmin(text: string): SocketAddr | undefined {
  if (text === "off") return undefined;
  const { addr, systemd } = parseAddr(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text)[0]!;
  if (systemd !== undefined) throw new WrongValue(`'${text}' cannot be: no HTTP server here takes sockets of systemd`);
  if (addr.zone !== undefined) throw new WrongValue(`'${text}' cannot be: no HTTP server here takes a zone`);
  return addr;
}

export function isLoopback(host: string): boolean {
  return host === "::1" || host.startsWith("127.");
}

/** Removes 0.0.0.0 beside [::] on the same port: [::] accepts IPv4 too, and both would conflict. */
export function covered(specs: readonly ListenSpec[]): readonly ListenSpec[] {
  const portOf = ({ addr, only }: ListenSpec) => `${isUdp(only) ? "udp " : ""}${addr.port}`;
  const dual = new Set(specs.filter(({ addr }) => addr.host === "::" && addr.port !== 0).map(portOf));
  return specs.filter((spec) => spec.addr.host !== "0.0.0.0" || !dual.has(portOf(spec)));
}

/** An address with two conflicting settings, and the conflict; undefined if there is none. `[::]` includes every address. */
export function contradictory(
  specs: readonly ListenSpec[],
): { readonly addr: SocketAddr; readonly state: string } | undefined {
  for (const spec of specs) {
    for (const other of specs) {
      if (!overlap(spec, other)) continue;
      if (spec.tls !== other.tls || JSON.stringify(spec.only) !== JSON.stringify(other.only)) {
        return { addr: spec.addr, state: "it is given twice, for different protocols" };
      }
      if (JSON.stringify(spec.wayOut) === JSON.stringify(other.wayOut)) continue;
      return { addr: spec.addr, state: "its clients are to leave by two ways" };
    }
  }
  return undefined;
}

function overlap({ addr: a, only }: ListenSpec, { addr: b, only: other }: ListenSpec): boolean {
  return a.port === b.port && isUdp(only) === isUdp(other) && (a.port !== 0 || a.unix !== undefined) &&
    (addressText(a) === addressText(b) || (a.host === "::" && b.host === "0.0.0.0"));
}
