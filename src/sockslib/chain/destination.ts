import { type Address, ipAddress, MAX_NAME_SIZE, nameAddress } from "../../protocol/address.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** The address that travels on: a literal as an address, anything else as a name. Throws RangeError if it is neither. */
export function destinationAddress({ host, port }: SocketAddr): Address {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`Cannot go to port ${port}: not 0 to 65535`);
  }
  const literal = ipAddress(host, port);
  if (literal) return literal;
  if (host.length > MAX_NAME_SIZE) {
    throw new RangeError(`Cannot go to a name of ${host.length} octets: at most ${MAX_NAME_SIZE} (RFC 1928 s5)`);
  }
  try {
    return nameAddress(host, port);
  } catch (cause) {
    throw new RangeError(`Cannot go to ${JSON.stringify(host)}: neither a name nor an address`, { cause });
  }
}
