/// <reference types="bun-types" />
import type { Answers } from "../answers.ts";

/** node:dns, imported by name or not, asks Bun.dns. */
export function replaceBunDns(answers: Answers): void {
  const dns = Bun.dns as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const { lookup, resolve, reverse } = dns as Required<typeof dns>;
  dns.lookup = async (host, options) => {
    const answer = typeof host === "string" ? answers.addresses(host) : undefined;
    if (!answer) {
      const found = await lookup.call(dns, host, options) as { address: string }[];
      answers.learn(found.map(({ address }) => address));
      return found;
    }
    const { family } = (options ?? {}) as { family?: number | string };
    const { ipv4, ipv6 } = await answer.catch((cause) => {
      throw dnsError(cause, host as string);
    });
    const both = [{ address: ipv4, family: 4, ttl: 0 }, { address: ipv6, family: 6, ttl: 0 }];
    return both.filter((one) =>
      ![4, "IPv4"].includes(family!) && ![6, "IPv6"].includes(family!) || `${family}`.endsWith(`${one.family}`)
    );
  };
  dns.resolve = async (host, type) => {
    const wanted = type ?? "A";
    const answer = typeof host === "string" && (wanted === "A" || wanted === "AAAA")
      ? answers.addresses(host)
      : undefined;
    if (!answer) return await resolve.call(dns, host, type);
    const { ipv4, ipv6 } = await answer.catch((cause) => {
      throw dnsError(cause, host as string);
    });
    return [{ address: wanted === "A" ? ipv4 : ipv6, ttl: 0 }];
  };
  dns.reverse = async (address) => {
    const name = typeof address === "string" ? answers.name(address) : undefined;
    return name === undefined ? await reverse.call(dns, address) : [name];
  };
}

/** Like Bun's own error: node:dns makes its errors from it. */
function dnsError(cause: unknown, hostname: string): Error {
  const error = new Error(`getaddrinfo ENOTFOUND ${hostname}`, { cause });
  return Object.assign(error, {
    name: "DNSException",
    code: "DNS_ENOTFOUND",
    syscall: "getaddrinfo",
    errno: 4,
    hostname,
  });
}
