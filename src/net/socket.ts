import type { Cut } from "./cut.ts";

/** The socket adapter: everything above it knows these interfaces and no runtime. Every failure is a NetError. */

/** An IP literal, canonical, IPv4-mapped IPv6 unwrapped, and a port. */
export interface SocketAddr {
  /** The address, or a name where a client takes one. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
  /** Of a link-local address: the interface it is on, by name or number (RFC 4007 s11). Who judges addresses knows nothing of it. */
  readonly zone?: string;
  /** Of a unix socket: its path, or @name where it has none; who comes by it counts as who comes from 127.0.0.1. */
  readonly unix?: string;
}

export function unixAddr(path: string): SocketAddr {
  return { host: "127.0.0.1", port: 0, unix: path };
}

/** What write() gives where the system has taken all at once, as it nearly always does: nobody need wait for it. */
export const accepted: Promise<void> = Promise.resolve();

/** A connected TCP socket. One read() and one write() may be under way at a time. */
export interface Socket {
  /** Of this end. */
  readonly localAddr: SocketAddr;
  /** Of the other end. */
  readonly remoteAddr: SocketAddr;
  /** The next bytes, or null at the end or after close(). The view is valid until the next read(). */
  read(): Promise<Uint8Array | null>;
  /** Resolves when all of `bytes` is accepted: this is the back-pressure. */
  write(bytes: Uint8Array): Promise<void>;
  /** Sends FIN; reading goes on. */
  closeWrite(): Promise<void>;
  /** Closes both ways and wakes whoever waits. Idempotent. */
  close(): void;
  /** Closes with RST, so that an abrupt end is passed on as one. Idempotent. */
  reset(): void;
  /** Has the kernel probe a silent peer from now on, so that one that vanished is noticed. */
  keepAlive(): void;
}

/**
 * How a peer has left: it has finished and all it sent was read; it has finished, but something is unread, so that it may wait for
 * an answer to that; the connection is broken.
 */
export type Leaving = "end" | "half-close" | "reset";

/** A connection that somebody else has begun, and may give up while nobody reads it. */
export interface AcceptedSocket extends Socket {
  /**
   * Calls `left` when the peer leaves, at once if it has, and again when it leaves for good: that takes no read(), which finds all
   * that comes meanwhile. The returned function calls that off.
   */
  onLeft(left: (how: Leaving) => void): () => void;
  readonly own?: OwnConnection | undefined;
}

/** What a client has itself that may lead where it wants to go, in place of a connection of ours. */
export interface OwnConnection {
  /** Connects it; undefined where it cannot be connected there, or is in use. Rejects with NetError. */
  connect(addr: SocketAddr, cut?: Cut): Promise<Socket> | undefined;
}

/** Takes connections. */
export interface Listener {
  /** Where it listens, the port resolved. */
  readonly addr: SocketAddr;
  /** The next connection, or null once closed. */
  accept(): Promise<AcceptedSocket | null>;
  /** Takes no more; those that wait are closed. Idempotent. */
  close(): void;
}

/** What a UDP socket sends and receives. */
export interface Datagram {
  /** What it carries. */
  readonly bytes: Uint8Array;
  /** Where it came from, or goes to. */
  readonly addr: SocketAddr;
}

/** A UDP socket. Batches, so that recvmmsg and sendmmsg fit behind it. */
export interface UdpSocket {
  /** Where it is bound, the port resolved. */
  readonly addr: SocketAddr;
  /** What has come, at least one, or null once closed. The views are valid until the next receive(). */
  receive(): Promise<readonly Datagram[] | null>;
  /**
   * Hands the batch to the kernel; the views must stay as they are until it resolves. What the kernel refuses is lost,
   * as UDP may; the number lost is the result.
   */
  send(batch: readonly Datagram[]): Promise<number>;
  /** Wakes whoever receives. Idempotent. */
  close(): void;
}

/** Bytes a relay has moved so far, readable while it runs. */
export interface ByteCounts {
  /** From the client to the destination. */
  up: number;
  /** From the destination to the client. */
  down: number;
}

/** How a relay ended: both directions at their end, no byte for idleMs, a reset, or another failure. */
export type RelayEnd = "end" | "idle" | "reset" | "error";

/** Keeps a relay to a rate. */
export interface Throttle {
  /** Notes so many bytes in that direction; how long to rest before more of them are read (ms), 0 for not at all. */
  take(direction: keyof ByteCounts, bytes: number): number;
}

