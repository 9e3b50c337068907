import type { SocketAddr } from "../../../socket.ts";

/** Maximum sockets remembered; the oldest connections are dropped first, since their close is not reported. */
const MOST = 32_768;

/** The peer addresses to report to a program; the real peers are on loopback. */
export interface ToldPeer {
  readonly to: SocketAddr;
  /** True if the socket is of IPv6. */
  readonly six: boolean;
}

/** By socket names, which are unique. */
export class ToldPeers {
  readonly #peers = new Map<string, ToldPeer>();

  of(socket: string): ToldPeer | undefined {
    return this.#peers.get(socket);
  }

  set(socket: string, peer: ToldPeer): void {
    this.#peers.delete(socket);
    this.#peers.set(socket, peer);
    if (this.#peers.size > MOST) this.#peers.delete(this.#peers.keys().next().value!);
  }

  delete(socket: string): void {
    this.#peers.delete(socket);
  }
}
