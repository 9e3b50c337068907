import { ipAddress } from "../../protocol/address.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** What resolv.conf(5) says. */
export interface ResolvConf {
  /** In their order; undefined where one is written in a way that only the system understands. */
  readonly servers: readonly SocketAddr[] | undefined;
  /** Domains that names are looked for in, in their order. */
  readonly search: readonly string[];
  /** A name with so many dots is asked for as it is first. */
  readonly ndots: number;
  /** How long a server has before the next is asked (ms), and how often each is; undefined where nothing is said. */
  readonly timeoutMs: number | undefined;
  readonly attempts: number | undefined;
  readonly rotate: boolean;
  readonly edns: boolean;
  readonly byTcp: boolean;
  readonly noIpv6: boolean;
}

/** The system has no more (MAXNS, RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY), but for search domains, which cost questions. */
const MAX_SERVERS = 3, MAX_SEARCH = 32, MAX_NDOTS = 15, MAX_TIMEOUT_S = 30, MAX_ATTEMPTS = 5;

/** What is none of its lines is passed over, as the system does; of `search` and `domain` the last counts. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: (SocketAddr | undefined)[] = [];
  let search: readonly string[] = [];
  const options = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (/^[#;]/.test(line)) continue;
    const [key, ...values] = line.trim().split(/[ \t]+/);
    const [first] = values;
    if (first === undefined) continue;
    if (key === "nameserver") servers.push(serverAt(first));
    else if (key === "search") search = values;
    else if (key === "domain") search = [first];
    else if (key === "options") {
      for (const value of values) {
        const [name, said = ""] = value.split(":", 2) as [string, string?];
        options.set(name, said);
      }
    }
  }
  const number = (name: string, least: number, most: number) => {
    const value = Number.parseInt(options.get(name) ?? "", 10);
    return Number.isNaN(value) ? undefined : Math.min(most, Math.max(least, value));
  };
  const timeout = number("timeout", 1, MAX_TIMEOUT_S);
  const known = servers.slice(0, MAX_SERVERS);
  return {
    servers: known.every((server) => server !== undefined) ? known : undefined,
    search: search.map((domain) => domain.toLowerCase().replace(/^\.+|\.+$/g, "")).filter(Boolean).slice(0, MAX_SEARCH),
    ndots: number("ndots", 0, MAX_NDOTS) ?? 1,
    timeoutMs: timeout === undefined ? undefined : timeout * 1_000,
    attempts: number("attempts", 1, MAX_ATTEMPTS),
    rotate: options.has("rotate"),
    edns: options.has("edns0"),
    byTcp: options.has("use-vc"),
    noIpv6: options.has("no-aaaa"),
  };
}

function serverAt(text: string): SocketAddr | undefined {
  const address = ipAddress(text, 53);
  return address && { host: address.host, port: address.port };
}
