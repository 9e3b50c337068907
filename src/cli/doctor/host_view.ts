import type { ServerState } from "../../dns/servers/dns_probe.ts";
import type { NetErrorKind } from "../../net/error.ts";
import type { KernelFeatures } from "../../net/kernel/features.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** The result of a lookup. */
export interface NameAnswer {
  readonly ms: number;
  /** Empty if the name does not exist. */
  readonly hosts: readonly string[];
  /** Why the lookup failed. */
  readonly failure?: string;
}

/** A process that listens on an address. */
export interface Holder {
  readonly pid: number;
  readonly name: string;
}

/** All that the doctor sees of a host, so that tests can replace it. */
export interface HostView {
  /** As `process.platform`. */
  readonly platform: string;
  readonly runtime: string;
  /** Ms since 1970. */
  readonly now: number;
  readonly root: boolean;
  /** Every address of this machine. */
  readonly addrs: readonly string[];
  /** Undefined if libc cannot be called. */
  readonly kernel: KernelFeatures | undefined;
  /** The OpenSSL that TLS can use, as "libssl.so.3 (OpenSSL 3.0.17)"; undefined if none can be loaded. */
  readonly libssl: string | undefined;
  /** The text of a file; undefined if it cannot be read. */
  read(path: string): string | undefined;
  exists(path: string): boolean;
  /** Permissions, as 0o644; undefined if the file or its mode is not available. */
  mode(path: string): number | undefined;
  /** Why clients cannot authenticate by GSSAPI; undefined if they can. */
  cannotAccept(): string | undefined;
  /** Why a file cannot be written; undefined if it can. */
  cannotWrite(path: string): string | undefined;
  /** The local address that routing selects for `host`; no packet is sent. */
  wayTo(host: string): Promise<string | undefined>;
  /** Asks the resolvers of the configuration. */
  resolve(name: string): Promise<NameAnswer>;
  /** The configured DNS servers. */
  readonly servers: readonly { readonly name: string; probe(): Promise<ServerState> }[];
  /** Why listening on that address fails, for datagrams with `udp`; undefined if it works. */
  cannotListen(addr: SocketAddr, udp?: boolean): Promise<NetErrorKind | undefined>;
  /** Undefined if the process cannot be found. */
  holder(addr: SocketAddr, udp?: boolean): Holder | undefined;
  /** Why a connection to it fails; undefined if it works. Called only with --online. */
  cannotConnect(addr: SocketAddr): Promise<string | undefined>;
}
