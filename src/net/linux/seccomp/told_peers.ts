import type { SocketAddr } from "../../socket.ts";

/** So many sockets are remembered; those that connected longest ago are forgotten first, since nobody tells when they are closed. */
const MOST = 32_768;

/** What a program has to be told of where its sockets are connected to: in truth that is loopback. */
export interface ToldPeer {
  readonly to: SocketAddr;
  /** Whether the socket is of IPv6. */
  readonly six: boolean;
}

/** By the names of sockets, which are not given again. */
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
