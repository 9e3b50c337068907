import { ipAddress } from "../../protocol/address.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** The contents of resolv.conf(5). */
export interface ResolvConf {
  /** In order; undefined if one has a form that only the system understands. */
  readonly servers: readonly SocketAddr[] | undefined;
  /** Search domains, in order. */
  readonly search: readonly string[];
  /** A name with at least so many dots is first asked for as it is (ndots). */
  readonly ndots: number;
  /** Time before the next server is asked (ms), and attempts per server; undefined if not set. */
  readonly timeoutMs: number | undefined;
  readonly attempts: number | undefined;
  readonly rotate: boolean;
  readonly edns: boolean;
  readonly byTcp: boolean;
  readonly noIpv6: boolean;
}

/** The system's limits (MAXNS, RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY), and one for search domains, each of which costs questions. */
const MAX_SERVERS = 3, MAX_SEARCH = 32, MAX_NDOTS = 15, MAX_TIMEOUT_S = 30, MAX_ATTEMPTS = 5;

/** Unknown lines are skipped, as the system does; of `search` and `domain` the last one counts. */
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
