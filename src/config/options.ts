import { defaultSettings, type GatewaySettings } from "../gateway/settings.ts";
import { protections } from "../protocol/gssapi.ts";
import type { Prefix } from "../protocol/ip/prefix.ts";
import { parseDnsServer, parseFamily, parseHostEntry, parseNat64 } from "./values/dns.ts";
import { MAX_HOPS } from "../sockslib/chain/hop.ts";
import { parseDnsListen, parseFakePool } from "./values/fake_dns.ts";
import { parseForward } from "./values/forward.ts";
import { parseAdmin, parseListen } from "./values/listen.ts";
import { type About, choice, count, many, one, type Option, setting, time, toggle } from "./option.ts";
import { parseAuthUrl, parseCommand } from "./values/authority_value.ts";
import { parseCollectorUrl } from "./values/collector_value.ts";
import { parseUser } from "./values/user.ts";
import { byFamily, parseOutgoing } from "./values/way_out_value.ts";
import { outgoingPers } from "../gateway/way_out.ts";
import {
  parseAnnounced,
  parseCount,
  parseHopUrl,
  parseInterface,
  parseMark,
  parseMode,
  parseNameValue,
  parsePorts,
  parsePrefixValue,
  parseProxySource,
  parseSize,
  parseTime,
  parseWorkers,
} from "./values/values.ts";

/**
 * All options. A new option needs only an entry: its flag, its variable, its key in the file, the help, the
 * JSON Schema and the field of Config (or of GatewaySettings, for a `setting`) are derived from it.
 */

export const engines = ["auto", "linux", "portable"] as const;
export const logLevels = ["debug", "info", "warning", "error"] as const;
export const logFormats = ["auto", "text", "json", "syslog"] as const;
export const loggedSessions = ["all", "sampled", "failed", "off", "audit"] as const;
export const loggedClients = ["full", "prefix", "none"] as const;
export const gssapiUsers = ["principal", "local"] as const;
export const defaultActions = ["allow", "deny"] as const;
export const udpFilters = ["endpoint-independent", "address-dependent", "address-and-port-dependent"] as const;

const where = "Listeners:";
const who = "Clients and destinations:";
const names = "Names:";
const router = "Router, for hosts without client software (with --listen transparent://ADDR):";
const onward = "Upstream gateways:";
const limits = "Limits and timeouts (500ms, 10s, 5m, 1h; a number without a unit is seconds):";
const kernel = "Linux engine:";
const output = "Log:";

/**
 * A port without other uses: not registered, not among Prometheus's 9090 to 9099 and its exporters' 9100 to 9999, since the
 * scraper is often on the same host, and below the ports that Linux assigns to connections (32768).
 */
const ADMIN = "127.0.0.1:10846";

const asIs = (text: string) => text;
const d = defaultSettings;

