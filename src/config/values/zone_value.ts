import type { SocketAddr } from "../../net/socket.ts";
import { isLinkLocal, zonedAddress } from "../../protocol/ip/zone.ts";
import { WrongValue } from "../config_error.ts";

/** The address of an IP literal with an optional zone; undefined if it is not a literal. `whole` is the user's text for errors. */
export function parseZoned(text: string, port: number, whole: string): SocketAddr | undefined {
  const address = zonedAddress(text, port);
  if (!address) return undefined;
  const { host, zone } = address;
  if (zone !== undefined) return { host, port, zone };
  if (isLinkLocal(host)) {
    throw new WrongValue(`'${whole}' is link-local: say on which interface (write [${host}%eth0])`);
  }
  return { host, port };
}
