import dns from "node:dns";
import net from "node:net";
import tls from "node:tls";
import { connectArguments, type Lookup, target } from "./connect_options.ts";
import type { Destinations } from "../routing.ts";

type Connect = (this: net.Socket, ...args: unknown[]) => net.Socket;

/**
 * Makes net.Socket.connect() use the replaced dns.lookup(), once: all fake addresses of a name mean
 * one destination, and autoSelectFamily would give each of them only 250 ms. `securing` is called with
 * each TLSSocket before it connects.
 */
export function replaceSocketConnect(destinations: Destinations, securing?: (socket: tls.TLSSocket) => void): void {
  const prototype = net.Socket.prototype as unknown as { connect: Connect };
  const original = prototype.connect;
  prototype.connect = function (...args) {
    const { options, callback } = connectArguments(args);
    const to = target(options);
    if (to && this instanceof tls.TLSSocket) securing?.(this);
    if (!to || net.isIP(to.host) || destinations.isDirect(to.host)) return original.apply(this, args);
    const changed = { ...options, lookup: options.lookup ?? dns.lookup as unknown as Lookup, autoSelectFamily: false };
    if (!Array.isArray(args[0])) return original.call(this, changed, callback ?? undefined);
    args[0][0] = changed;
    return original.apply(this, args);
  };
}
