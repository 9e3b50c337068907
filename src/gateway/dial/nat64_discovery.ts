import { type Address, octetsAddress, parseIp } from "../../protocol/address.ts";
import { discoverPrefix, embedIpv4, extractIpv4, WELL_KNOWN_NAME, WELL_KNOWN_PREFIX } from "../../protocol/ip/nat64.ts";
import type { Prefix } from "../../protocol/ip/prefix.ts";
import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import type { Net } from "../../net/socket.ts";
import type { Resolver } from "../../dns/resolver.ts";

/** Times until the network is asked again: after a prefix was found, and after none was. */
const FOUND_MS = 600_000, NOT_FOUND_MS = 30_000;

/** Maximum time that a dial waits for it. */
const ASK_MS = 5_000;

export interface Nat64Options {
  readonly net: Pick<Net, "localAddrFor">;
  readonly clock: Clock;
  readonly resolver: Resolver;
  /** `auto` uses a router's announcement, else DNS (RFC 7050); `announced` uses announcements only. */
  readonly prefix: Prefix | "auto" | "announced";
  /** Those that routers announce now (RFC 8781), which go before others (RFC 9872 s3). */
  readonly announced?: (() => readonly Prefix[]) | undefined;
}

/**
 * Translation between the families (RFC 6052, RFC 7050): without an IPv4 route, IPv4 destinations go through this network's NAT64,
 * as with a CLAT; and IPv6 addresses that embed IPv4 go directly by IPv4 if there is a route, as a NAT64 would send them.
 */
export class Nat64 {
  readonly #options: Nat64Options;
  /** The first is used; addresses behind any of them are judged as the IPv4 addresses that they embed. */
  #prefixes: readonly Prefix[] = [];
  #askAt = -Infinity;
  #asking: Promise<void> | undefined;

  /** Nothing is asked before it is needed. */
  constructor(options: Nat64Options) {
    this.#options = options;
    if (typeof options.prefix !== "string") this.#prefixes = [options.prefix];
  }

  /** Undefined if none is known. */
  get prefix(): Prefix | undefined {
    return this.#known[0];
  }

  /** False if every address is dialled unchanged: only announcements count, and no router announces a prefix. */
  get mayTranslate(): boolean {
    return this.#options.prefix !== "announced" || this.#announced.length > 0;
  }

  /** A prefix that was found both ways is listed twice, without harm. */
  get #known(): readonly Prefix[] {
    const announced = this.#announced;
    return announced.length > 0 ? [...announced, ...this.#prefixes] : this.#prefixes;
  }

  get #announced(): readonly Prefix[] {
    return typeof this.#options.prefix === "string" ? this.#options.announced?.() ?? [] : [];
  }

  /** The IPv4 octets that `ipv6` embeds, for rule decisions. */
  meant(ipv6: Uint8Array): Uint8Array | undefined {
    void this.discover(); // the prefixes may have changed; the former ones hold until the answer
    for (const prefix of this.#known) {
      const ipv4 = extractIpv4(prefix, ipv6);
      if (ipv4) return ipv4;
    }
    return extractIpv4(WELL_KNOWN_PREFIX, ipv6);
  }

  /** Asks the network for its prefixes, unless they are configured or were asked for lately. Never rejects. */
  async discover(): Promise<void> {
    if (this.#isDue) await (this.#asking ??= this.#ask());
  }

  get #isDue(): boolean {
    const { clock, prefix } = this.#options;
    return prefix === "auto" && clock.now() >= this.#askAt && this.#announced.length === 0;
  }

  /** Waits for the network's first answer: before it, the meaning of an IPv6 address is unknown. Never rejects. */
  askedOnce(): Promise<void> | undefined {
    const isUnknown = this.#askAt === -Infinity && this.#announced.length === 0;
    return this.#options.prefix === "auto" && isUnknown ? this.discover() : undefined;
  }

  /** The address to connect or send to for a judged IP address: itself, unless it is reached by the other family. */
  async way(address: Address): Promise<Address> {
    const octets = parseIp(address.host)!;
    const ipv4 = octets.length === 4 ? octets : this.meant(octets);
    if (!ipv4) return address;
    if (octets === ipv4 && !this.prefix && !this.#isDue) return address; // a route costs four system calls to look up
    const direct = octetsAddress(ipv4, address.port);
    if (await this.#reaches(direct)) return direct;
    await this.discover();
    if (!this.prefix) return address;
    const embedded = octetsAddress(embedIpv4(this.prefix, ipv4), address.port);
    return await this.#reaches(embedded) ? embedded : address;
  }

  async #reaches({ host }: Address): Promise<boolean> {
    return await this.#options.net.localAddrFor(host) !== undefined;
  }

  /** A failure keeps the known prefixes, so that no rule is bypassed while name servers are unreachable. */
  async #ask(): Promise<void> {
    const { clock, resolver } = this.#options;
    const late = new Cut();
    const cancel = clock.after(ASK_MS, () => late.make());
    try {
      this.#prefixes = prefixesOf(await resolver.resolve(WELL_KNOWN_NAME, late));
    } catch (error) {
      if (error instanceof NetError && error.kind === "no-such-name") this.#prefixes = [];
    } finally {
      cancel();
    }
    this.#askAt = clock.now() + (this.prefix ? FOUND_MS : NOT_FOUND_MS);
    this.#asking = undefined;
  }
}

/** Each once; a network may have several (RFC 7050 s3). */
function prefixesOf(hosts: readonly string[]): readonly Prefix[] {
  const found = new Map<string, Prefix>();
  for (const host of hosts) {
    const prefix = host.includes(":") ? discoverPrefix(parseIp(host)!) : undefined;
    if (prefix) found.set(String(prefix), prefix);
  }
  return [...found.values()];
}

/** The addresses to dial for `addresses`, without duplicates. */
export async function waysTo<T extends Address>(nat64: Nat64, addresses: readonly T[]): Promise<readonly T[]> {
  const ways = await Promise.all(addresses.map(async (address) => ({ ...address, ...await nat64.way(address) })));
  return ways.filter(({ host }, i) => ways.findIndex((other) => other.host === host) === i);
}
