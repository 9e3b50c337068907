import {
  F_SETFL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  O_NONBLOCK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_SOCKET,
} from "../../kernel/libc/abi.ts";
import { errnoError } from "../../kernel/libc/errno.ts";
import { encodeSockaddr, family } from "../../kernel/libc/sockaddr.ts";
import { setOption, setTransparent } from "../../kernel/sockets/socket_option.ts";
import { addressText } from "../../../protocol/address.ts";
import { NetError } from "../../error.ts";
import type { SocketAddr, UdpSocket } from "../../socket.ts";
import type { Engine } from "../engine/engine.ts";
import { type TakeDatagram, TransparentDatagrams } from "../transparent/transparent_datagrams.ts";
import { LinuxUdpSocket } from "../udp_socket.ts";

const IP_RECVORIGDSTADDR = 20, IPV6_RECVORIGDSTADDR = 74, BUFFER_SIZE = 4 << 20;

/** Datagrams routed here (TPROXY, AnyIP); answers leave from the address that they were sent to. */
export class RoutedDatagrams {
  readonly #engine: Engine;
  readonly #take: TakeDatagram;
  readonly #descriptors: number[] = [];

  /** Throws NetError. */
  constructor(engine: Engine, addr: SocketAddr, take: TakeDatagram) {
    this.#engine = engine;
    this.#take = take;
    const hosts = addr.host === "::" ? ["0.0.0.0", "::"] : [addr.host];
    try {
      for (const host of hosts) this.#listen({ host, port: addr.port });
    } catch (error) {
      const missing = error instanceof NetError &&
        (error.kind === "family-not-supported" || error.kind === "address-not-available");
      if (missing && this.#descriptors.length > 0) return; // a host without IPv6
      this.close();
      throw error;
    }
  }

  /** What speaks with `client` as if it were `addr`: more of what the client sends there comes to it. Throws NetError. */
  from(addr: SocketAddr, client: SocketAddr): UdpSocket {
    return new LinuxUdpSocket(this.#engine, addr, undefined, { peer: client });
  }

  close(): void {
    for (const fd of this.#descriptors.splice(0)) this.#engine.close(fd);
  }

  #listen(addr: SocketAddr): void {
    const { libc } = this.#engine, six = addr.host.includes(":"), what = addressText(addr);
    const fd = libc.socket(family(addr.host), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw errnoError(libc.errno(), "listen on", what);
    this.#engine.own(fd);
    this.#descriptors.push(fd);
    libc.fcntl(fd, F_SETFL, O_NONBLOCK);
    setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1);
    setTransparent(libc, fd, six); // without the right, AnyIP still works
    if (six) setOption(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (!setOption(libc, fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_SIZE)) {
      setOption(libc, fd, SOL_SOCKET, SO_RCVBUF, BUFFER_SIZE);
    }
    const [level, name] = six ? [IPPROTO_IPV6, IPV6_RECVORIGDSTADDR] : [IPPROTO_IP, IP_RECVORIGDSTADDR];
    const sockaddr = encodeSockaddr(addr);
    if (!setOption(libc, fd, level, name, 1) || libc.bind(fd, sockaddr, sockaddr.length) < 0) {
      throw errnoError(libc.errno(), "listen on", what);
    }
    new TransparentDatagrams(this.#engine, fd, six, this.#take);
  }
}