export const options = {
  config: one("FILE", asIs, {
    group: where,
    help: "configuration file (TOML); flags and variables override it",
    notInFile: true,
    fixed: true,
  }),
  listen: many("ADDR", parseListen, {
    group: where,
    help:
      "address to listen on for SOCKS5 and HTTP: :1080, unix:/run/gate46/socks.sock, systemd, systemd:NAME. One protocol only: socks5://ADDR, http://ADDR. Over TLS: socks5s://, https://, tls:// (both). Routing by the server name in TLS or the Host in HTTP: sni://ADDR, host://ADDR. Routed traffic of other hosts: transparent://:1081. Source of outgoing connections: ADDR?outgoing=IP, &interface=NAME, &mark=N",
  }, "localhost:1080"),
  forward: many("ADDR=HOST:PORT", parseForward, {
    group: where,
    help:
      "forward connections from ADDR to HOST:PORT, for example [::]:2222=server.example:22; udp://:5353=HOST:PORT forwards datagrams; ?proxy-protocol=1|2 sends the client's address to the server; ?idle-timeout=1h",
  }),
  tlsCert: one("FILE", asIs, {
    group: where,
    help: "certificate chain (PEM) of the TLS listeners",
    path: "plain",
  }),
  tlsKey: one("FILE", asIs, { group: where, help: "private key (PEM) of that certificate", path: "secret" }),
  tlsClientCa: one("FILE", asIs, {
    group: where,
    help: "client certificate authority (PEM): clients of TLS listeners must show a certificate that it issued",
    path: "plain",
  }),
  admin: {
    ...one(
      "ADDR|off",
      parseAdmin,
      { group: where, help: "address of the status page, /healthz, /readyz, /metrics and /api/status", fixed: true },
      ADMIN,
    ),
    accepts: ["string", "number"],
  },
  unixMode: one(
    "MODE",
    parseMode,
    { group: where, help: "file mode of unix: sockets, as for chmod", fixed: true },
    "0600",
  ),
  adminTokenFile: one("FILE", asIs, {
    group: where,
    help: "file with the admin token: with it, you can read every page of --admin, end sessions, drain and reload",
    path: "secret",
  }),
  metricsPerUser: toggle({
    group: where,
    help: "count sessions and bytes per user on /metrics, for the first 100 users",
  }),
  takeOver: one("PID", parseCount, {
    group: where,
    help: "take over the listeners of the gate46 process PID, which then drains (Linux engine)",
    notInFile: true,
    fixed: true,
  }),
  watch: toggle({ group: where, help: "reload when a configuration file changes, as on SIGHUP" }),
  announce: setting(
    "announce",
    oneOfEach(
      many("IP", parseAnnounced, {
        group: where,
        help: "address in the replies to BIND and UDP ASSOCIATE; one per address family",
      }),
    ),
  ),
  ports: setting(
    "ports",
    one("FIRST-LAST", parsePorts, { group: where, help: "port range for BIND and UDP ASSOCIATE (default: any port)" }),
  ),

  user: many("NAME:PASSWORD", parseUser, {
    group: who,
    help: "require a username and password; other users of this machine can see this flag in the process list",
    secret: true,
    notInFile: true, // the file has a table for each user
  }),
  usersFile: one("FILE", asIs, {
    group: who,
    help: "require a username and password from this file, which holds password hashes (see hash-password)",
    path: "secret",
  }),
  authCommand: one("COMMAND", parseCommand, {
    group: who,
    help:
      "program that checks all other users: it reads a line USER PASSWORD and answers OK or ERR, like a Squid helper",
  }),
  authUrl: one("URL", parseAuthUrl, {
    group: who,
    help: "HTTP server that checks all other users by Basic credentials: 2xx accepts, 401 and 403 refuse",
  }),
  authCache: time(
    { group: who, help: "time for which an accepted password is not checked again by --auth-command or --auth-url" },
    60_000,
    0,
  ),
  quotaFile: one("FILE", asIs, {
    group: who,
    help: "file that keeps the quota usage of users over restarts ([[users]], quota)",
    path: "plain",
    fixed: true,
  }),
  from: setting(
    "from",
    orUndefined(many("PREFIX", parsePrefixValue, { group: who, help: "accept clients from this prefix only" })),
  ),
  authExempt: many("PREFIX", parsePrefixValue, {
    group: who,
    help: "clients in this prefix need no authentication; clients of unix: sockets count as 127.0.0.1",
  }),
  gssapiKeytab: one("FILE", asIs, {
    group: who,
    help: "accept Kerberos tickets for the keys in this keytab: GSSAPI in SOCKS, Negotiate in HTTP",
    path: "secret",
  }),
  gssapiService: one("NAME", asIs, {
    group: who,
    help: "accept tickets for this service only, for example rcmd or rcmd@host (default: every key in the keytab)",
  }),
  gssapiProtection: setting(
    "gssapiProtection",
    choice("LEVEL", protections, {
      group: who,
      help: "minimum protection level of GSSAPI clients' traffic",
    }, d.gssapiProtection),
  ),
  gssapiUser: setting(
    "gssapiUser",
    choice("HOW", gssapiUsers, {
      group: who,
      help: "user name of a GSSAPI client: its principal (alice@EXAMPLE.ORG) or its local name (auth_to_local)",
    }, d.gssapiUser),
  ),
  gssapiFirst: setting(
    "gssapiFirst",
    toggle({ group: who, help: "prefer GSSAPI to a password if a client offers both" }),
  ),
  gssapiNec: setting(
    "gssapiNec",
    toggle({ group: who, help: "also accept NEC's variant of GSSAPI; requires --gssapi-replay-cache" }),
  ),
  gssapiReplayCache: one("FILE", asIs, {
    group: who,
    help: "replay cache file: a GSSAPI token that was used before is refused",
    path: "plain",
    fixed: true,
  }),
  proxyProtocolFrom: setting(
    "proxies",
    many("PREFIX|unix", parseProxySource, {
      group: who,
      help:
        "require a PROXY protocol header with the client's address on connections from this prefix (load balancers)",
    }),
  ),
  open: toggle({ group: who, help: "allow an open relay: listen beyond loopback without users, keytab or --from" }),
  allow: many("PREFIX", parsePrefixValue, {
    group: who,
    help: "open destinations that are closed by default: loopback, link-local, multicast, cloud metadata",
  }),
  default: choice("ACTION", defaultActions, {
    group: who,
    help:
      "action for destinations that match no rule and no --allow; destinations that are closed by default stay closed",
  }, "allow"),
  socks4: setting(
    "socks4",
    toggle({ group: who, help: "also accept SOCKS4 and SOCKS4A from clients that need no authentication" }),
  ),
  udpInTcp: setting(
    "udpInTcp",
    toggle({ group: who, help: "also accept UDP inside the TCP connection: command 05 of hev-socks5-server" }),
  ),
  udpFilter: setting(
    "udpFilter",
    choice(
      "MODE",
      udpFilters,
      { group: who, help: "remote endpoints that may answer a client's datagrams" },
      d.udpFilter,
    ),
  ),

  dns: many("ADDR", parseDnsServer, {
    group: names,
    help:
      "DNS server to use in place of the system's resolver: 192.0.2.53, [2001:db8::53]:5353, tcp://192.0.2.53, tls://192.0.2.53#dns.example, https://dns.example/dns-query",
  }),
  dnsCa: one("FILE", asIs, {
    group: names,
    help: "CA certificates (PEM) for tls:// and https:// DNS servers",
    path: "plain",
  }),
  host: many("NAME=IP[,IP]", parseHostEntry, { group: names, help: "static addresses of this name" }),
  prefer: one("FAMILY", parseFamily, {
    group: names,
    help: "address family to try first (ipv4, ipv6), unless a rule says otherwise",
  }),
  only: one("FAMILY", parseFamily, {
    group: names,
    help: "the only address family to use (ipv4, ipv6), unless a rule says otherwise",
  }),
  outgoing: setting(
    "outgoing",
    oneOfEach(
      many("IP|PREFIX", parseOutgoing, {
        group: names,
        help:
          "source address of outgoing connections, or a prefix such as 2001:db8:1::/64 with an address per session; one per address family",
      }),
    ),
  ),
  outgoingPer: setting(
    "outgoingPer",
    choice(
      "WHOM",
      outgoingPers,
      { group: names, help: "share each address of an --outgoing prefix per" },
      d.outgoingPer,
    ),
  ),
  nat64: one("PREFIX|auto", parseNat64, {
    group: names,
    help:
      "NAT64 prefix of this network (RFC 6052); auto takes the one that the router announces (RFC 8781), else the one in DNS (RFC 7050)",
  }),
  resolveCommands: setting(
    "resolveCommands",
    toggle({ group: names, help: "serve Tor's commands RESOLVE (F0) and RESOLVE_PTR (F1)" }),
  ),
  fakeDns: many("ADDR", parseDnsListen, {
    group: router,
    help:
      "address to serve DNS on, by UDP and TCP, for example 192.168.1.1 or :53: every name gets a fake address of each family that leads to this router",
  }),
  fakeDnsCheck: toggle({ group: router, help: "answer NXDOMAIN for names that do not exist in the real DNS" }),
  fakeDnsExclude: many("NAME", parseNameValue, {
    group: router,
    help: "resolve this name by real DNS servers: example.org, or .example.org with all names below it",
  }),
  fakeIpv4: one("PREFIX", parseFakePool("IPv4"), {
    group: router,
    help: "prefix of the fake IPv4 addresses",
    fixed: true,
  }, "198.18.0.0/15"),
  fakeIpv6: one(
    "PREFIX",
    parseFakePool("IPv6"),
    { group: router, help: "prefix of the fake IPv6 addresses", fixed: true },
    "fd46:198:18::/64",
  ),
  fakeJournal: one("FILE", asIs, {
    group: router,
    help: "file that keeps names and their fake addresses over a restart",
    path: "plain",
    fixed: true,
  }),
  installRules: toggle({
    group: router,
    help:
      "set up routes and an nf_tables table for all traffic of --from clients and all traffic to fake addresses; they are removed at the end",
    fixed: true,
  }),

  via: bounded(
    MAX_HOPS,
    many("URL", parseHopUrl, {
      group: onward,
      help:
        "upstream gateway: socks5://[USER:PASSWORD@]HOST[:PORT] or http://…, over TLS socks5s:// or https://; several form one chain, nearest first; rules take precedence",
    }),
  ),
  viaCa: one("FILE", asIs, {
    group: onward,
    help: "CA certificates (PEM) for socks5s:// and https:// upstream gateways",
    path: "plain",
  }),
  viaCert: one("FILE", asIs, {
    group: onward,
    help: "client certificate (PEM) for those upstream gateways",
    path: "plain",
  }),
  viaKey: one("FILE", asIs, { group: onward, help: "private key (PEM) of that certificate", path: "secret" }),
  probeInterval: time(
    { group: onward, help: "interval between probes of each upstream; 0 disables probes" },
    10_000,
    0,
  ),
  probeTimeout: time({ group: onward, help: "timeout of an upstream probe" }, 5_000),

  maxSessions: setting("maxSessions", count({ group: limits, help: "maximum concurrent sessions" }, d.maxSessions)),
  maxSessionsPerClient: setting(
    "maxSessionsPerClient",
    optionalCount({
      group: limits,
      help:
        "maximum sessions per client, an IPv4 address or IPv6 /64 (default: a quarter of --max-sessions, or of the descriptor limit; none for clients on this machine)",
    }),
  ),
  maxSessionsPerUser: setting(
    "maxSessionsPerUser",
    optionalCount({ group: limits, help: "maximum sessions per user" }),
  ),
  maxRate: setting("maxRate", optionalCount({ group: limits, help: "maximum new connections per second per client" })),
  maxFailures: setting(
    "maxFailures",
    count(
      {
        group: limits,
        help:
          "maximum wrong passwords per minute per client; then only users who have logged in from there before are let in",
      },
      d.maxFailures,
    ),
  ),
  failuresExempt: setting(
    "failuresExempt",
    many("PREFIX", parsePrefixValue, {
      group: limits,
      help: "clients in this prefix are exempt from --max-failures (load balancers)",
    }),
  ),
  sessionBandwidth: setting(
    "sessionBandwidth",
    one("SIZE", parseSize, {
      group: limits,
      help: "maximum bytes per second per session and direction, for example 500k or 10M",
    }),
  ),
  userBandwidth: setting(
    "userBandwidth",
    one("SIZE", parseSize, { group: limits, help: "maximum bytes per second per user and direction" }),
  ),
  maxUdpDestinations: setting(
    "maxUdpDestinations",
    count({ group: limits, help: "maximum destinations per UDP association" }, d.maxUdpDestinations),
  ),
  handshakeTimeout: setting(
    "handshakeMs",
    time({ group: limits, help: "handshake timeout: from the connection to the complete request" }, d.handshakeMs),
  ),
  dialTimeout: setting("dialMs", time({ group: limits, help: "connect timeout, including name resolution" }, d.dialMs)),
  bindTimeout: setting("bindMs", time({ group: limits, help: "BIND timeout: until the peer connects" }, d.bindMs)),
  idleTimeout: setting(
    "idleMs",
    time({ group: limits, help: "idle timeout per session: no byte in either direction" }, d.idleMs),
  ),
  udpIdleTimeout: setting(
    "udpIdleMs",
    time({ group: limits, help: "idle timeout per UDP destination" }, d.udpIdleMs),
  ),
  drainDelay: time(
    { group: limits, help: "delay between SIGTERM and the drain: /readyz answers 503, clients are still served" },
    0,
    0,
  ),
  drain: time(
    {
      group: limits,
      help: "drain time after SIGTERM or Ctrl-C; a second signal, at least 1s later, ends all sessions",
    },
    30_000,
    0,
  ),

  engine: choice(
    "ENGINE",
    engines,
    { group: kernel, fixed: true, help: "socket engine: linux calls libc, portable uses the runtime's sockets" },
    "auto",
  ),
  workers: optionalCount({
    group: kernel,
    fixed: true,
    help: "worker threads, 256 at most (default: one per core)",
  }, parseWorkers),
  busyPoll: {
    ...one("TIME", (text) => parseTime(text, 0.01), {
      group: kernel,
      fixed: true,
      help: "busy polling time before a worker sleeps, for example 0.2ms (default: none)",
    }),
    accepts: ["string", "number"],
  },
  mark: optionalCount({
    group: kernel,
    fixed: true,
    help: "mark of outgoing connections, for policy routing (SO_MARK)",
  }, parseMark),
  interface: one("NAME", parseInterface, {
    group: kernel,
    fixed: true,
    help: "interface of outgoing connections (SO_BINDTODEVICE)",
  }),
  freeBind: toggle({
    group: kernel,
    fixed: true,
    help: "allow listening on addresses that this host does not have yet (IP_FREEBIND)",
  }),
  tcpUserTimeout: {
    ...one("TIME", parseTime, {
      group: kernel,
      fixed: true,
      help: "close a connection when sent data stays unacknowledged for this long (TCP_USER_TIMEOUT)",
    }),
    accepts: ["string", "number"],
  },

  logLevel: choice("LEVEL", logLevels, { group: output, fixed: true, help: "minimum level of log lines" }, "info"),
  logFormat: choice(
    "FORMAT",
    logFormats,
    {
      group: output,
      fixed: true,
      help: "log format; syslog has priorities for the journal (<6>…); auto is syslog under the journal, else text",
    },
    "auto",
  ),
  logFile: one("FILE", asIs, {
    group: output,
    help: "log file, in place of standard error; reopened after a rotation",
    path: "plain",
    fixed: true,
  }),
  logSessions: choice(
    "WHICH",
    loggedSessions,
    {
      group: output,
      fixed: true,
      help:
        "sessions to log; sampled also limits the lines of successful sessions; audit writes JSON lines for the start, request, UDP destinations and end of each session",
    },
    "all",
  ),
  logSample: {
    ...one(
      "N|off",
      parseBudget,
      {
        group: output,
        fixed: true,
        help: "maximum failure lines of one kind per client in 10s, per worker; further ones are counted",
      },
      "20",
    ),
    accepts: ["string", "number"],
  },
  logClients: choice(
    "HOW",
    loggedClients,
    { group: output, fixed: true, help: "client addresses in the log: full, as prefix (IPv4 /24, IPv6 /48), or none" },
    "full",
  ),
  otlp: one("URL", parseCollectorUrl, {
    group: output,
    fixed: true,
    help: "OpenTelemetry collector for metrics and ended sessions (OTLP over HTTP, JSON), as http://127.0.0.1:4318",
  }),
  otlpInterval: {
    ...one("TIME", (text) => parseTime(text, 1_000), {
      group: output,
      fixed: true,
      help: "interval at which the collector gets metrics and sessions",
    }, "10s"),
    accepts: ["string", "number"],
  },
} as const satisfies Record<string, Option<unknown>>;

