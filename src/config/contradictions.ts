import { type Access, isByName, isForward, isRouted, isUdp } from "../gateway/settings.ts";
import { addressText } from "../protocol/address.ts";
import { ConfigError } from "./config_error.ts";
import type { Values } from "./options.ts";
import type { Part } from "./source.ts";
import { contradictory, isLoopback, listenerNames, type ListenSpec } from "./values/listen.ts";
import type { ConfiguredForward } from "./values/forward.ts";
import { asksClients, type Config } from "./whole.ts";
import type { Rule } from "../gateway/rules/rule.ts";

interface Given {
  readonly config: Config;
  readonly values: Values;
  /** Those of the file. */
  readonly rules: readonly Rule[];
  readonly forwards: readonly ConfiguredForward[];
  /** Checks that need one of these parts are left out. */
  readonly broken: ReadonlySet<Part>;
  /** The name of an entry of the file with its line. */
  placed(name: string): string;
}

/** The options that make clients authenticate. */
const asking = ["user", "usersFile", "gssapiKeytab", "authCommand", "authUrl"] as const;

/** The problems of a configuration whose parts are valid by themselves. */
export function contradictions({ config, values, rules, forwards, broken, placed }: Given): readonly string[] {
  const problems = new Set<string>();
  const check = (parts: readonly Part[], run: () => void) => {
    if (parts.some((part) => broken.has(part))) return;
    try {
      run();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) problems.add(problem);
    }
  };
  const { gateway } = config;
  const strangersMay = gateway.from !== undefined || values.open;
  const listeners = [
    ...values.listen.flat(),
    ...[...forwards, ...values.forward].flatMap((one) => one.listen),
  ];
  check(["prefer", "only"], () => {
    if (values.prefer && values.only) throw new ConfigError("Cannot use both --prefer and --only: give one of them");
  });
  check(["default", "via"], () => {
    if (config.default !== "deny" || values.via.length === 0) return;
    throw new ConfigError("Cannot use both --via and --default deny: write allow rules with via");
  });
  check(["dns", "dnsCa"], () => {
    if (config.dnsCa === undefined || config.dns.some(({ kind }) => kind === "tls" || kind === "https")) return;
    throw new ConfigError("Cannot use --dns-ca: no --dns is tls:// or https://");
  });
  check(["authCommand", "authUrl"], () => {
    if (config.authCommand === undefined || config.authUrl === undefined) return;
    throw new ConfigError("Cannot have both --auth-command and --auth-url: say which");
  });
  check(["users", "quotaFile"], () => {
    const [limited] = gateway.userQuotas.keys();
    if (limited === undefined || config.quotaFile !== undefined) return;
    throw new ConfigError(`Cannot use the quota of user '${limited}': say where the count is kept (--quota-file)`);
  });
  check(["listen", "forward", "forwards"], () => checkListeners(listeners));
  check(["listen", "forward", "forwards", "admin"], () => checkAdmin(config, listeners));
  check(["listen", "tlsCert", "tlsKey", "tlsClientCa"], () => checkTls(config, listeners));
  check(["via", "viaCa", "viaCert", "viaKey", "forwards", "rules", "upstreams"], () => checkViaTls(config));
  check(["viaCert", "viaKey"], () => {
    if ((config.viaCert === undefined) === (config.viaKey === undefined)) return;
    throw new ConfigError("Cannot use one of --via-cert and --via-key without the other");
  });
  check(["gssapiKeytab", "gssapiReplayCache", "gssapiNec"], () => checkGssapi(config));
  check(["listen", "rules", "from", "open"], () => {
    checkNames({ listen: config.listen, rules }, strangersMay);
  });
  check(["listen", "from", "open"], () => checkRouted(config, strangersMay));
  check(["listen", "installRules"], () => checkInstalled(config));
  for (const spec of config.listen.filter(({ only }) => !isRouted(only))) {
    check(["listen", "from", "open", ...asking], () => refuseOpenRelay(spec, config));
  }
  check(["proxyProtocolFrom", "from", "open", ...asking], () => {
    if (gateway.proxies.length > 0 && !config.mayBeExposed) throw openRelay("take clients of a proxy");
  });
  for (const entry of gateway.access) {
    check(
      ["listen", "proxyProtocolFrom", "from", "open", "access", ...asking],
      () => {
        checkAccess({ ...entry, name: placed(entry.name) }, config, strangersMay);
      },
    );
  }
  return [...problems];
}

/** Throws ConfigError if an eavesdropper could replay a client's token and be accepted. */
function checkGssapi({ gssapiKeytab, gssapiReplayCache, gateway: { gssapiNec } }: Config): void {
  if (gssapiKeytab === undefined || !gssapiNec || gssapiReplayCache !== undefined) return;
  throw new ConfigError("Cannot use --gssapi-nec: it needs --gssapi-replay-cache");
}

/** True if only this machine reaches the listener of that name; the addresses of systemd's sockets are not known yet. */
function isLoopbackName(name: string, listen: readonly ListenSpec[]): boolean {
  if (listen.some(({ systemd }) => systemd !== undefined)) return false;
  return /^(unix:|127\.|\[::1\]:)/.test(name);
}

/** Throws ConfigError if an address has two conflicting settings. */
function checkListeners(listen: readonly ListenSpec[]): void {
  const both = contradictory(listen);
  if (both) throw new ConfigError(`Cannot listen on ${addressText(both.addr)}: ${both.state}`);
}

