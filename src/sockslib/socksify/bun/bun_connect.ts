/// <reference types="bun-types" />
import { Buffer } from "node:buffer";
import type { SocketAddr } from "../../../net/socket.ts";
import type { Address } from "../../../protocol/address.ts";
import { type Handlers, LentNative, type Native, tellPeer } from "./bun_sockets.ts";
import { socketError } from "../system_errors.ts";
import type { Socksifier } from "../socksifier.ts";

interface ConnectOptions {
  readonly hostname?: string;
  readonly port?: number;
  readonly unix?: string;
  readonly fd?: number;
  readonly tls?: unknown;
  readonly data?: unknown;
  readonly socket: Handlers;
  readonly [option: string]: unknown;
}

interface BunSocket extends Native {
  data: unknown;
  upgradeTLS(options: { tls: unknown; data: unknown; socket: Handlers }): [raw: BunSocket, secured: BunSocket];
}

/** Replaces Bun.connect(): the conversation with the gateway takes place on the application's own socket. */
export function replaceConnect(socksifier: Socksifier): void {
  const bun = Bun as unknown as { connect(options: unknown): Promise<BunSocket> };
  const original = bun.connect;
  bun.connect = async function (options) {
    const given = options as ConnectOptions;
    const { hostname, port, unix, fd, socket: own } = given;
    if (unix !== undefined || fd !== undefined || typeof hostname !== "string" || typeof own !== "object") {
      return await original.call(this, options);
    }
    let to = { host: hostname, port: Number(port) };
    let lent: LentNative | undefined;
    let via: Address | undefined;
    const lend = async (hop: SocketAddr) => {
      lent = new LentNative(hop);
      const { handlers } = lent;
      const lending = {
        ...given,
        tls: undefined,
        hostname: hop.host,
        port: hop.port,
        data: undefined,
        socket: handlers,
      };
      original.call(this, lending).catch(() => {}); // connectError reports it
      await lent.opened;
      return lent.socket;
    };
    try {
      const pair = await socksifier.answers.addresses(hostname);
      if (pair) to = { host: pair.ipv4, port: to.port };
      via = socksifier.destinations.via(to.host, to.port);
      if (via) await socksifier.upstream.connect(via, lend);
    } catch (cause) {
      const error = socketError(cause, "connect", to);
      (own.connectError as ((socket: unknown, error: Error) => unknown) | undefined)?.({ data: given.data }, error);
      throw error;
    }
    if (!via) return await original.call(this, options);
    return handOver(given, lent!, to, socksifier.pin(via));
  };
}

/** Hands the connection to the application: its handlers, its data, its TLS. */
function handOver(options: ConnectOptions, lent: LentNative, to: SocketAddr, unpin: () => void): BunSocket {
  const own: Handlers = {
    ...options.socket,
    close(socket, error) {
      unpin();
      return options.socket.close?.(socket, error);
    },
  };
  let socket = lent.native as BunSocket;
  if (options.tls) {
    const serverName = typeof options.tls === "object"
      ? (options.tls as { serverName?: string }).serverName
      : undefined;
    const tls = { ...options.tls === true ? {} : options.tls as object, serverName: serverName ?? options.hostname };
    socket.reload({ socket: { data() {} } });
    [, socket] = socket.upgradeTLS({ tls, data: options.data, socket: tellingPeer(own, to) });
    tellPeer(socket, to);
    return socket;
  }
  socket.data = options.data;
  tellPeer(socket, to);
  socket.reload({ socket: own });
  own.open?.(socket);
  const early = lent.socket.rest();
  if (early.length > 0) own.data?.(socket, Buffer.from(early));
  return socket;
}

/** The handlers must find the peer's address on the socket. */
function tellingPeer(own: Handlers, to: SocketAddr): Handlers {
  return {
    ...own,
    open(socket) {
      tellPeer(socket, to);
      return own.open?.(socket);
    },
  };
}
