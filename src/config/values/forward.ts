import type { Forward } from "../../gateway/settings.ts";
import { parseNamePattern } from "../../gateway/rules/name_pattern.ts";
import type { Rule } from "../../gateway/rules/rule.ts";
import { type Address, addressText } from "../../protocol/address.ts";
import { AddressType, Command } from "../../protocol/codes.ts";
import { parsePrefix } from "../../protocol/ip/prefix.ts";
import { ConfigError, WrongValue } from "../config_error.ts";
import { type ListenSpec, parseListen } from "./listen.ts";
import { parseTarget, parseTime } from "./values.ts";

/** Where a forward listens, and where it connects its clients. */
export interface ConfiguredForward {
  readonly listen: readonly ListenSpec[];
  readonly to: Address;
  /** Upstream gateways, as in a rule. */
  readonly via?: readonly string[] | undefined;
}

/** Where a forward listens, for connections or for datagrams. */
export interface ForwardListen {
  readonly specs: readonly ListenSpec[];
  readonly udp: true | undefined;
}

/** `LISTEN=TO`, as `[::]:2222=server.example:22` or `udp://:5353=[2001:db8::53]:53`, and `?proxy-protocol=2&idle-timeout=1h`. Throws WrongValue. */
export function parseForward(text: string): ConfiguredForward {
  const [, listen, to, query = ""] = /^(.+?)=([^=?]+)(?:\?(.*))?$/.exec(text) ?? [];
  if (to === undefined) {
    throw new WrongValue(`'${text}' is not a valid forward (write [::]:2222=server.example:22)`);
  }
  const said = new Map<string, string>();
  for (const pair of query.split("&").filter(Boolean)) {
    const [, key, value] = /^(proxy-protocol|idle-timeout)=(.+)$/.exec(pair) ?? [];
    if (key === undefined || said.has(key)) {
      throw new WrongValue(`'${text}' has '${pair}' behind it (there may be proxy-protocol=1|2 and idle-timeout=TIME)`);
    }
    said.set(key, value!);
  }
  const version = said.get("proxy-protocol"), idle = said.get("idle-timeout");
  const from = parseForwardListen(listen!);
  if (from.udp && version !== undefined) throw new WrongValue(`'${text}' cannot be: ${NO_PROXY_PROTOCOL}`);
  return forwardOf(from, {
    to: parseTarget(to),
    proxyProtocol: version === undefined ? undefined : parseProxyProtocol(version),
    idleMs: idle === undefined ? undefined : parseTime(idle),
  });
}

export const NO_PROXY_PROTOCOL = "the PROXY protocol is for connections, not for udp://";

export function forwardOf({ specs, udp }: ForwardListen, forward: Omit<Forward, "udp">): ConfiguredForward {
  const only = udp ? { ...forward, udp } : forward;
  return { listen: specs.map((spec) => ({ ...spec, only })), to: forward.to };
}

/** As in --listen, with a port, and with udp:// for datagrams. Throws WrongValue. */
export function parseForwardListen(text: string): ForwardListen {
  const [, udp, addr] = /^(udp:\/\/)?(.*)$/.exec(text)!;
  const isAddr = udp ? /:\d+$/.test(addr!) && !/^(unix|systemd):/.test(addr!) : /:\d+$|^(unix|systemd):/.test(addr!);
  if (!isAddr || /^(?!unix:)[a-z0-9+.-]+:\/\//i.test(addr!)) {
    throw new WrongValue(
      `'${text}' is not an address to forward from (write [::]:2222, :2222, udp://:5353 or unix:/run/x.sock)`,
    );
  }
  return { specs: parseListen(addr!), udp: udp === undefined ? undefined : true };
}

/** Throws WrongValue. */
export function parseProxyProtocol(text: string): 1 | 2 {
  if (text === "1" || text === "2") return Number(text) as 1 | 2;
  throw new WrongValue(`'${text}' is not a PROXY protocol version (write 1 or 2)`);
}

/**
 * Rules for forwards, after the user's rules: each forward is allowed by its own way, whatever the default. An address that
 * it names is allowed; the addresses of a name are judged as usual. Throws ConfigError for two ways to one destination.
 */
export function forwardRules(forwards: readonly ConfiguredForward[], otherwise: readonly string[]): readonly Rule[] {
  const ways = new Map<string, string>();
  return forwards.map(({ to, via = otherwise.length > 0 ? otherwise : undefined }) => {
    const destination = addressText(to), way = JSON.stringify(via);
    if (ways.has(destination) && ways.get(destination) !== way) {
      throw new ConfigError(`Cannot forward to ${destination} by two ways: give both the same via`);
    }
    ways.set(destination, way);
    return {
      name: `forward to ${destination}`,
      action: "allow",
      commands: [Command.Forward],
      ...to.type === AddressType.DomainName ? { names: [patternOf(to.host)] } : { to: [parsePrefix(to.host)!] },
      ports: [{ first: to.port, last: to.port }],
      ...via && { via },
    };
  });
}

function patternOf(host: string) {
  const pattern = parseNamePattern(host);
  if (!pattern) throw new ConfigError(`Cannot forward to '${host}': it is not a name`);
  return pattern;
}