/** Throws ConfigError if a listener would take the address of the admin endpoint. */
function checkAdmin({ admin }: Config, listen: readonly ListenSpec[]): void {
  if (!admin || admin.unix !== undefined || admin.port === 0) return;
  const isSame = ({ addr: { host, port, unix } }: ListenSpec) =>
    unix === undefined && port === admin.port && (covers(host, admin.host) || covers(admin.host, host));
  const taken = listen.find((spec) => spec.systemd === undefined && !isUdp(spec.only) && isSame(spec));
  if (!taken) return;
  throw new ConfigError(
    `Cannot listen on ${addressText(taken.addr)}: --admin has ${
      addressText(admin)
    }; choose another port, or --admin off`,
  );
}

/** True if a socket on `all` has the port on `host` too. */
function covers(all: string, host: string): boolean {
  return all === host || all === "::" || (all === "0.0.0.0" && !host.includes(":"));
}

/** Throws ConfigError if an option for clients' TLS is missing or not needed. */
function checkTls({ tlsCert, tlsKey, tlsClientCa }: Config, listen: readonly ListenSpec[]): void {
  if (listen.some(({ tls }) => tls)) {
    if (tlsCert === undefined || tlsKey === undefined) {
      throw new ConfigError("Cannot listen for TLS (socks5s://, https://, tls://): it needs --tls-cert and --tls-key");
    }
  } else if ((tlsCert ?? tlsKey ?? tlsClientCa) !== undefined) {
    throw new ConfigError(
      "Cannot use --tls-cert, --tls-key or --tls-client-ca: no --listen is socks5s://, https:// or tls://",
    );
  }
}

/** Throws ConfigError if an option for TLS with gateways is not needed. */
function checkViaTls({ rules, upstreams, viaCa, viaCert, viaKey }: Config): void {
  const gateways = [...rules.flatMap(({ via }) => via ?? []), ...upstreams.flatMap(({ chains }) => chains.flat())];
  if ((viaCa ?? viaCert ?? viaKey) !== undefined && !gateways.some((url) => /^(socks5|http)s:/i.test(url))) {
    throw new ConfigError("Cannot use --via-ca, --via-cert or --via-key: no gateway is socks5s:// or https://");
  }
}

/** Throws ConfigError if an entry asks for passwords that nobody has, or makes an open relay. */
function checkAccess({ name, auth, from, listeners }: Access, config: Config, strangersMay: boolean): void {
  const asksNobody = !asksClients(config);
  if (auth === "password" && asksNobody) {
    throw new ConfigError(`Cannot use ${name}: there are no users to ask for a password (--user, --users-file)`);
  }
  if (auth !== "none" || asksNobody || from || strangersMay) return;
  const isHere = (listeners ?? listenerNames(config.listen)).every((one) => isLoopbackName(one, config.listen));
  if (isHere && config.gateway.proxies.length === 0) return; // a proxy may forward others to a loopback listener
  throw new ConfigError(
    `Cannot use ${name}: without passwords it would be an open relay; ` +
      "add from, or a listener on loopback or unix:, or give --open",
  );
}

/** Throws ConfigError if a listener selects by name and no rule allows names, or if strangers may use every name. */
function checkNames({ listen, rules }: Pick<Config, "listen" | "rules">, strangersMay: boolean): void {
  const byName = listen.filter(({ only }) => isByName(only));
  if (byName.length === 0) return;
  const names = rules.flatMap(({ action, names }) => action === "allow" ? names ?? [] : []);
  if (names.length === 0) {
    throw new ConfigError("Cannot listen on sni:// or host://: add an allow rule with names for their destinations");
  }
  const exposed = byName.find(({ addr }) => !isLoopback(addr.host));
  if (exposed && !strangersMay && names.some(({ text }) => text === "*")) {
    throw new ConfigError(
      `Cannot listen on ${
        addressText(exposed.addr)
      } by name: a rule allows every name, so it would be an open relay; ` +
        "name the destinations, add --from, or give --open",
    );
  }
}

/** Throws ConfigError if strangers could be routed. */
function checkRouted({ listen }: Config, strangersMay: boolean): void {
  const exposed = listen.find(({ addr, only }) => isRouted(only) && !isLoopback(addr.host));
  if (!exposed || strangersMay) return;
  throw new ConfigError(
    `Cannot listen on transparent://${addressText(exposed.addr)}: nobody is asked for a password there; ` +
      "add --from, or say --open",
  );
}

/** Throws ConfigError if installed rules would have no listener. */
function checkInstalled({ listen, installRules }: Config): void {
  if (!installRules || listen.some(({ addr: { host }, only }) => isRouted(only) && host === "::")) return;
  throw new ConfigError("Cannot use --install-rules: it needs --listen transparent://:PORT, on every address");
}

/** Throws ConfigError if a listener would be an open relay without --open. */
export function refuseOpenRelay(
  { addr, only }: Pick<ListenSpec, "addr" | "only">,
  { mayBeExposed }: Pick<Config, "mayBeExposed">,
): void {
  if (isLoopback(addr.host) || mayBeExposed || isByName(only) || isForward(only)) return;
  throw openRelay(`listen on ${addressText(addr)}`);
}

function openRelay(what: string): ConfigError {
  return new ConfigError(
    `Cannot ${what}: it would be an open relay; add --user, --users-file or --from, or give --open`,
  );
}
