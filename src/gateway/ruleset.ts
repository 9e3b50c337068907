import { type Address, addressText, isUnspecified, octetsAddress, parseIp } from "../protocol/address.ts";
import { Reply } from "../protocol/codes.ts";
import { embeddedIpv4 } from "../protocol/embedded_ipv4.ts";
import { parsePrefix, type Prefix } from "../protocol/prefix.ts";
import type { SocketAddr } from "../net/socket.ts";
import { Refusal } from "./refusal.ts";

/** What no client may reach through the gateway unless it is allowed. */
const closed: readonly (readonly [Prefix, string])[] = [
  ["0.0.0.0/8", "unspecified"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["224.0.0.0/4", "multicast"],
  ["255.255.255.255", "broadcast"],
  ["100.100.100.200", "cloud metadata"],
  ["168.63.129.16", "cloud metadata"],
  ["192.0.0.192", "cloud metadata"],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["fe80::/10", "link-local"],
  ["ff00::/8", "multicast"],
  ["fd00:ec2::254", "cloud metadata"],
  ["fd20:ce::254", "cloud metadata"],
].map(([prefix, kind]) => [parsePrefix(prefix!)!, kind!]);

export interface RulesetOptions {
  /** Destinations open in spite of the defaults. */
  readonly allow: readonly Prefix[];
  /** Listeners of this program; asked at each judgement, since they come and go. */
  readonly ownListeners: () => readonly SocketAddr[];
  /** Addresses of this machine, for listeners on the unspecified address. */
  readonly localAddrs: () => readonly string[];
}

/** Says who may go where. Judges addresses only: a name is judged by the addresses it has. */
export class Ruleset {
  readonly #options: RulesetOptions;

  constructor(options: RulesetOptions) {
    this.#options = options;
  }

  /** The refusal of `destination`, an IP address, or undefined where it is open. */
  judge(destination: Address): Refusal | undefined {
    const octets = parseIp(destination.host);
    if (!octets) throw new TypeError(`Cannot judge '${destination.host}': not an address`);
    const embedded = octets.length === 16 ? embeddedIpv4(octets) : undefined;
    for (const form of embedded ? [octets, embedded] : [octets]) {
      const kind = this.#allows(form) ? undefined : closed.find(([prefix]) => prefix.contains(form))?.[1];
      if (kind) return new Refusal(Reply.NotAllowed, `${kind} destination ${destination.host}`);
      const address = form === octets ? destination : octetsAddress(form, destination.port);
      if (this.#isOwnListener(address) && !this.#allowsExactly(form)) {
        return new Refusal(Reply.NotAllowed, `own listener ${addressText(destination)}`);
      }
    }
    return undefined;
  }

  #allows(octets: Uint8Array): boolean {
    return this.#options.allow.some((prefix) => prefix.contains(octets));
  }

  /** Opening all of 127.0.0.0/8 is not meant to open the admin endpoint. */
  #allowsExactly(octets: Uint8Array): boolean {
    return this.#options.allow.some((prefix) => prefix.single && prefix.contains(octets));
  }

  #isOwnListener({ host, port }: SocketAddr): boolean {
    return this.#options.ownListeners().some((own) =>
      own.port === port && (own.host === host || isUnspecified(host) || (isAny(own.host, host) && this.#isLocal(host)))
    );
  }

  #isLocal(host: string): boolean {
    return host.startsWith("127.") || this.#options.localAddrs().includes(host);
  }
}

/** Whether a listener on `own` takes connections to `host`'s family; `::` takes both. */
function isAny(own: string, host: string): boolean {
  return own === "::" || (own === "0.0.0.0" && !host.includes(":"));
}
