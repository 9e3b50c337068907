import { Arrivals } from "../../../turns/arrivals.ts";
import type { AcceptedSocket, Listener, SocketAddr } from "../../socket.ts";
import type { Engine } from "../engine/engine.ts";
import { LinuxListener } from "../tcp_listener.ts";
import type { LinuxSocket } from "../tcp_socket.ts";
import { type GateSockets, SynGate } from "./syn_gate.ts";

export interface TransparentOptions {
  /** Listening sockets with IP_TRANSPARENT, which accept connections for any address. */
  readonly descriptors: readonly number[];
  /** The gate that holds requests until they are answered; undefined to accept all at once. */
  readonly gate?: GateSockets | undefined;
  /** True for destinations that `other` serves at once. */
  readonly isOther: (to: SocketAddr) => boolean;
  readonly other: (socket: AcceptedSocket) => void;
}

const BEGIN = { host: "0.0.0.0", port: 1 };

/** Accepts connections to any address, which becomes their localAddr. */
export class TransparentListener implements Listener {
  readonly addr = BEGIN;
  readonly #listeners: readonly LinuxListener[];
  readonly #options: TransparentOptions;
  #gate: SynGate | undefined;
  readonly #arrivals = new Arrivals<AcceptedSocket>();

  /** Throws NetError. */
  constructor(engine: Engine, options: TransparentOptions) {
    this.#options = options;
    const { gate, isOther } = options;
    this.#gate = gate && new SynGate(engine, gate, (to) => !isOther(to), (socket) => this.#arrivals.add(socket));
    this.#listeners = options.descriptors.map((descriptor) => new LinuxListener(engine, BEGIN, { descriptor }));
    for (const listener of this.#listeners) void this.#pump(listener);
  }

  accept(): Promise<AcceptedSocket | null> {
    return this.#arrivals.accept();
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    this.#arrivals.close();
  }

  async #pump(listener: LinuxListener): Promise<void> {
    while (!this.#arrivals.closed) {
      try {
        const socket = await listener.accept() as LinuxSocket | null;
        if (!socket) return;
        if (this.#options.isOther(socket.localAddr)) this.#options.other(socket);
        else if (!this.#gate?.take(socket)) this.#arrivals.add(socket);
      } catch {
        // No descriptors are left, or that one connection is broken: the next event tries again.
      }
    }
  }
}
