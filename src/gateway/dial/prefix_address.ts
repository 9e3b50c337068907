import { createHmac } from "node:crypto";
import type { SocketAddr } from "../../net/socket.ts";
import { formatIp } from "../../protocol/address.ts";
import { parsePrefix, type Prefix } from "../../protocol/ip/prefix.ts";
import type { Source } from "../way_out.ts";

/** The session, user or client of a socket. */
export interface Leaver {
  readonly client: Pick<SocketAddr, "host">;
  readonly username?: string | undefined;
}

/** The address in a prefix for `leaver`: random, or always the same. */
export function addressFor({ text, per }: Source, { client, username }: Leaver, key: string): string {
  const prefix = parsePrefix(text)!;
  if (per === "session") return addressOf(prefix, crypto.getRandomValues(new Uint8Array(16)));
  const who = per === "user" && username !== undefined ? `user ${username}` : `client ${client.host}`;
  return addressOf(prefix, createHmac("sha256", key).update(`${prefix} ${who}`).digest());
}

/**
 * The address chosen by `random` octets. If possible it is neither the first, which is the network's or its routers'
 * (RFC 4291 s2.6.1), nor the last of IPv4, which is the broadcast address.
 */
function addressOf({ octets, bits }: Prefix, random: Uint8Array): string {
  const out = octets.slice();
  for (let bit = bits; bit < 8 * out.length; bit++) {
    const mask = 0x80 >> (bit & 7);
    out[bit >> 3]! |= random[bit >> 3]! & mask;
  }
  if (8 * out.length - bits >= 2) {
    const low = out.length - 1;
    const hosts = Array.from({ length: 8 * out.length - bits }, (_, i) => isSet(out, bits + i));
    if (!hosts.includes(true)) out[low]! |= 1;
    else if (!hosts.includes(false) && out.length === 4) out[low]! &= 0xfe;
  }
  return formatIp(out);
}

function isSet(octets: Uint8Array, bit: number): boolean {
  return (octets[bit >> 3]! & (0x80 >> (bit & 7))) !== 0;
}
