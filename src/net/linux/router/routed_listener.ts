import { IPPROTO_IP, IPPROTO_IPV6 } from "../../kernel/libc/abi.ts";
import { errnoError } from "../../kernel/libc/errno.ts";
import type { Libc } from "../../kernel/libc/libc.ts";
import { decodeSockaddr, SOCKADDR_SIZE } from "../../kernel/libc/sockaddr.ts";
import { setTransparent } from "../../kernel/sockets/socket_option.ts";
import { addressText } from "../../../protocol/address.ts";
import type { AcceptedSocket, Listener, ListenOptions, SocketAddr } from "../../socket.ts";
import type { Engine } from "../engine/engine.ts";
import { BACKLOG, bindTcp, LinuxListener } from "../tcp_listener.ts";
import type { LinuxSocket } from "../tcp_socket.ts";

/** linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h: the same number at each level. */
const SO_ORIGINAL_DST = 80;

/**
 * Accepts connections routed here (TPROXY, REDIRECT, AnyIP): the localAddr of each is the address that its client connected to.
 * Without CAP_NET_ADMIN it works for REDIRECT and AnyIP.
 */
export class RoutedListener implements Listener {
  readonly #libc: Libc;
  readonly #inner: LinuxListener;

  /** Throws NetError. */
  constructor(engine: Engine, addr: SocketAddr, options: ListenOptions) {
    const { libc } = engine;
    this.#libc = libc;
    const fd = bindTcp(engine, addr, options);
    try {
      setTransparent(libc, fd, addr.host.includes(":"));
      if (libc.listen(fd, BACKLOG) < 0) throw errnoError(libc.errno(), "listen on", addressText(addr));
      this.#inner = new LinuxListener(engine, addr, { descriptor: fd });
    } finally {
      libc.close(fd);
    }
  }

  get addr(): SocketAddr {
    return this.#inner.addr;
  }

  async accept(): Promise<AcceptedSocket | null> {
    const socket = await this.#inner.accept() as LinuxSocket | null;
    if (socket?.localAddr.port === this.addr.port) this.#findDestination(socket);
    return socket;
  }

  close(): void {
    this.#inner.close();
  }

  /** For a connection to this port: its original destination before REDIRECT, if there was one. */
  #findDestination(socket: LinuxSocket): void {
    const level = socket.localAddr.host.includes(":") ? IPPROTO_IPV6 : IPPROTO_IP;
    const name = new Int32Array(SOCKADDR_SIZE / 4), size = Uint32Array.of(SOCKADDR_SIZE);
    if (this.#libc.getsockopt(socket.fd, level, SO_ORIGINAL_DST, name, size) < 0) return;
    const addr = decodeSockaddr(new Uint8Array(name.buffer));
    if (addr) socket.cameTo({ host: addr.host, port: addr.port });
  }
}
