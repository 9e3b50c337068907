import { ipAddress } from "./protocol/address.ts";
import { parsePrefix, type Prefix } from "./protocol/prefix.ts";
import { defaultSettings, type GatewaySettings, type PortRange, type UdpFilter } from "./gateway/settings.ts";
import type { SocketAddr } from "./net/socket.ts";

/** Reads what a person wrote. Every error names the option, its place and what was expected. */

export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Where to listen. */
export interface ListenSpec {
  readonly addr: SocketAddr;
  /** What to try where `addr`'s family is missing on this host. */
  readonly otherwise?: SocketAddr;
  /** Nobody asked for it by name: where its family is missing it is left out. */
  readonly optional: boolean;
}

export interface UserPassword {
  readonly name: string;
  readonly password: string;
}

export const logLevels = ["debug", "info", "warning", "error"] as const;
export const logFormats = ["text", "json"] as const;
const udpFilters = ["endpoint-independent", "address-dependent", "address-and-port-dependent"] as const;

export interface Config {
  readonly listen: readonly ListenSpec[];
  readonly users: readonly UserPassword[];
  readonly usersFile: string | undefined;
  readonly allow: readonly Prefix[];
  /** Undefined: no admin endpoint. */
  readonly admin: SocketAddr | undefined;
  readonly drainMs: number;
  readonly logLevel: (typeof logLevels)[number];
  readonly logFormat: (typeof logFormats)[number];
  readonly gateway: GatewaySettings;
}

/** The words behind the flags, as they were written. */
export interface RawOptions {
  readonly listen?: readonly string[];
  readonly user?: readonly string[];
  readonly usersFile?: string;
  readonly from?: readonly string[];
  readonly open?: boolean;
  readonly allow?: readonly string[];
  readonly admin?: string;
  readonly announce?: readonly string[];
  readonly ports?: string;
  readonly udpFilter?: string;
  readonly handshakeTimeout?: string;
  readonly dialTimeout?: string;
  readonly bindTimeout?: string;
  readonly idleTimeout?: string;
  readonly udpIdleTimeout?: string;
  readonly drain?: string;
  readonly maxSessions?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

const DEFAULT_PORT = 1080;
const DEFAULT_ADMIN = "127.0.0.1:9090";

/** Throws ConfigError. */
export function parseConfig(raw: RawOptions): Config {
  const listen = raw.listen
    ? each("--listen", raw.listen, parseListen).flat()
    : ["127.0.0.1", "::1"].map((host) => ({ addr: { host, port: DEFAULT_PORT }, optional: host === "::1" }));
  const users = each("--user", raw.user ?? [], parseUser);
  const from = raw.from && each("--from", raw.from, prefix);
  const closedToStrangers = users.length > 0 || raw.usersFile !== undefined || from !== undefined;
  const exposed = listen.find(({ addr }) => !isLoopback(addr.host));
  if (exposed && !closedToStrangers && !raw.open) {
    throw new ConfigError(
      `Cannot listen on ${exposed.addr.host}: it would be an open relay; add --user, --users-file or --from, or say --open`,
    );
  }
  return {
    listen: covered(listen),
    users,
    usersFile: raw.usersFile,
    allow: each("--allow", raw.allow ?? [], prefix),
    admin: raw.admin === "off" ? undefined : parseAdmin(raw.admin ?? DEFAULT_ADMIN),
    drainMs: duration("--drain", raw.drain, 30_000, 0),
    logLevel: choice("--log-level", raw.logLevel, logLevels, "info"),
    logFormat: choice("--log-format", raw.logFormat, logFormats, "text"),
    gateway: {
      ...defaultSettings,
      from,
      maxSessions: count("--max-sessions", raw.maxSessions, defaultSettings.maxSessions),
      handshakeMs: duration("--handshake-timeout", raw.handshakeTimeout, defaultSettings.handshakeMs),
      dialMs: duration("--dial-timeout", raw.dialTimeout, defaultSettings.dialMs),
      bindMs: duration("--bind-timeout", raw.bindTimeout, defaultSettings.bindMs),
      idleMs: duration("--idle-timeout", raw.idleTimeout, defaultSettings.idleMs),
      udpIdleMs: duration("--udp-idle-timeout", raw.udpIdleTimeout, defaultSettings.udpIdleMs),
      udpFilter: choice<UdpFilter>("--udp-filter", raw.udpFilter, udpFilters, defaultSettings.udpFilter),
      announce: parseAnnounce(raw.announce ?? []),
      ports: raw.ports === undefined ? undefined : parsePorts(raw.ports),
    },
  };
}

/** ADDR in every usual form: 0.0.0.0:1080, [::]:1080, :1080, *:1080, localhost:1080, 192.0.2.1, ::1. */
export function parseListen(text: string, where: string): ListenSpec[] {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:]*))(?::(\d+))?$/i.exec(text);
  const [host, port] = match
    ? [match[1] ?? match[2]!, match[3] === undefined ? DEFAULT_PORT : Number(match[3])]
    : [text, DEFAULT_PORT];
  const wrong = (state: string) => new ConfigError(`Cannot parse ${where}: '${text}' ${state}`);
  if (port > 65_535) throw wrong("has a port above 65535");
  if (match && match[1] === undefined && /^\d+$/.test(host)) {
    throw wrong(`is no address; for port ${host} on every address write ':${host}'`);
  }
  if (host === "localhost") {
    return ["127.0.0.1", "::1"].map((loopback) => ({ addr: { host: loopback, port }, optional: loopback === "::1" }));
  }
  if (host === "*" || (host === "" && text !== "")) {
    return [{ addr: { host: "::", port }, otherwise: { host: "0.0.0.0", port }, optional: false }];
  }
  const addr = ipAddress(host, port);
  if (!addr) throw wrong("is no address (write 127.0.0.1:1080, [::1]:1080 or :1080)");
  return [{ addr: { host: addr.host, port }, optional: false }];
}

