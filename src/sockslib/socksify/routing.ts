import { NetError } from "../../net/error.ts";
import { type Address, foldName, ipAddress, isUnspecified, nameAddress, parseIp } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import { ProtocolError } from "../../protocol/protocol_error.ts";
import { parsePrefix } from "../../protocol/ip/prefix.ts";
import type { FakeAddresses } from "../fake/fake_addresses.ts";
import type { Exclusions } from "./exclusions.ts";

/** Maximum addresses of excluded names remembered; the oldest are dropped first. */
const MAX_LEARNED = 4096;

/** Loopback, link-local, multicast and broadcast: they concern this host, not the gateway. */
const ownMatters = ["127.0.0.0/8", "::1", "169.254.0.0/16", "fe80::/10", "224.0.0.0/4", "ff00::/8", "255.255.255.255"]
  .map((text) => parsePrefix(text)!);

/** Decides what goes directly, and what goes through the gateway. */
export class Destinations {
  readonly #exclusions: Exclusions;
  readonly #names: FakeAddresses;
  readonly #gateway: { readonly host: string; readonly port: number };
  readonly #learned = new Set<string>();

  /** `gateway` is the first hop. */
  constructor(exclusions: Exclusions, names: FakeAddresses, gateway: { readonly host: string; readonly port: number }) {
    this.#exclusions = exclusions;
    this.#names = names;
    this.#gateway = { host: ipAddress(gateway.host, 0)?.host ?? gateway.host.toLowerCase(), port: gateway.port };
  }

  /**
   * The destination for the gateway in place of `host`, a name or an IP literal; undefined if it goes directly.
   * Throws NetError: "host-unreachable" for a fake address without a name, "no-such-name" for an invalid name.
   */
  via(host: string, port: number): Address | undefined {
    const bare = host.replace(/^\[(.*)\]$/, "$1");
    if (bare === "" || bare.includes("%")) return undefined; // a zone has a meaning on this host only
    const literal = ipAddress(bare, port);
    if (!literal) return this.isDirect(bare, port) ? undefined : this.#name(bare, port);
    if (this.#names.covers(literal.host)) {
      const name = this.#names.nameOf(literal.host);
      if (name !== undefined) return this.#name(name, port);
      throw new NetError("host-unreachable", `Cannot connect to ${host}: a fake address that stands for no name`);
    }
    return this.isDirect(literal.host, port) ? undefined : literal;
  }

  /** True if `host` goes directly; without `port`, as a name to be resolved. */
  isDirect(host: string, port?: number): boolean {
    const plain = ipAddress(host, 0)?.host ?? foldName(host);
    if (plain === this.#gateway.host && (port === undefined || port === this.#gateway.port)) return true;
    if (isOwnMatter(plain)) return true;
    if (plain === "localhost" || plain.endsWith(".localhost")) return true; // RFC 6761 s6.3
    return this.#learned.has(plain) || this.#exclusions.has(plain);
  }

  /** Marks `address`, of a name that goes directly, as direct too. */
  learn(address: string): void {
    const plain = ipAddress(address, 0)?.host;
    if (plain === undefined || this.#learned.has(plain)) return;
    if (this.#learned.size >= MAX_LEARNED) {
      for (const oldest of this.#learned) {
        this.#learned.delete(oldest);
        break;
      }
    }
    this.#learned.add(plain);
  }

  #name(name: string, port: number): Address {
    try {
      const address = nameAddress(name, port);
      if (address.type !== AddressType.DomainName || name.length <= 255) return address;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
    throw new NetError("no-such-name", `Cannot connect to '${name}': not a name`);
  }
}

function isOwnMatter(host: string): boolean {
  const octets = parseIp(host);
  return octets !== undefined && (isUnspecified(host) || ownMatters.some((prefix) => prefix.contains(octets)));
}