export type OptionKey = keyof typeof options;

/** The parsed value of each option. */
export type Values = {
  readonly [K in OptionKey]: (typeof options)[K] extends Option<infer T> ? T : never;
};

/** Options that are settings of the gateway. */
export type SettingKey = {
  [K in OptionKey]: (typeof options)[K] extends { readonly setting: keyof GatewaySettings } ? K : never;
}[OptionKey];

export const optionKeys = Object.keys(options) as readonly OptionKey[];

/** The table's entries, with one type for all. */
export function optionOf(key: OptionKey): Option<unknown> & { readonly setting?: keyof GatewaySettings } {
  return options[key];
}

export function flagName(key: string): string {
  return `--${words(key, "-")}`;
}

export function variableName(key: string): string {
  return `GATE46_${words(key, "_").toUpperCase()}`;
}

export function fileKey(key: string): string {
  return words(key, "_");
}

function words(key: string, between: string): string {
  return key.replace(/[A-Z]/g, (letter) => between + letter.toLowerCase());
}

function optionalCount(about: About, parse = parseCount): Option<number | undefined> {
  return { ...one("N", parse, about), accepts: ["number"] };
}

function orUndefined(option: Option<readonly Prefix[]>): Option<readonly Prefix[] | undefined> {
  return { ...option, read: (texts, wrong) => texts && option.read(texts, wrong) };
}

/** A number, or `off` for no limit. */
function parseBudget(text: string): number {
  return text === "off" ? Infinity : parseCount(text);
}

/** The option with at most `most` values. */
function bounded<T>(most: number, option: Option<readonly T[]>): Option<readonly T[]> {
  return {
    ...option,
    read: (texts, wrong) => {
      if (texts && texts.length > most) wrong(`more than ${most} of them`, most);
      return option.read(texts, wrong);
    },
  };
}

/** One address of each family. */
function oneOfEach(hosts: Option<readonly string[]>): Option<GatewaySettings["announce"]> {
  return { ...hosts, read: (texts, wrong) => byFamily(hosts.read(texts, wrong), wrong) };
}
