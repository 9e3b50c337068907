import type { Cut } from "./cut.ts";

/** The socket adapter: everything above it uses these interfaces and no runtime. Every failure is a NetError. */

/** An IP literal, canonical, IPv4-mapped IPv6 unwrapped, and a port. */
export interface SocketAddr {
  /** The address, or a name where a client takes one. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
  /** The interface of a link-local address, by name or number (RFC 4007 s11). Rules ignore it. */
  readonly zone?: string;
  /** Path of a unix socket, or @name for an abstract one; its clients count as 127.0.0.1. */
  readonly unix?: string;
}

export function unixAddr(path: string): SocketAddr {
  return { host: "127.0.0.1", port: 0, unix: path };
}

/** Result of a write() that the system accepted at once, as it nearly always does: callers need not wait for it. */
export const accepted: Promise<void> = Promise.resolve();

/** A connected TCP socket. One read() and one write() may run at a time. */
export interface Socket {
  /** Address of this end. */
  readonly localAddr: SocketAddr;
  /** Address of the other end. */
  readonly remoteAddr: SocketAddr;
  /** The next bytes, or null at the end or after close(). The view is valid until the next read(). */
  read(): Promise<Uint8Array | null>;
  /** Resolves when all of `bytes` is accepted (back-pressure). */
  write(bytes: Uint8Array): Promise<void>;
  /** Sends FIN; reading continues. */
  closeWrite(): Promise<void>;
  /** Closes both directions and wakes waiting calls. Idempotent. */
  close(): void;
  /** Closes with RST, to pass on an abrupt end. Idempotent. */
  reset(): void;
  /** Enables keepalive probes, so that a vanished peer is noticed. */
  keepAlive(): void;
}

/**
 * How a peer has left: finished, with everything read; finished, with unread octets, to which it may still expect an
 * answer; or the connection is broken.
 */
export type Leaving = "end" | "half-close" | "reset";

/** An accepted connection, which the client may close while it is not read. */
export interface AcceptedSocket extends Socket {
  /**
   * Calls `left` when the peer leaves, at once if it has, and again when the connection breaks. It consumes no octets. The
   * returned function removes the listener.
   */
  onLeft(left: (how: Leaving) => void): () => void;
  /** The connection that its client waits in, if it can be connected itself (`gate46 run` by seccomp). */
  readonly own?: OwnConnection | undefined;
}

/** What a client has itself that may lead where it wants to go, in place of a connection of ours. */
export interface OwnConnection {
  /** Connects it; undefined where it cannot be connected there, or is in use. Rejects with NetError. */
  connect(addr: SocketAddr, cut?: Cut): Promise<Socket> | undefined;
}

/** Accepts connections. */
export interface Listener {
  /** Its address, with the actual port. */
  readonly addr: SocketAddr;
  /** The next connection, or null once closed. */
  accept(): Promise<AcceptedSocket | null>;
  /** Stops accepting; queued connections are closed. Idempotent. */
  close(): void;
}

/** A datagram of a UDP socket. */
export interface Datagram {
  /** The payload. */
  readonly bytes: Uint8Array;
  /** Source or destination. */
  readonly addr: SocketAddr;
}

/** A UDP socket, with batches for recvmmsg and sendmmsg. */
export interface UdpSocket {
  /** Its address, with the actual port. */
  readonly addr: SocketAddr;
  /** Received datagrams, at least one, or null once closed. The views are valid until the next receive(). */
  receive(): Promise<readonly Datagram[] | null>;
  /**
   * Hands the batch to the kernel; the views must stay as they are until it resolves. Datagrams that the kernel refuses are
   * dropped; the result is their number.
   */
  send(batch: readonly Datagram[]): Promise<number>;
  /** Closes it and wakes receive(). Idempotent. */
  close(): void;
}

/** Bytes a relay has moved so far, readable while it runs. */
export interface ByteCounts {
  /** From the client to the destination. */
  up: number;
  /** From the destination to the client. */
  down: number;
}

/** How a relay ended: both directions finished, no byte for idleMs, a reset, or another failure. */
export type RelayEnd = "end" | "idle" | "reset" | "error";

/** Limits a relay's rate. */
export interface Throttle {
  /** Counts bytes in that direction; returns the pause before the next read (ms), 0 for none. */
  take(direction: keyof ByteCounts, bytes: number): number;
}

