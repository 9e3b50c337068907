import { type GatewaySettings, isByName, isForward, isRouted, isTransparent, type Speech } from "../settings.ts";
import * as byName from "./by_name.ts";
import type { Entrance } from "./entrance.ts";
import { forwardTo } from "./forward.ts";
import { http } from "./http.ts";
import { socks4 } from "./socks4.ts";
import { socks5, strangers } from "./socks5.ts";
import { transparentTo } from "./transparent.ts";

/** A listener's protocols, their name in messages, and their entrances. */
const speeches = {
  socks: { said: "SOCKS5", others: "SOCKS", protocols: ["socks5", "socks4"] },
  http: { said: "HTTP", others: "HTTP", protocols: ["http"] },
  sni: { said: "TLS by server name", others: "TLS", protocols: ["sni"] },
  host: { said: "HTTP by host", others: "HTTP", protocols: ["host"] },
} as const;

/** The only entrance of a listener for `only`, whatever its clients send. */
export function silentEntrance(only: Speech | undefined): Entrance | undefined {
  if (isTransparent(only)) return transparentTo(only);
  return isForward(only) ? forwardTo(only) : undefined;
}

/** The entrance for a conversation that begins with this octet, at a listener for `only`. */
export function entranceFor(first: number, only: Speech | undefined, settings: GatewaySettings): Entrance {
  const wanted = isByName(only) && byName[only.by](only);
  if (wanted && wanted.fits(first)) return wanted;
  if (http.fits(first)) return http;
  return settings.socks4 && socks4.fits(first) ? socks4 : strangers[first] ?? socks5;
}

/** Why a listener for `only` does not have this entrance; undefined if it has. */
export function turnedAway({ protocol }: Entrance, only: Speech | undefined): string | undefined {
  if (only === undefined || isForward(only) || isRouted(only) || isTransparent(only)) return undefined;
  const { said, protocols } = speeches[isByName(only) ? only.by : only];
  if ((protocols as readonly string[]).includes(protocol)) return undefined;
  const other = Object.values(speeches).find((one) => (one.protocols as readonly string[]).includes(protocol))!.others;
  return `this port is for ${said}, not for ${other}`;
}
