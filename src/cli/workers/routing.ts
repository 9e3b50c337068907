import type { Event } from "../../events.ts";
import { InterceptedListener } from "../../gateway/udp/flows/intercepted_listener.ts";
import type { Transparent } from "../../gateway/settings.ts";
import { NetError } from "../../net/error.ts";
import type { Engine } from "../../net/linux/engine/engine.ts";
import { RoutedDatagrams } from "../../net/linux/router/routed_datagrams.ts";
import { RoutedListener } from "../../net/linux/router/routed_listener.ts";
import type { Listener, SocketAddr } from "../../net/socket.ts";
import type { RoutedDestinations } from "../../sockslib/transparent/routed_destinations.ts";

/** Maximum datagram flows per worker, and per client (an IPv4 address or an IPv6 /64). */
const MOST_FLOWS = { max: 4_096, maxOfClient: 1_024 };

/** A worker's listeners for clients that routes lead here. */
export interface Routing {
  /** Throws NetError. */
  connections(addr: SocketAddr): Listener;
  /** Throws NetError. */
  datagrams(addr: SocketAddr): Listener;
  readonly destinationOf: Transparent["destinationOf"];
  /** Receives events of sessions: a session keeps the address of its name in use. */
  listen(event: Event): void;
}

export function routing(engine: Engine, destinations: RoutedDestinations): Routing {
  return {
    connections: (addr) => new RoutedListener(engine, addr, { reusePort: true }),
    datagrams: (addr) => interceptedAt(engine, addr),
    destinationOf: (here) => destinations.of(here),
    listen(event) {
      if (event.type !== "session-closed") return;
      const { protocol, destination } = event.session;
      if (protocol === "transparent" && destination) destinations.left(destination);
    },
  };
}

function interceptedAt(engine: Engine, addr: SocketAddr): Listener {
  const take = (bytes: Uint8Array, from: SocketAddr, to: SocketAddr) => {
    try {
      listener.take(bytes, from, to);
    } catch (error) {
      if (!(error instanceof NetError)) throw error; // no free descriptors, or no permission: the datagram is lost
    }
  };
  const datagrams = new RoutedDatagrams(engine, addr, take);
  const from = (to: SocketAddr, client: SocketAddr) => datagrams.from(to, client);
  const listener = new InterceptedListener(engine.timers, MOST_FLOWS, from, addr);
  return {
    addr,
    accept: () => listener.accept(),
    close() {
      datagrams.close();
      listener.close();
    },
  };
}
