import type { Engine } from "../../../net/linux/engine/engine.ts";
import type { TakeDatagram } from "../../../net/linux/transparent/transparent_datagrams.ts";
import type { AcceptedSocket, Listener, SocketAddr, UdpSocket } from "../../../net/socket.ts";

/** Receivers of a program's traffic. */
export interface Takers {
  /** True if an established connection needs nothing from this process: no limits, no counters. */
  readonly inPlace: boolean;
  /** True if a connection to that address is served at once, by `other`. */
  readonly isOther: (to: SocketAddr) => boolean;
  readonly other: (socket: AcceptedSocket, to: SocketAddr) => void;
  readonly datagram: TakeDatagram;
}

/** A program's traffic, to any destination. */
export interface Traffic {
  /** Its connections, each a HeldSocket. */
  readonly connections: Listener;
  /** A socket that sends datagrams to the program as if from `addr`. */
  from(addr: SocketAddr): UdpSocket;
}

/** Directs a program's traffic to this process. Throws NetError. */
export type TakeTraffic = (engine: Engine, takers: Takers) => Traffic;
