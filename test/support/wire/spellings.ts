/** An IPv4 address in every IPv6 form that carries one. */
export const spellings: readonly (readonly [string, (ipv4: string) => string])[] = [
  ["itself", (ipv4) => ipv4],
  ["IPv4-mapped (::ffff:a.b.c.d)", (ipv4) => `::ffff:${ipv4}`],
  ["IPv4-mapped in hexadecimal", (ipv4) => `::ffff:${pair(ipv4)}`],
  ["IPv4-translated (::ffff:0:a.b.c.d)", (ipv4) => `::ffff:0:${ipv4}`],
  ["NAT64 (64:ff9b::/96)", (ipv4) => `64:ff9b::${ipv4}`],
  ["local NAT64 (64:ff9b:1::/48)", (ipv4) => `64:ff9b:1::${ipv4}`],
  ["6to4 (2002::/16)", (ipv4) => `2002:${pair(ipv4)}::1`],
  ["Teredo (2001::/32)", (ipv4) => `2001:0:4136:e378:8000:63bf:${pair(inverted(ipv4))}`],
  ["ISATAP (0:5efe)", (ipv4) => `2001:db8::5efe:${ipv4}`],
  ["ISATAP (200:5efe)", (ipv4) => `2001:db8::200:5efe:${ipv4}`],
];

function pair(ipv4: string): string {
  const [a, b, c, d] = ipv4.split(".").map(Number) as [number, number, number, number];
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function inverted(ipv4: string): string {
  return ipv4.split(".").map((octet) => 255 - Number(octet)).join(".");
}