/** `10`, `10s`, `500ms`, `5m` or `1h`, in ms. */
function duration(flag: string, text: string | undefined, otherwise: number, least = 1): number {
  if (text === undefined) return otherwise;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const ms = match && Number(match[1]) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match[2] ?? "s"]!;
  if (ms === null || ms > 2 ** 31 - 1) {
    throw new ConfigError(`Cannot parse ${flag}: '${text}' is no time (write 10s, 500ms, 5m or 1h)`);
  }
  if (ms < least) throw new ConfigError(`Cannot parse ${flag}: '${text}' is too short`);
  return ms;
}

function count(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new ConfigError(`Cannot parse ${flag}: '${text}' is no number above 0`);
  return Number(text);
}

function choice<T extends string>(flag: string, text: string | undefined, choices: readonly T[], otherwise: T): T {
  if (text === undefined) return otherwise;
  const found = choices.find((one) => one === text);
  if (!found) throw new ConfigError(`Cannot parse ${flag}: '${text}' is not one of ${choices.join(", ")}`);
  return found;
}

/** Parses every value of a repeatable flag, which is named with its index where there are several. */
function each<T>(flag: string, texts: readonly string[], parse: (text: string, where: string) => T): T[] {
  return texts.map((text, i) => parse(text, texts.length > 1 ? `${flag}[${i}]` : flag));
}

function prefix(text: string, where: string): Prefix {
  const found = parsePrefix(text);
  if (!found) throw new ConfigError(`Cannot parse ${where}: '${text}' is not a prefix`);
  return found;
}

/** The value may hold a password, so no error repeats it. */
function parseUser(text: string, where: string): UserPassword {
  const colon = text.indexOf(":");
  if (colon < 1 || colon === text.length - 1) throw new ConfigError(`Cannot parse ${where}: not NAME:PASSWORD`);
  const [name, password] = [text.slice(0, colon), text.slice(colon + 1)];
  for (const [what, value] of [["name", name], ["password", password]] as const) {
    if (new TextEncoder().encode(value).length > 255) {
      throw new ConfigError(`Cannot parse ${where}: the ${what} is longer than 255 octets`);
    }
  }
  return { name, password };
}

function parseAdmin(text: string): SocketAddr {
  const [spec] = parseListen(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text, "--admin");
  return spec!.addr;
}

function parseAnnounce(texts: readonly string[]): GatewaySettings["announce"] {
  const announce: { ipv4?: string; ipv6?: string } = {};
  each("--announce", texts, (text, where) => {
    const address = ipAddress(text, 0);
    if (!address) throw new ConfigError(`Cannot parse ${where}: '${text}' is no address`);
    const family = address.host.includes(":") ? "ipv6" : "ipv4";
    if (announce[family]) throw new ConfigError(`Cannot parse ${where}: a second address of its family`);
    announce[family] = address.host;
  });
  return announce;
}

function parsePorts(text: string): PortRange {
  const match = /^(\d+)-(\d+)$/.exec(text);
  const range = match && { first: Number(match[1]), last: Number(match[2]) };
  if (!range || range.first < 1 || range.last > 65_535 || range.first > range.last) {
    throw new ConfigError(`Cannot parse --ports: '${text}' is no range (write 40000-40999)`);
  }
  return range;
}

function isLoopback(host: string): boolean {
  return host === "::1" || host.startsWith("127.");
}

/** [::] takes IPv4 too, so 0.0.0.0 on the same port beside it would only be in its way. */
function covered(specs: readonly ListenSpec[]): readonly ListenSpec[] {
  const dual = new Set(specs.filter(({ addr }) => addr.host === "::" && addr.port !== 0).map(({ addr }) => addr.port));
  return specs.filter(({ addr }) => addr.host !== "0.0.0.0" || !dual.has(addr.port));
}
