import type { Datagram, UdpSocket } from "../../net/socket.ts";
import type { HeadedPayload, NestedAssociation } from "../../sockslib/chain/nested_association.ts";
import type { Conversation } from "../commands/conversation.ts";

const families = ["ipv4", "ipv6"] as const;
type Family = (typeof families)[number];

/** Where datagrams leave from, in batches: a socket for each family that is used, and upstreams. */
export class FarSide {
  readonly #conversation: Conversation;
  readonly #opened: (socket: UdpSocket) => void;
  readonly #lost: (count: number) => void;
  readonly #sockets = new Map<Family, Promise<UdpSocket | undefined>>();
  /** Datagrams of one batch, by the socket they leave from. */
  #outgoing: Record<Family, Datagram[]> = { ipv4: [], ipv6: [] };
  /** The same for upstreams. */
  #onward = new Map<NestedAssociation, HeadedPayload[]>();
  #closed = false;

  /** `opened` is given each socket, to receive from; `lost` is told how many datagrams could not be sent. */
  constructor(conversation: Conversation, opened: (socket: UdpSocket) => void, lost: (count: number) => void) {
    this.#conversation = conversation;
    this.#opened = opened;
    this.#lost = lost;
  }

  add(datagram: Datagram): void {
    this.#outgoing[datagram.addr.host.includes(":") ? "ipv6" : "ipv4"].push(datagram);
  }

  addOnward(link: NestedAssociation, headed: HeadedPayload): void {
    const batch = this.#onward.get(link);
    if (batch) batch.push(headed);
    else this.#onward.set(link, [headed]);
  }

  /** Sends what was added. All is taken before the first wait: what it holds are views, which go when the caller receives again. */
  async flush(): Promise<void> {
    const outgoing = this.#outgoing;
    this.#outgoing = { ipv4: [], ipv6: [] };
    if (this.#onward.size > 0) await this.#flushOnward();
    for (const family of families) {
      const batch = outgoing[family];
      if (batch.length === 0) continue;
      const socket = await this.#socket(family);
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

  #socket(family: Family): Promise<UdpSocket | undefined> {
    let opening = this.#sockets.get(family);
    if (!opening) this.#sockets.set(family, opening = this.#open(family));
    return opening;
  }

  async #open(family: Family): Promise<UdpSocket | undefined> {
    try {
      const { net, settings: { outgoing } } = this.#conversation;
      const socket = await net.bindUdp({ host: outgoing[family] ?? (family === "ipv6" ? "::" : "0.0.0.0"), port: 0 });
      if (this.#closed) socket.close();
      this.#opened(socket);
      return socket;
    } catch {
      this.#sockets.delete(family); // no descriptor now, which may change, or no such family here
      return undefined;
    }
  }
}
