/** Addresses far away (of a root server), to ask routing about: nothing is sent there. */
export const far = { ipv4: "193.0.14.129", ipv6: "2001:7fd::1" } as const;

/** Neither loopback nor link-local: an address in a network that leads somewhere. */
export function isNear(addr: string): boolean {
  return !/^(127\.|::1$|169\.254\.|fe[89ab])/.test(addr);
}
