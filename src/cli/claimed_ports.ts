import type { ListenSpec } from "../config/listen.ts";
import { addressText } from "../protocol/address.ts";
import type { Libc } from "../net/linux/libc.ts";
import type { SocketOptions } from "../net/linux/engine.ts";
import { type ClaimedPort, claimPort } from "../net/linux/tcp_listener.ts";
import type { SocketAddr } from "../net/socket.ts";
import { listenAs } from "./listening.ts";

/** Ports that workers share, by what was asked for. */
export class ClaimedPorts {
  readonly #libc: Libc;
  readonly #options: SocketOptions;
  #claimed = new Map<string, ClaimedPort>();

  constructor(libc: Libc, options: SocketOptions) {
    this.#libc = libc;
    this.#options = options;
  }

  /**
   * Claims what `specs` want and is not claimed yet, also what another program has where it is `shared` with that. What is
   * claimed changes when that is applied. Rejects with NetError.
   */
  async claim(specs: readonly ListenSpec[], shared = false): Promise<Claim> {
    const next = new Map<string, ClaimedPort>();
    const tls: string[] = [];
    const release = (unlike: ReadonlyMap<string, ClaimedPort>, ports: ReadonlyMap<string, ClaimedPort>) => {
      for (const [key, port] of ports) if (unlike.get(key) !== port) port.release();
    };
    const abandon = () => release(this.#claimed, next);
    try {
      for (const spec of specs) {
        await listenAs(spec, (addr) => {
          const key = addressText(addr);
          const port = this.#claimed.get(key) ?? claimPort(this.#libc, this.#options, addr, shared);
          next.set(key, port);
          if (spec.tls) tls.push(addressText(port.addr));
        });
      }
    } catch (error) {
      abandon();
      throw error;
    }
    return {
      addrs: Array.from(next.values(), ({ addr }) => addr),
      tls,
      apply: () => {
        const former = this.#claimed;
        this.#claimed = next;
        release(next, former);
      },
      abandon,
    };
  }
}

export interface Claim {
  /** Ports resolved. */
  readonly addrs: readonly SocketAddr[];
  /** Those whose clients speak TLS. */
  readonly tls: readonly string[];
  /** Releases what is not wanted any more. */
  apply(): void;
  /** Releases what was claimed for it. */
  abandon(): void;
}
