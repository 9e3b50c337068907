import type { SocketAddr } from "../../socket.ts";
import { overlaps } from "../../socket_addr.ts";
import { SO_REUSEPORT, SOL_SOCKET } from "../libc/abi.ts";
import type { Libc } from "../libc/libc.ts";
import { setOption } from "./socket_option.ts";
import { keepUrgent, timeProbes } from "./tcp_options.ts";

/** A listener that a runtime has opened, and its descriptor where that is known. */
export type Opened<L> = readonly [listener: L, descriptor: number | undefined];

/** TCP listeners opened by a runtime, and the operations on them that need libc. */
export class OwnListeners {
  readonly #libc: Libc;
  readonly #addrs = new Map<number, SocketAddr>();

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /**
   * Opens one. If one of ours covers `addr`, as :: covers 127.0.0.1, or is covered by it, both share
   * the port while it is opened (SO_REUSEPORT), and no longer, or another program could take a share.
   */
  open<L extends { readonly addr: SocketAddr }>(addr: SocketAddr, open: (shared: boolean) => Opened<L>): Opened<L> {
    const sharing = Array.from(this.#addrs).flatMap(([fd, own]) => overlaps(own, addr) ? fd : []);
    const shared = sharing.length > 0;
    const share = (on: number) => {
      for (const fd of sharing) setOption(this.#libc, fd, SOL_SOCKET, SO_REUSEPORT, on);
    };
    share(1);
    try {
      const opened = open(shared);
      const [listener, fd] = opened;
      if (fd === undefined) return opened;
      if (shared) sharing.push(fd);
      this.#addrs.set(fd, listener.addr);
      keepUrgent(this.#libc, fd);
      timeProbes(this.#libc, fd);
      return opened;
    } finally {
      share(0);
    }
  }

  /** Before the descriptor is closed. */
  forget(fd: number): void {
    this.#addrs.delete(fd);
  }
}
