import { type Address, ipAddress, nameAddress } from "../../protocol/address.ts";
import type { Credentials } from "../../protocol/negotiation.ts";

/** A gateway on the way, first to last. */
export interface Hop {
  readonly address: Address;
  readonly credentials?: Credentials;
}

/** The port where a hop names none. */
const DEFAULT_PORT = 1080;

/**
 * Reads `socks5://[USER:PASSWORD@]HOST[:PORT]`, several parted by commas, the nearest first. Throws SyntaxError naming the
 * hop by its number, never its credentials.
 */
export function parseHops(text: string): readonly [Hop, ...Hop[]] {
  const hops = text.split(",").map((part) => part.trim()).filter(Boolean).map(parseHop);
  if (hops.length === 0) throw new SyntaxError("no gateway is named");
  return hops as unknown as [Hop, ...Hop[]];
}

function parseHop(text: string, index: number): Hop {
  const refuse = (why: string) => new SyntaxError(`hop ${index + 1} ${why}`);
  const [, scheme, userinfo, host, port] =
    /^([a-z0-9+.-]+):\/\/(?:([^@/]*)@)?(\[[^\]]*\]|[^:/@]+)(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  if (!host) throw refuse("is not of the form socks5://[USER:PASSWORD@]HOST[:PORT]");
  if (!/^socks5h?$/i.test(scheme!)) throw refuse(`is of the scheme '${scheme}', not socks5`);
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  if (number < 1 || number > 65_535) throw refuse(`has the port ${port}`);
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  let address: Address;
  try {
    const literal = ipAddress(bare, number);
    if (!literal && bare !== host) throw new SyntaxError("brackets around a name");
    address = literal ?? nameAddress(bare, number);
  } catch {
    throw refuse(`has the host '${bare}', neither a name nor an address`);
  }
  return userinfo === undefined ? { address } : { address, credentials: credentials(userinfo, refuse) };
}

function credentials(userinfo: string, refuse: (why: string) => Error): Credentials {
  const [username, password, ...more] = userinfo.split(":").map((part) => {
    try {
      return new TextEncoder().encode(decodeURIComponent(part));
    } catch {
      throw refuse("has credentials with a stray '%'");
    }
  });
  const fits = (field?: Uint8Array) => field !== undefined && field.length > 0 && field.length < 256;
  if (more.length > 0 || !fits(username) || !fits(password)) {
    throw refuse("has credentials that are not USER:PASSWORD, each of 1 to 255 octets");
  }
  return { username: username!, password: password! };
}
