import type { GatewaySettings } from "../settings.ts";
import type { Entrance } from "./entrance.ts";
import { http } from "./http.ts";
import { socks4 } from "./socks4.ts";
import { socks5 } from "./socks5.ts";

/** What the clients of a listener may speak, where that is not everything. */
export type Speech = "socks" | "http";

/** The entrance for a conversation that begins with this octet. */
export function entranceFor(first: number, settings: GatewaySettings): Entrance {
  if (http.fits(first)) return http;
  return settings.socks4 && socks4.fits(first) ? socks4 : socks5;
}

/** Why an entrance is none of a listener for `only`; undefined where it is. */
export function turnedAway({ protocol }: Entrance, only: Speech | undefined): string | undefined {
  if (only === undefined || (protocol === "http") === (only === "http")) return undefined;
  return only === "http" ? "this port is for HTTP, not for SOCKS" : "this port is for SOCKS5, not for HTTP";
}
