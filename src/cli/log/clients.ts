import type { Config } from "../../config/config.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { addressText, parseIp } from "../../protocol/address.ts";
import { Prefix } from "../../protocol/ip/prefix.ts";

/** Bits kept of an address if clients must not be identified. */
const COARSE = { ipv4: 24, ipv6: 48 } as const;

/** The names of clients in the log: undefined if the log must not name clients. */
export interface ClientNaming {
  one(client: SocketAddr): string | undefined;
  /** The client in separate fields. */
  fields(client: SocketAddr): ClientFields;
  /** All clients of a household(). */
  several(household: string): string | undefined;
}

export interface ClientFields {
  readonly client_host?: string;
  readonly client_port?: number;
  /** Replaces both if clients must not be identified. */
  readonly client_prefix?: string;
  /** The path of a unix socket. */
  readonly client_unix?: string;
}

export function clientNaming(choice: Config["logClients"]): ClientNaming {
  switch (choice) {
    case "full":
      return {
        one: addressText,
        fields: ({ host, port, unix }) =>
          unix === undefined ? { client_host: host, client_port: port } : { client_unix: unix },
        several: (household) => household,
      };
    case "prefix":
      return {
        one: (client) => client.unix === undefined ? coarse(client.host) : addressText(client),
        fields: ({ host, unix }) => unix === undefined ? { client_prefix: coarse(host) } : { client_unix: unix },
        several: (household) => coarse(household.split("/")[0]!),
      };
    case "none":
      return { one: () => undefined, fields: () => ({}), several: () => undefined };
  }
}

function coarse(host: string): string {
  return prefixText(host, host.includes(":") ? COARSE.ipv6 : COARSE.ipv4);
}

/** `bits` is a multiple of 8. */
function prefixText(host: string, bits: number): string {
  const octets = parseIp(host)!.slice();
  octets.fill(0, bits / 8);
  return new Prefix(octets, bits).toString();
}
