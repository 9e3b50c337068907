import { Command } from "../../protocol/codes.ts";
import { NO_ADDRESS } from "../../protocol/request.ts";
import type { Socket, SocketAddr } from "../../net/socket.ts";
import { FramedDatagrams } from "./framed_datagrams.ts";
import { converse } from "./handshake.ts";
import type { Hop } from "./hop.ts";
import { type ChainDialler, type Limits, openChain } from "./hop_chain.ts";
import type { HeadedPayload, OnwardAssociation } from "./onward_association.ts";

/**
 * A UDP association with the last of `hops` inside one connection through all of them: the other hops need no UDP, and TLS
 * of the connection protects it. Rejects with NetError or ReplyError.
 */
export async function openFramedAssociation(
  dialler: ChainDialler,
  hops: readonly Hop[],
  limits: Limits,
): Promise<OnwardAssociation> {
  const { wire } = await openChain(dialler, hops, limits, (wire) => {
    return converse(wire, hops, Command.UdpInTcp, NO_ADDRESS);
  });
  return new FramedAssociation(wire.way());
}

class FramedAssociation implements OnwardAssociation {
  readonly ended: Promise<void>;
  readonly remoteAddr: SocketAddr;
  readonly #datagrams: FramedDatagrams;

  constructor(socket: Socket) {
    socket.keepAlive(); // only this detects that the gateway has vanished
    this.remoteAddr = socket.remoteAddr;
    this.#datagrams = new FramedDatagrams(socket);
    this.ended = this.#datagrams.ended.then(() => {});
  }

  get closed(): boolean {
    return this.#datagrams.closed;
  }

  send(batch: readonly HeadedPayload[]): Promise<number> {
    return Promise.resolve(this.#datagrams.send(batch));
  }

  receive(): Promise<readonly Uint8Array[] | null> {
    return this.#datagrams.receive();
  }

  close(): void {
    this.#datagrams.close();
  }
}
