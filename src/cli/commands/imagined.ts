import { explainedNames } from "./explained.ts";
import type { Config } from "../../config/config.ts";
import { ConfigError, WrongValue } from "../../config/config_error.ts";
import { listenerNames, type ListenSpec, parseListener } from "../../config/values/listen.ts";
import { parseTarget } from "../../config/values/values.ts";
import { hostWish, sniWish } from "../../gateway/entrance/by_name.ts";
import type { Wish } from "../../gateway/entrance/entrance.ts";
import type { Asker } from "../../gateway/rules/rule.ts";
import { isByName, isForward, type Speech } from "../../gateway/settings.ts";
import { type Address, addressText, formatIp, parseIp } from "../../protocol/address.ts";
import { Command, commandName } from "../../protocol/codes.ts";
import type { Prefix } from "../../protocol/ip/prefix.ts";
import { httpHostDecoder } from "../../protocol/http/http_request.ts";

/** A request that a client would send, and the listeners that accept it. */
export interface Imagined {
  /** For people. */
  readonly text: string;
  readonly command: Asker["command"];
  /** True if its clients are not asked for a user name. */
  readonly anonymous: boolean;
  isFor(only: Speech | undefined): boolean;
  /** The reason why no listener serves the request. */
  readonly nowhere: string;
  /** The request as the gateway would read it at that listener. Throws ProtocolError. */
  wishAt(listener: ListenSpec): Pick<Wish, "destination" | "byName">;
}

/** A listener and its name in rules. */
export interface Place {
  readonly name: string;
  readonly spec: ListenSpec;
}

/** `sni` and `host` with a name, or a command with HOST:PORT. Throws ConfigError. */
export function imagine(what: string, destination: string): Imagined {
  return what === "sni" || what === "host" ? byName(what, destination) : request(what, destination);
}

function byName(by: "sni" | "host", name: string): Imagined {
  return {
    text: `${by} ${name}`,
    command: Command.Connect,
    anonymous: true,
    isFor: (only) => isByName(only) && only.by === by,
    nowhere: `no --listen is ${by}://`,
    wishAt({ addr, only }) {
      if (!isByName(only)) throw new TypeError("Cannot explain: the listener is for another protocol");
      if (by === "sni") return sniWish(only, addr, name);
      return hostWish(
        only,
        addr,
        httpHostDecoder()(new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`))!.value,
      );
    },
  };
}

function request(what: string, said: string): Imagined {
  const command = parseCommand(what);
  const hasPort = command !== Command.Resolve && command !== Command.ResolvePtr;
  const destination = parsed("explain", () => parseTarget(targetOf(hasPort ? said : withoutPort(said)), 0));
  const isForwarded = command === Command.Forward;
  const text = `${commandName(command)} ${hasPort ? addressText(destination) : destination.host}`;
  return {
    text,
    command,
    anonymous: isForwarded,
    isFor: (only) =>
      isForwarded
        ? isForward(only) && isSame(only.to, destination)
        : only === undefined || only === "socks" || (only === "http" && command === Command.Connect),
    nowhere: isForwarded
      ? `no --forward leads to ${addressText(destination)}`
      : `no --listen takes ${commandName(command)}`,
    wishAt: () => ({ destination }),
  };
}

const ports: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** The HOST:PORT that a browser would connect to for a URL. */
function targetOf(said: string): string {
  if (!/^https?:\/\//i.test(said) || !URL.canParse(said)) return said;
  const { protocol, hostname, port } = new URL(said);
  return `${hostname}:${port || ports[protocol]}`;
}

/** A name or an address as a destination with port 0, which RESOLVE ignores. */
function withoutPort(said: string): string {
  if (/:\d+$/.test(said) && !parseIp(said)) return said;
  return parseIp(said) && said.includes(":") ? `[${said}]:0` : `${said}:0`;
}

function isSame(one: Address, other: Address): boolean {
  return addressText(one).toLowerCase() === addressText(other).toLowerCase();
}

function parseCommand(text: string): Asker["command"] {
  const all = Object.values(Command).filter((one) => one !== Command.UdpInTcp); // rules treat it as udp-associate
  const found = all.find((one) => commandName(one) === text) ??
    all.find((one) => commandName(one).startsWith(`${text}-`));
  if (!found) throw new ConfigError(`Cannot explain '${text}': not one of ${explainedNames.join(", ")}`);
  return found;
}

/** The client without --client: this machine, else the first address of --from. */
export function someClient(from: readonly Prefix[] | undefined): string {
  const here = "127.0.0.1";
  if (!from || from.some((prefix) => prefix.contains(parseIp(here)!))) return here;
  const { octets, single } = from[0]!;
  return formatIp(octets.map((octet, i) => !single && i === octets.length - 1 ? octet | 1 : octet));
}

/** The listener that the client connects to. Throws ConfigError if there is none, or if several would differ. */
export function placeOf(
  { listen, rules, gateway: { access } }: Pick<Config, "listen" | "rules" | "gateway">,
  said: string | undefined,
  { isFor, nowhere }: Imagined,
): Place {
  const specs = listen.filter(({ only }) => isFor(only));
  if (specs.length === 0) throw new ConfigError(`Cannot explain: ${nowhere}`);
  const places = specs.flatMap((spec) => listenerNames([spec]).map((name) => ({ name, spec })));
  if (said === undefined) {
    const alike = (part: (spec: ListenSpec) => unknown) =>
      new Set(specs.map((spec) => JSON.stringify(part(spec)))).size === 1;
    const asksForIt = !alike(({ wayOut }) => wayOut)
      ? "they have ways out of their own"
      : [...rules, ...access].some(({ listeners }) => listeners)
      ? "rules or access ask for it"
      : specs.some(({ only }) => isByName(only)) && !alike(({ addr, only }) => [addr.port, only])
      ? "they lead to ports of their own"
      : undefined;
    if (specs.length === 1 || asksForIt === undefined) return places[0]!;
    const names = places.map(({ name }) => name).join(", ");
    throw new ConfigError(`Cannot explain: give --listener, one of ${names}, since ${asksForIt}`);
  }
  const meant = parsed("parse --listener", () => parseListener(said));
  const found = places.find(({ name }) => meant.includes(name));
  if (found) return found;
  const opened = specs.find(({ systemd }) => systemd !== undefined);
  if (opened) return { name: meant[0]!, spec: opened };
  const other = meant.some((name) => listenerNames(listen).includes(name));
  throw new ConfigError(
    other
      ? `Cannot explain: the listener '${said}' is for other clients`
      : `Cannot parse --listener: no --listen is '${said}'`,
  );
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof WrongValue) throw new ConfigError(`Cannot ${what}: ${error.message}`);
    throw error;
  }
}
