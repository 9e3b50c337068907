import process from "node:process";
import { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { type Address, addressText } from "../../protocol/address.ts";
import { AddressType } from "../../protocol/codes.ts";
import type { Association } from "../association.ts";
import type { Socksifier } from "./socksifier.ts";

/** Maximum associations of one UDP socket of the application; the least recently used one is closed first. */
const MAX_FLOWS = 64;

interface Flow {
  /** Cancels an association that is being opened. */
  readonly cut: Cut;
  readonly association: Promise<Association>;
  readonly unpin: () => void;
}

/**
 * The datagrams of one UDP socket of the application through the gateway. Each name has its own association, so that
 * answers on it belong to that name: replies have the address only. All literals share one.
 */
export class DatagramFlows {
  readonly #socksifier: Socksifier;
  readonly #deliver: (payload: Uint8Array, source: SocketAddr) => void;
  readonly #flows = new Map<string, Flow>();
  #closed = false;

  /** `deliver` gets received datagrams; it owns the bytes. */
  constructor(socksifier: Socksifier, deliver: (payload: Uint8Array, source: SocketAddr) => void) {
    this.#socksifier = socksifier;
    this.#deliver = deliver;
  }

  /** Sends to `via`, the application's `host`. */
  async send(payload: Uint8Array, via: Address, host: string): Promise<void> {
    if (this.#closed) throw new NetError("closed", `Cannot send to ${addressText({ host, port: via.port })}: closed`);
    const named = via.type === AddressType.DomainName;
    const key = named ? host : "";
    const flow = this.#flows.get(key) ?? this.#open(key, via, named ? host : undefined);
    this.#flows.delete(key);
    this.#flows.set(key, flow);
    const association = await flow.association;
    await association.send(payload, via);
  }

  close(): void {
    this.#closed = true;
    for (const key of this.#flows.keys()) this.#drop(key);
  }

  #open(key: string, via: Address, fake: string | undefined): Flow {
    if (this.#flows.size >= MAX_FLOWS) {
      for (const oldest of this.#flows.keys()) {
        this.#drop(oldest);
        break;
      }
    }
    const { upstream, pin } = this.#socksifier, cut = new Cut();
    const flow = { cut, association: upstream.associate(cut), unpin: pin(via) };
    const over = () => {
      if (this.#flows.get(key) === flow) this.#drop(key);
    };
    flow.association.then((association) => this.#pump(association, fake)).then(over, over);
    return flow;
  }

  async #pump(association: Association, fake: string | undefined): Promise<void> {
    for (let datagram; (datagram = await association.receive());) {
      if (this.#closed) return;
      const { payload, source } = datagram;
      const from = { host: fake ?? source.host, port: source.port };
      // Out of the promise, so that what a listener throws is the application's uncaught exception.
      process.nextTick(this.#deliver, payload.slice(), from);
    }
  }

  #drop(key: string): void {
    const flow = this.#flows.get(key);
    this.#flows.delete(key);
    flow?.unpin();
    flow?.cut.make();
    flow?.association.then((association) => association.close(), () => {});
  }
}
