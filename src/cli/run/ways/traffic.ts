import type { Engine } from "../../../net/linux/engine/engine.ts";
import type { TakeDatagram } from "../../../net/linux/transparent/transparent_datagrams.ts";
import type { AcceptedSocket, Listener, SocketAddr, UdpSocket } from "../../../net/socket.ts";

/** Who is given what a program sends. */
export interface Takers {
  /** Whether nothing here is between a connection and where it goes, once it is there: no limit, and nobody who counts. */
  readonly inPlace: boolean;
  /** Whether a connection to there is served at once, by `other`. */
  readonly isOther: (to: SocketAddr) => boolean;
  readonly other: (socket: AcceptedSocket, to: SocketAddr) => void;
  readonly datagram: TakeDatagram;
}

/** What a program sends, wherever it goes. */
export interface Traffic {
  /** Its connections, each a HeldSocket. */
  readonly connections: Listener;
  /** What sends datagrams to it as if from `addr`. */
  from(addr: SocketAddr): UdpSocket;
}

/** Has it come here. Throws NetError. */
export type TakeTraffic = (engine: Engine, takers: Takers) => Traffic;
