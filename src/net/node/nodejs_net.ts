import { createConnection, createServer, type Server, type Socket as NodeTcp } from "node:net";
import { addressText } from "../../protocol/address.ts";
import { systemClock } from "../clock.ts";
import { NetError, netError } from "../error.ts";
import { interfaceAddrs, likelyLocalAddr } from "../kernel/host/interfaces.ts";
import { relay } from "../relay.ts";
import type { AcceptedSocket, ConnectOptions, Listener, Net, Socket, SocketAddr } from "../socket.ts";
import { runtimeHost, socketAddr } from "../socket_addr.ts";
import { NodeSocket } from "./nodejs_socket.ts";
import { NodeUdpSocket } from "./nodejs_udp.ts";

/** The adapter for Node.js: node:net and node:dgram. It has no unix sockets. */
export function nodeNet(): Net {
  return {
    bindsConnections: true,
    listen,
    connect,
    bindUdp: (addr) => NodeUdpSocket.bind(addr),
    relay: (client, destination, options) => relay(client, destination, options, systemClock),
    localAddrFor: (host) => Promise.resolve(likelyLocalAddr(host)),
    localAddrs: interfaceAddrs,
  };
}

function connect(addr: SocketAddr, { cut, localAddr }: ConnectOptions = {}): Promise<Socket> {
  const what = addressText(addr);
  return new Promise((resolve, reject) => {
    const from = localAddr === undefined ? {} : { localAddress: localAddr };
    const options = { host: runtimeHost(addr), port: addr.port, allowHalfOpen: true, noDelay: true, ...from };
    const tcp = createConnection(options);
    const release = cut?.on(() => {
      tcp.destroy();
      reject(new NetError("aborted", `Cannot connect to ${what}: given up`));
    });
    const failed = (error: Error) => {
      release?.();
      reject(netError(error, "connect to", what));
    };
    tcp.once("error", failed);
    tcp.once("connect", () => {
      release?.();
      tcp.off("error", failed);
      resolve(new NodeSocket(tcp));
    });
  });
}

function listen(addr: SocketAddr): Promise<Listener> {
  const what = addressText(addr);
  if (addr.unix !== undefined) {
    return Promise.reject(new NetError("other", `Cannot listen on ${what}: Node.js has no unix sockets here`));
  }
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    server.once("error", (error) => reject(netError(error, "listen on", what)));
    server.listen({ host: runtimeHost(addr), port: addr.port }, () => resolve(new NodeListener(server, addr)));
  });
}

class NodeListener implements Listener {
  readonly addr: SocketAddr;
  readonly #server: Server;
  readonly #waiting: AcceptedSocket[] = [];
  #accepter: ((socket: AcceptedSocket | null) => void) | undefined;
  #closed = false;

  constructor(server: Server, asked: SocketAddr) {
    const { address, port } = server.address() as { address: string; port: number };
    this.addr = { ...asked, ...socketAddr(address, port) };
    this.#server = server;
    server.on("connection", (tcp) => this.#take(tcp));
    server.on("error", () => this.close());
  }

  accept(): Promise<AcceptedSocket | null> {
    const socket = this.#waiting.shift();
    if (socket || this.#closed) return Promise.resolve(socket ?? null);
    return new Promise((resolve) => this.#accepter = resolve);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.close();
    this.#accepter?.(null);
  }

  #take(tcp: NodeTcp): void {
    if (this.#closed || tcp.remoteAddress === undefined) return void tcp.destroy();
    const socket = new NodeSocket(tcp), accepter = this.#accepter;
    this.#accepter = undefined;
    if (accepter) accepter(socket);
    else this.#waiting.push(socket);
  }
}
