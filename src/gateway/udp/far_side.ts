import type { Datagram, Exit, SocketAddr, UdpSocket } from "../../net/socket.ts";
import type { HeadedPayload, OnwardAssociation } from "../../sockslib/chain/onward_association.ts";
import type { Conversation } from "../commands/conversation.ts";
import type { WayOut } from "../way_out.ts";

type Family = "ipv4" | "ipv6";

/** Towards destinations. */
const MAX_SOCKETS = 16;

/** Sends datagrams in batches: a socket for each family or source in use, and upstreams. */
export class FarSide {
  readonly #conversation: Conversation;
  readonly #opened: (socket: UdpSocket) => void;
  readonly #lost: (count: number) => void;
  /** By family, or by source if one is set. */
  readonly #sockets = new Map<Family | Exit, Promise<UdpSocket | undefined>>();
  /** Datagrams of one batch, by the socket they leave from. */
  #outgoing = new Map<Family | Exit, Datagram[]>();
  /** The same for upstreams. */
  #onward = new Map<OnwardAssociation, HeadedPayload[]>();
  #closed = false;

  /** `opened` gets each new socket, to receive from; `lost` gets the number of datagrams that could not be sent. */
  constructor(conversation: Conversation, opened: (socket: UdpSocket) => void, lost: (count: number) => void) {
    this.#conversation = conversation;
    this.#opened = opened;
    this.#lost = lost;
  }

  /** `wayOut` is the source that its rule sets. */
  add(datagram: Datagram, wayOut: WayOut | undefined): void {
    const { addr: { host } } = datagram;
    const by = this.#conversation.exits?.towards(host, wayOut) ?? (host.includes(":") ? "ipv6" : "ipv4");
    const batch = this.#outgoing.get(by);
    if (batch) batch.push(datagram);
    else this.#outgoing.set(by, [datagram]);
  }

  addOnward(link: OnwardAssociation, headed: HeadedPayload): void {
    const batch = this.#onward.get(link);
    if (batch) batch.push(headed);
    else this.#onward.set(link, [headed]);
  }

  /** Sends the batch. All of it is taken before the first wait: its views are invalid after the caller's next receive. */
  async flush(): Promise<void> {
    const outgoing = this.#outgoing;
    this.#outgoing = new Map();
    if (this.#onward.size > 0) await this.#flushOnward();
    for (const [by, batch] of outgoing) {
      const socket = await this.#socket(by, batch[0]!.addr);
      this.#lost(socket ? await socket.send(batch) : batch.length);
    }
  }

  close(): void {
    this.#closed = true;
    for (const opening of this.#sockets.values()) void opening.then((socket) => socket?.close());
  }

  async #flushOnward(): Promise<void> {
    const onward = this.#onward;
    this.#onward = new Map();
    for (const [link, batch] of onward) this.#lost(await link.send(batch));
  }

  #socket(by: Family | Exit, towards: SocketAddr): Promise<UdpSocket | undefined> {
    let opening = this.#sockets.get(by);
    if (!opening) {
      if (this.#sockets.size >= MAX_SOCKETS) this.#closeEldest();
      this.#sockets.set(by, opening = this.#open(by, towards));
    }
    return opening;
  }

  /** Rules with their own sources may need any number of sockets. */
  #closeEldest(): void {
    const [[by, opening]] = this.#sockets as unknown as [[Family | Exit, Promise<UdpSocket | undefined>]];
    this.#sockets.delete(by);
    void opening.then((socket) => socket?.close());
  }

  async #open(by: Family | Exit, { host }: SocketAddr): Promise<UdpSocket | undefined> {
    const exit = typeof by === "object" ? by : undefined;
    try {
      if (exit?.localAddr !== undefined) this.#conversation.record.outgoing ??= exit.localAddr;
      const any = host.includes(":") ? "::" : "0.0.0.0";
      const socket = await this.#conversation.net.bindUdp({ host: exit?.localAddr ?? any, port: 0 }, exit);
      if (this.#closed) socket.close();
      this.#opened(socket);
      return socket;
    } catch {
      this.#sockets.delete(by); // no descriptor now, which may change, or no such family here
      return undefined;
    }
  }
}
