import type { SessionEnd } from "../../events.ts";
import type { Datagram, SocketAddr, UdpSocket } from "../../net/socket.ts";
import { ipAddress } from "../../protocol/address.ts";
import { headerSize } from "../../protocol/datagram.ts";
import { NO_ADDRESS } from "../../protocol/request.ts";
import { FramedDatagrams } from "../../sockslib/chain/framed_datagrams.ts";
import { HeadedSocket } from "../../sockslib/chain/headed_socket.ts";
import type { Conversation } from "../commands/conversation.ts";
import { ClientEnd } from "./client_end.ts";
import { Association } from "./udp_association.ts";

/**
 * Command 05 of hev-socks5-server: an association whose datagrams travel on its TCP connection. Rules and
 * counters are the same as for UDP ASSOCIATE.
 */
export async function associateInTcp(conversation: Conversation): Promise<SessionEnd> {
  const { client, record, wire, cut } = conversation;
  await conversation.succeed(record.client.host.includes(":") ? ipAddress("::", 0)! : NO_ADDRESS);
  client.keepAlive();
  const early = wire.rest();
  const datagrams = new FramedDatagrams(early ? new HeadedSocket(client, early) : client);
  const association = new Association(
    conversation,
    new FramedUdp(datagrams, record.client),
    new ClientEnd(record.client, NO_ADDRESS),
  );
  const close = () => association.close();
  const release = cut.on(close);
  try {
    association.run();
    const end = await datagrams.ended;
    if (end === "malformed") record.detail = "datagrams whose boundaries are lost";
    return end === "malformed" ? "protocol-error" : end;
  } finally {
    release();
    close();
  }
}

/** The client's side of an association, like a socket that only this client sends to. */
class FramedUdp implements UdpSocket {
  readonly addr: SocketAddr;
  readonly #datagrams: FramedDatagrams;

  constructor(datagrams: FramedDatagrams, client: SocketAddr) {
    this.#datagrams = datagrams;
    this.addr = client;
  }

  async receive(): Promise<readonly Datagram[] | null> {
    const batch = await this.#datagrams.receive();
    return batch && batch.map((bytes) => ({ bytes, addr: this.addr }));
  }

  send(batch: readonly Datagram[]): Promise<number> {
    return Promise.resolve(this.#datagrams.send(batch.map(({ bytes }) => {
      const size = headerSize(bytes)!; // which is ours, or was checked
      return { header: bytes.subarray(0, size), payload: bytes.subarray(size) };
    })));
  }

  close(): void {
    this.#datagrams.close();
  }
}