/** Changes what one side says first; what comes after that goes to the other as it is. */
export interface Preface {
  /** Whether all that is changed has passed. */
  readonly done: boolean;
  /** Whether the other is not told, while this is not done, that this side has said all. */
  readonly holdsEnd?: boolean;
  /** So many octets that come next go on as they are: whoever moves them without a look says so by passed(). None where undefined. */
  readonly room?: number;
  /** Told of octets that went on without a look. */
  passed?(size: number): void;
  /** What goes to the other for these octets and those before; it may keep them, and say nothing yet. */
  take(chunk: Uint8Array): Uint8Array<ArrayBuffer>;
  /** What goes to the other where this side has said all before it was done. */
  end(): Uint8Array<ArrayBuffer>;
}

/** For what the client says, and for what the destination does. */
export type Prefaces = { readonly [K in keyof ByteCounts]?: Preface | undefined };

/** How a relay runs. */
export interface RelayOptions {
  /** Ends the relay when no byte has moved in either direction for so long (ms). */
  readonly idleMs: number;
  /** Counted up while it runs. */
  readonly counts: ByteCounts;
  /** What the client has sent before the relay begins; it goes to the destination first. */
  readonly early?: Uint8Array | undefined;
  /** What the destination has sent before the relay begins; it goes to the client first. */
  readonly ahead?: Uint8Array | undefined;
  /** `early` and `ahead` are among what it changes. */
  readonly preface?: Prefaces | undefined;
  /** None where undefined. */
  readonly throttle?: Throttle | undefined;
}

/** By what a socket leaves this machine, where not the system chooses. */
export interface Exit {
  /** An address of this machine to leave from. */
  readonly localAddr?: string | undefined;
  /** That is on no interface, but a route leads it here (IP_FREEBIND): Linux engine, and connections on Bun. */
  readonly freeBind?: boolean | undefined;
  /** SO_BINDTODEVICE; Linux engine only, as below, and in place of what the engine has for all. */
  readonly device?: string | undefined;
  /** SO_MARK. */
  readonly mark?: number | undefined;
  /** Is taken where nothing of the above is said; Linux engine only. */
  readonly own?: OwnConnection | undefined;
}

/** How a connection is made. */
export interface ConnectOptions extends Exit {
  /** Gives it up when it is made. */
  readonly cut?: Cut | undefined;
}

/** How a listener is made. */
export interface ListenOptions {
  /** Lets other listeners of this user share the address; the kernel spreads the clients (SO_REUSEPORT). */
  readonly reusePort?: boolean;
  /**
   * A descriptor of this process that listens there already, from which others may accept too. Linux engine only, which wants one
   * for a unix socket.
   */
  readonly descriptor?: number | undefined;
  /** Of a unix socket's file: who may connect. */
  readonly mode?: number | undefined;
  /** Where other listeners take over. */
  readonly successors?: Successors | undefined;
  /** Whether who comes here may have descriptors that are kept from clients: whoever looks after the program. */
  readonly spare?: boolean;
  /** By what those who come here are answered; `addr` says from where. */
  readonly exit?: Exit | undefined;
}

/** Listeners that take an address over: new connections go to those that joined `past` so many (Linux engine only). */
export interface Successors {
  /** So many listeners were there before. */
  readonly past: number;
  /** How many they will be. */
  readonly among: number;
}

/** The sockets of a runtime. */
export interface Net {
  /** Whether connect() can take a localAddr. */
  readonly bindsConnections: boolean;
  /** Port 0 is any. Rejects with NetError. */
  listen(addr: SocketAddr, options?: ListenOptions): Promise<Listener>;
  /** To an address, not a name. Rejects with NetError. */
  connect(addr: SocketAddr, options?: ConnectOptions): Promise<Socket>;
  /** `addr` says from where it leaves, and `exit` the rest. */
  bindUdp(addr: SocketAddr, exit?: Exit, options?: Pick<ListenOptions, "reusePort">): Promise<UdpSocket>;
  /** Moves bytes both ways until it ends; both sockets are closed when it resolves. Never rejects. */
  relay(client: Socket, destination: Socket, options: RelayOptions): Promise<RelayEnd>;
  /** The local address the kernel would use towards `host`; undefined where it has no way there. */
  localAddrFor(host: string): Promise<string | undefined>;
  /** Every address of this machine. */
  localAddrs(): readonly string[];
}