/** Changes the first octets of one side; later octets pass unchanged. */
export interface Preface {
  /** True once all changes are done. */
  readonly done: boolean;
  /** True to hold back this side's end until the changes are done. */
  readonly holdsEnd?: boolean;
  /** Number of next octets that pass unchanged; report them by passed() if they are moved without a look. Undefined for none. */
  readonly room?: number;
  /** Called for octets that were moved without a look. */
  passed?(size: number): void;
  /** The octets to send for these and earlier ones; it may keep them and return none. */
  take(chunk: Uint8Array): Uint8Array<ArrayBuffer>;
  /** The octets to send if this side ended before it was done. */
  end(): Uint8Array<ArrayBuffer>;
}

/** One for the client's octets, one for the destination's. */
export type Prefaces = { readonly [K in keyof ByteCounts]?: Preface | undefined };

/** Options of a relay. */
export interface RelayOptions {
  /** Idle timeout: no byte in either direction (ms). */
  readonly idleMs: number;
  /** Updated while it runs. */
  readonly counts: ByteCounts;
  /** Octets of the client from before the relay; they are sent to the destination first. */
  readonly early?: Uint8Array | undefined;
  /** Octets of the destination from before the relay; they are sent to the client first. */
  readonly ahead?: Uint8Array | undefined;
  /** `early` and `ahead` are changed too. */
  readonly preface?: Prefaces | undefined;
  /** Undefined for none. */
  readonly throttle?: Throttle | undefined;
}

/** The source of a socket, if the system does not choose it. */
export interface Exit {
  /** Source address. */
  readonly localAddr?: string | undefined;
  /** True for an address that is on no interface but routed here (IP_FREEBIND): Linux engine, and connections on Bun. */
  readonly freeBind?: boolean | undefined;
  /** SO_BINDTODEVICE; Linux engine only, as below, and in place of what the engine has for all. */
  readonly device?: string | undefined;
  /** SO_MARK. */
  readonly mark?: number | undefined;
  /** Is taken where nothing of the above is said; Linux engine only. */
  readonly own?: OwnConnection | undefined;
}

/** Options of a connection. */
export interface ConnectOptions extends Exit {
  /** Cancels the attempt. */
  readonly cut?: Cut | undefined;
}

/** Options of a listener. */
export interface ListenOptions {
  /** Lets other listeners of this user share the address; the kernel spreads the clients (SO_REUSEPORT). */
  readonly reusePort?: boolean;
  /**
   * An already listening descriptor of this process, from which others may accept too. Linux engine only, which requires one
   * for a unix socket.
   */
  readonly descriptor?: number | undefined;
  /** Mode of a unix socket's file. */
  readonly mode?: number | undefined;
  /** For listeners that take over. */
  readonly successors?: Successors | undefined;
  /** True to let its clients use reserved descriptors: for operators. */
  readonly spare?: boolean;
  /** The source of answers to its clients; `addr` has the address. */
  readonly exit?: Exit | undefined;
}

/** Listeners that take over an address: new connections go to those that joined after `past` others (Linux engine only). */
export interface Successors {
  /** Number of earlier listeners. */
  readonly past: number;
  /** Number of new listeners. */
  readonly among: number;
}

/** The sockets of a runtime. */
export interface Net {
  /** True if connect() supports localAddr. */
  readonly bindsConnections: boolean;
  /** Port 0 is any. Rejects with NetError. */
  listen(addr: SocketAddr, options?: ListenOptions): Promise<Listener>;
  /** Connects to an address, not a name. Rejects with NetError. */
  connect(addr: SocketAddr, options?: ConnectOptions): Promise<Socket>;
  /** `addr` is its source address, `exit` the other options. */
  bindUdp(addr: SocketAddr, exit?: Exit, options?: Pick<ListenOptions, "reusePort">): Promise<UdpSocket>;
  /** Moves bytes both ways until it ends; both sockets are closed when it resolves. Never rejects. */
  relay(client: Socket, destination: Socket, options: RelayOptions): Promise<RelayEnd>;
  /** The local address that the kernel would use towards `host`; undefined without a route. */
  localAddrFor(host: string): Promise<string | undefined>;
  /** Every address of this machine. */
  localAddrs(): readonly string[];
}
