import type { DnsServer } from "../../dns/servers/server.ts";
import { ipAddress } from "../../protocol/address.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { isNat64Prefix } from "../../protocol/ip/nat64.ts";
import type { Prefix } from "../../protocol/ip/prefix.ts";
import { WrongValue } from "../config_error.ts";
import { parseZoned } from "./zone_value.ts";
import { parseChoice, parsePrefixValue, withoutPassword } from "./values.ts";

/** Values about names and address families, as the user writes them. All functions throw WrongValue. */

const howTo =
  "write 192.0.2.53, [2001:db8::53]:5353, tcp://192.0.2.53, tls://192.0.2.53#dns.example or https://dns.example/dns-query";

/** `192.0.2.53`, `[2001:db8::53]:5353`, `fe80::53%eth0`, `tcp://IP[:PORT]`, `tls://IP[:PORT][#NAME]`, `https://…`. */
export function parseDnsServer(text: string): DnsServer {
  const [, scheme = "udp", rest] = /^(?:([a-z]+):\/\/)?(.*)$/.exec(text)!;
  switch (scheme) {
    case "udp":
    case "tcp":
      return { kind: scheme, addr: serverAddr(rest!, 53, text) };
    case "tls": {
      const [, where = "", serverName] = /^([^#]*)(?:#([\w.-]+))?$/.exec(rest!) ?? [];
      return { kind: "tls", addr: serverAddr(where, 853, text), serverName };
    }
    case "https":
      if (!isPlainUrl(text)) {
        throw new WrongValue(`'${withoutPassword(text)}' is not the URL of a DNS server (${howTo})`);
      }
      return { kind: "https", url: text };
    default:
      throw new WrongValue(`'${text}' is not a DNS server address (${howTo})`);
  }
}

function isPlainUrl(text: string): boolean {
  const url = URL.canParse(text) && new URL(text);
  return url && url.hostname !== "" && url.username === "" && url.password === "" && url.hash === "";
}

function serverAddr(text: string, otherwise: number, whole: string): SocketAddr {
  const match = /^(?:\[([0-9a-f:.]+(?:%[^\]\s]+)?)\]|([\d.]+))(?::(\d{1,5}))?$|^([0-9a-f:.]+(?:%\S+)?)$/i.exec(text);
  const port = Number(match?.[3] ?? otherwise);
  const addr = match && parseZoned(match[1] ?? match[2] ?? match[4]!, port, whole);
  if (!addr || port < 1 || port > 65_535) throw new WrongValue(`'${whole}' is not a DNS server address (${howTo})`);
  return addr;
}

/** A name and its addresses, as a line of a hosts file. */
export function parseHostEntry(text: string): string {
  const [, name = "", list = ""] = /^([\w.-]{1,253})=(.+)$/.exec(text) ?? [];
  const addresses = list.split(",").map((one) => ipAddress(one.trim(), 0)?.host);
  if (name === "" || ipAddress(name, 0)) {
    throw new WrongValue(`'${text}' is not a host entry (write db.example=192.0.2.7,2001:db8::7)`);
  }
  const wrong = addresses.indexOf(undefined);
  if (wrong >= 0) throw new WrongValue(`'${list.split(",")[wrong]}' in '${text}' is not an address`);
  return addresses.map((address) => `${address} ${name}`).join("\n");
}

export function parseFamily(text: string): "ipv4" | "ipv6" {
  return parseChoice(text, ["ipv4", "ipv6"]);
}

/** A prefix that can embed addresses (RFC 6052 s2.2), or `auto`. */
export function parseNat64(text: string): Prefix | "auto" {
  if (text === "auto") return text;
  const prefix = parsePrefixValue(text);
  if (!isNat64Prefix(prefix)) {
    throw new WrongValue(`'${text}' is not a NAT64 prefix: IPv6, of 32, 40, 48, 56, 64 or 96 bits, bits 64 to 71 zero`);
  }
  return prefix;
}
