import type { SocketAddr } from "../../net/socket.ts";
import { parsePrefix, type Prefix } from "../../protocol/ip/prefix.ts";
import { WrongValue } from "../config_error.ts";
import { parseListen } from "./listen.ts";

/** Minimum host bits of a pool; its first and last address are not used. */
const MIN_BITS_LEFT = 4;

/** `192.168.1.1`, `[::]:53`, `:5353`: the addresses of the DNS service. Throws WrongValue. */
export function parseDnsListen(text: string): readonly SocketAddr[] {
  const bare = /^[0-9a-f.:]*:[0-9a-f.:]*:[0-9a-f.:]*$/i.test(text) ? `[${text}]` : text;
  const specs = parseListen(/^\[.*\]$|^[^:]*$/.test(bare) ? `${bare}:53` : bare);
  const plain = specs.every(({ addr, only, tls, systemd, wayOut }) =>
    addr.unix === undefined && (only ?? tls ?? systemd ?? wayOut) === undefined
  );
  if (!plain) throw new WrongValue(`'${text}' is nowhere to serve DNS (write 192.168.1.1, :53 or [2001:db8::1]:53)`);
  return specs.map(({ addr }) => addr);
}

/** Throws WrongValue. */
export function parseFakePool(family: "IPv4" | "IPv6"): (text: string) => Prefix {
  return (text) => {
    const prefix = parsePrefix(text), size = family === "IPv4" ? 4 : 16;
    if (prefix?.octets.length !== size) throw new WrongValue(`'${text}' is not an ${family} prefix`);
    if (prefix.octets.length * 8 - prefix.bits < MIN_BITS_LEFT) throw new WrongValue(`'${text}' has too few addresses`);
    return prefix;
  };
}
