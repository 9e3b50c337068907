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
import { parseUser } from "./values/user.ts";
import { byFamily, parseOutgoing } from "./values/way_out_value.ts";
import { outgoingPers } from "../gateway/way_out.ts";
import {
  parseCount,
  parseHopUrl,
  parseHost,
  parseInterface,
  parseMode,
  parseNameValue,
  parsePorts,
  parsePrefixValue,
  parseProxySource,
  parseSize,
  parseTime,
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

const where = "Where:";
const who = "Who may use it, and to go where:";
const names = "Names:";
const router = "Router, for hosts without client software (see --listen transparent://ADDR):";
const onward = "On to other gateways:";
const limits = "Limits (times as 500ms, 10s, 5m, 1h; a number alone is seconds):";
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
    help: "read this TOML file too; flags override it",
    notInFile: true,
    fixed: true,
  }),
  listen: many("ADDR", parseListen, {
    group: where,
    help:
      "listen there for SOCKS5 and HTTP: :1080, unix:/run/gate46/socks.sock, systemd, systemd:NAME; for one alone " +
      "socks5://ADDR or http://ADDR, with TLS socks5s://, https:// or, for both, tls://; by the name that visitors of " +
      "servers ask for (TLS, HTTP) sni://ADDR and host://ADDR; for what routes lead here transparent://:1081; " +
      "ADDR?outgoing=IP, &interface=NAME, &mark=N",
  }, "localhost:1080"),
  forward: many("ADDR=HOST:PORT", parseForward, {
    group: where,
    help:
      "who connects to ADDR goes on to HOST:PORT, as [::]:2222=server.example:22; udp://:5353=… for datagrams; with ?proxy-protocol=2 that is told " +
      "who it is; ?idle-timeout=1h",
  }),
  tlsCert: one("FILE", asIs, {
    group: where,
    help: "the certificate (PEM) that listeners with TLS show",
    path: "plain",
  }),
  tlsKey: one("FILE", asIs, { group: where, help: "its key (PEM)", path: "secret" }),
  tlsClientCa: one("FILE", asIs, {
    group: where,
    help: "only clients with a certificate of this authority (PEM)",
    path: "plain",
  }),
  admin: {
    ...one(
      "ADDR|off",
      parseAdmin,
      { group: where, help: "a status page, /healthz, /readyz, /metrics, /api/status", fixed: true },
      ADMIN,
    ),
    accepts: ["string", "number"],
  },
  unixMode: one(
    "MODE",
    parseMode,
    { group: where, help: "who may connect to unix: sockets: as chmod says it", fixed: true },
    "0600",
  ),
  adminTokenFile: one("FILE", asIs, {
    group: where,
    help: "who knows what is in it may read all of --admin, end sessions, drain and reload",
    path: "secret",
  }),
  metricsPerUser: toggle({ group: where, help: "count sessions and bytes of each of the first 100 users on /metrics" }),
  takeOver: one("PID", parseCount, {
    group: where,
    help: "take the listeners over from that gate46, which then drains (Linux engine)",
    notInFile: true,
    fixed: true,
  }),
  watch: toggle({ group: where, help: "reload when a file of the configuration has changed, as SIGHUP does" }),
  announce: setting(
    "announce",
    oneOfEach(
      many("IP", parseHost, { group: where, help: "tell clients this address for BIND and UDP, one for each family" }),
    ),
  ),
  ports: setting(
    "ports",
    one("FIRST-LAST", parsePorts, { group: where, help: "ports for BIND and UDP (default any)" }),
  ),

  user: many("NAME:PASSWORD", parseUser, {
    group: who,
    help: "ask for username and password; other users of this machine can see it",
    secret: true,
    notInFile: true, // the file has a table for each user
  }),
  usersFile: one("FILE", asIs, {
    group: who,
    help: "ask for those in this file, with hashed passwords (see hash-password)",
    path: "secret",
  }),
  authCommand: one("COMMAND", parseCommand, {
    group: who,
    help: "ask this program for all other users: a line USER PASSWORD, and OK or ERR back, as Squid asks its helpers",
  }),
  authUrl: one("URL", parseAuthUrl, {
    group: who,
    help: "ask this server, by HTTP with Basic credentials: 2xx lets in, 401 and 403 do not",
  }),
  authCache: time(
    { group: who, help: "a password that either of them called good is not asked again for so long" },
    60_000,
    0,
  ),
  quotaFile: one("FILE", asIs, {
    group: who,
    help: "keep there what users have used of their quota ([[users]], quota)",
    path: "plain",
    fixed: true,
  }),
  from: setting("from", orUndefined(many("PREFIX", parsePrefixValue, { group: who, help: "only clients from there" }))),
  authExempt: many("PREFIX", parsePrefixValue, {
    group: who,
    help: "clients there need no password, though others do; those of unix: sockets are 127.0.0.1",
  }),
  gssapiKeytab: one("FILE", asIs, {
    group: who,
    help: "accept Kerberos tickets for the keys in this file: GSSAPI in SOCKS, Negotiate in HTTP",
    path: "secret",
  }),
  gssapiService: one("NAME", asIs, {
    group: who,
    help: "accept tickets for this service only, as rcmd or rcmd@host (default: every key in the file)",
  }),
  gssapiProtection: setting(
    "gssapiProtection",
    choice("LEVEL", protections, {
      group: who,
      help: "the least protection of the traffic of GSSAPI clients",
    }, d.gssapiProtection),
  ),
  gssapiUser: setting(
    "gssapiUser",
    choice("HOW", gssapiUsers, {
      group: who,
      help: "the user name of a GSSAPI client: its principal (alice@EXAMPLE.ORG), or its local name (auth_to_local)",
    }, d.gssapiUser),
  ),
  gssapiFirst: setting(
    "gssapiFirst",
    toggle({ group: who, help: "take GSSAPI before a password where a client offers both" }),
  ),
  gssapiNec: setting(
    "gssapiNec",
    toggle({ group: who, help: "accept NEC's variant of GSSAPI too; it needs --gssapi-replay-cache" }),
  ),
  gssapiReplayCache: one("FILE", asIs, {
    group: who,
    help: "replay cache: refuse a GSSAPI token that was used before; the file keeps those tokens",
    path: "plain",
    fixed: true,
  }),
  proxyProtocolFrom: setting(
    "proxies",
    many("PREFIX|unix", parseProxySource, {
      group: who,
      help: "a proxy there says in a PROXY header who its client is, and has to",
    }),
  ),
  open: toggle({ group: who, help: "listen beyond loopback with neither users, keytab nor --from" }),
  allow: many("PREFIX", parsePrefixValue, {
    group: who,
    help: "open these destinations, though loopback, link-local, multicast or metadata",
  }),
  default: choice("ACTION", defaultActions, {
    group: who,
    help: "what becomes of what neither a rule nor --allow decides; closed destinations stay closed",
  }, "allow"),
  socks4: setting("socks4", toggle({ group: who, help: "serve SOCKS4 and SOCKS4A too, where nobody is asked" })),
  udpInTcp: setting(
    "udpInTcp",
    toggle({ group: who, help: "serve UDP inside of the TCP connection too: command 05 of hev-socks5-server" }),
  ),
  udpFilter: setting("udpFilter", choice("MODE", udpFilters, { group: who, help: "who may answer" }, d.udpFilter)),

  dns: many("ADDR", parseDnsServer, {
    group: names,
    help: "ask this DNS server, not the system's resolver: 192.0.2.53, [2001:db8::53]:5353, tcp://192.0.2.53, " +
      "tls://192.0.2.53#dns.example, https://dns.example/dns-query",
  }),
  dnsCa: one("FILE", asIs, {
    group: names,
    help: "certificates (PEM) of who vouches for tls:// and https://",
    path: "plain",
  }),
  host: many("NAME=IP[,IP]", parseHostEntry, { group: names, help: "this name has these addresses" }),
  prefer: one("FAMILY", parseFamily, { group: names, help: "dial ipv4 or ipv6 first, where no rule says otherwise" }),
  only: one("FAMILY", parseFamily, { group: names, help: "dial ipv4 or ipv6 alone, where no rule says otherwise" }),
  outgoing: setting(
    "outgoing",
    oneOfEach(
      many("IP|PREFIX", parseOutgoing, {
        group: names,
        help: "connect from this address, or from one of 2001:db8:1::/64 a session; one for each family",
      }),
    ),
  ),
  outgoingPer: setting(
    "outgoingPer",
    choice("WHOM", outgoingPers, { group: names, help: "who has one address of a prefix" }, d.outgoingPer),
  ),
  nat64: one("PREFIX|auto", parseNat64, {
    group: names,
    help:
      "the NAT64 prefix of this network (RFC 6052); auto: what its router announces (RFC 8781), else what its DNS tells (RFC 7050)",
  }),
  resolveCommands: setting(
    "resolveCommands",
    toggle({ group: names, help: "serve Tor's commands RESOLVE (F0) and RESOLVE_PTR (F1)" }),
  ),
  fakeDns: many("ADDR", parseDnsListen, {
    group: router,
    help:
      "serve DNS there, by UDP and TCP: every name has a fake address of each family that leads here, as 192.168.1.1 or :53",
  }),
  fakeDnsCheck: toggle({ group: router, help: "say that a name does not exist where the real DNS says so" }),
  fakeDnsExclude: many("NAME", parseNameValue, {
    group: router,
    help: "real DNS servers answer for this name: example.org, .example.org with all below it",
  }),
  fakeIpv4: one("PREFIX", parseFakePool("IPv4"), {
    group: router,
    help: "where fake IPv4 addresses are from",
    fixed: true,
  }, "198.18.0.0/15"),
  fakeIpv6: one(
    "PREFIX",
    parseFakePool("IPv6"),
    { group: router, help: "the same of IPv6", fixed: true },
    "fd46:198:18::/64",
  ),
  fakeJournal: one("FILE", asIs, {
    group: router,
    help: "keep names and their fake addresses in this file over a restart",
    path: "plain",
    fixed: true,
  }),
  installRules: toggle({
    group: router,
    help:
      "set up routes and an nf_tables table for what clients of --from send to anywhere and anybody to fake addresses; " +
      "they go when it ends",
    fixed: true,
  }),

  via: bounded(
    MAX_HOPS,
    many("URL", parseHopUrl, {
      group: onward,
      help:
        "socks5://[USER:PASSWORD@]HOST[:PORT], or http://…; socks5s:// and https:// over TLS; several are one chain, " +
        "nearest first; rules come first",
    }),
  ),
  viaCa: one("FILE", asIs, {
    group: onward,
    help: "certificates (PEM) of who vouches for socks5s:// and https://",
    path: "plain",
  }),
  viaCert: one("FILE", asIs, { group: onward, help: "the certificate (PEM) that they are shown", path: "plain" }),
  viaKey: one("FILE", asIs, { group: onward, help: "its key (PEM)", path: "secret" }),
  probeInterval: time({ group: onward, help: "look after each upstream so often; 0 for never" }, 10_000, 0),
  probeTimeout: time({ group: onward, help: "for an upstream to let a probe in" }, 5_000),

  maxSessions: setting("maxSessions", count({ group: limits, help: "at a time" }, d.maxSessions)),
  maxSessionsPerClient: setting(
    "maxSessionsPerClient",
    optionalCount({
      group: limits,
      help:
        "of one IPv4 address or IPv6 /64 (default: a quarter of --max-sessions, or of what descriptors allow; none for this machine)",
    }),
  ),
  maxSessionsPerUser: setting("maxSessionsPerUser", optionalCount({ group: limits, help: "of one user" })),
  maxRate: setting("maxRate", optionalCount({ group: limits, help: "new connections a second from one client" })),
  maxFailures: setting(
    "maxFailures",
    count(
      { group: limits, help: "wrong passwords a minute of one client, until it is only let in as before" },
      d.maxFailures,
    ),
  ),
  failuresExempt: setting(
    "failuresExempt",
    many("PREFIX", parsePrefixValue, { group: limits, help: "but not of clients there, as of a balancer" }),
  ),
  sessionBandwidth: setting(
    "sessionBandwidth",
    one("SIZE", parseSize, { group: limits, help: "bytes a second of a session each way, as 500k or 10M" }),
  ),
  userBandwidth: setting("userBandwidth", one("SIZE", parseSize, { group: limits, help: "the same of a user" })),
  maxUdpDestinations: setting(
    "maxUdpDestinations",
    count({ group: limits, help: "of one UDP association" }, d.maxUdpDestinations),
  ),
  handshakeTimeout: setting("handshakeMs", time({ group: limits, help: "until the request is there" }, d.handshakeMs)),
  dialTimeout: setting("dialMs", time({ group: limits, help: "to resolve and connect" }, d.dialMs)),
  bindTimeout: setting("bindMs", time({ group: limits, help: "for the peer of BIND to come" }, d.bindMs)),
  idleTimeout: setting("idleMs", time({ group: limits, help: "without a byte in either direction" }, d.idleMs)),
  udpIdleTimeout: setting(
    "udpIdleMs",
    time({ group: limits, help: "until a silent UDP destination is forgotten" }, d.udpIdleMs),
  ),
  drainDelay: time(
    { group: limits, help: "after SIGTERM, say on /readyz that clients should go elsewhere, and serve them so long" },
    0,
    0,
  ),
  drain: time(
    {
      group: limits,
      help: "for sessions to finish after SIGTERM or Ctrl-C; the same again, 1s later or more, ends them",
    },
    30_000,
    0,
  ),

  engine: choice(
    "ENGINE",
    engines,
    { group: kernel, fixed: true, help: "sockets through libc, or the runtime's own" },
    "auto",
  ),
  workers: optionalCount({ group: kernel, fixed: true, help: "threads (default: one for each core)" }),
  busyPoll: {
    ...one("TIME", (text) => parseTime(text, 0.01), {
      group: kernel,
      fixed: true,
      help: "look for more so long before sleeping, as 0.2ms; a number alone is seconds (default: not)",
    }),
    accepts: ["string", "number"],
  },
  mark: optionalCount({ group: kernel, fixed: true, help: "mark what is dialled, for policy routing (SO_MARK)" }),
  interface: one("NAME", parseInterface, {
    group: kernel,
    fixed: true,
    help: "dial through this interface (SO_BINDTODEVICE)",
  }),
  freeBind: toggle({ group: kernel, fixed: true, help: "listen on addresses that are not there yet (IP_FREEBIND)" }),
  tcpUserTimeout: {
    ...one("TIME", parseTime, {
      group: kernel,
      fixed: true,
      help: "end a connection whose bytes go unacknowledged for so long",
    }),
    accepts: ["string", "number"],
  },

  logLevel: choice("LEVEL", logLevels, { group: output, fixed: true, help: "how much is said" }, "info"),
  logFormat: choice(
    "FORMAT",
    logFormats,
    {
      group: output,
      fixed: true,
      help: "for people, machines, or the journal and syslog (<6>…); auto is syslog for the journal, else text",
    },
    "auto",
  ),
  logFile: one("FILE", asIs, {
    group: output,
    help: "append lines to it, not to standard error; begun anew where it was moved away",
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
        "which sessions have a line; sampled bounds those that succeeded too; audit has JSON for each one's begin, request, UDP destinations and end",
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
        help: "lines of one kind that one client gets in 10s (of failures; in each worker); more are counted",
      },
      "20",
    ),
    accepts: ["string", "number"],
  },
  logClients: choice(
    "HOW",
    loggedClients,
    { group: output, fixed: true, help: "addresses of clients: whole, as IPv4 /24 and IPv6 /48, or none" },
    "full",
  ),
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

function optionalCount(about: About): Option<number | undefined> {
  return { ...one("N", parseCount, about), accepts: ["number"] };
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
