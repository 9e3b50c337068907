/** Distant addresses (of a root server) for route look-ups: nothing is sent to them. */
export const far = { ipv4: "193.0.14.129", ipv6: "2001:7fd::1" } as const;

/** True if the address is neither loopback nor link-local. */
export function isNear(addr: string): boolean {
  return !/^(127\.|::1$|169\.254\.|fe[89ab])/.test(addr);
}
