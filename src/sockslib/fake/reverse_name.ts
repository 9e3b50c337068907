import { foldName } from "../../protocol/address.ts";
/** The address that a name in in-addr.arpa or ip6.arpa asks about (RFC 1035 s3.5, RFC 3596 s2.5); undefined for others. */
export function reverseAddress(name: string): string | undefined {
  const lower = foldName(name);
  const four = /^((?:\d{1,3}\.){4})in-addr\.arpa$/.exec(lower);
  if (four) return four[1]!.split(".").slice(0, 4).reverse().join(".");
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(lower);
  return six ? six[1]!.replaceAll(".", "").split("").reverse().join("").replace(/(.{4})(?!$)/g, "$1:") : undefined;
}
