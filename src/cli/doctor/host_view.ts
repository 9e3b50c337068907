import type { ServerState } from "../../dns/servers/dns_probe.ts";
import type { NetErrorKind } from "../../net/error.ts";
import type { KernelFeatures } from "../../net/kernel/features.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** What asking for a name came to. */
export interface NameAnswer {
  readonly ms: number;
  /** None where there is no such name. */
  readonly hosts: readonly string[];
  /** Why nobody could tell. */
  readonly failure?: string;
}

/** Who listens somewhere. */
export interface Holder {
  readonly pid: number;
  readonly name: string;
}

/** All that the doctor sees of a host, so that tests can show it another. */
export interface HostView {
  /** As `process.platform`. */
  readonly platform: string;
  readonly runtime: string;
  /** Ms since 1970. */
  readonly now: number;
  readonly root: boolean;
  /** Every address of this machine. */
  readonly addrs: readonly string[];
  /** Undefined where libc cannot be called. */
  readonly kernel: KernelFeatures | undefined;
  /** The OpenSSL that TLS can be spoken with, as "libssl.so.3 (OpenSSL 3.0.17)"; undefined where none can be called. */
  readonly libssl: string | undefined;
  /** The text of a file; undefined where it cannot be read. */
  read(path: string): string | undefined;
  exists(path: string): boolean;
  /** Permissions, as 0o644; undefined where there are none. */
  mode(path: string): number | undefined;
  /** Why nobody could be let in by GSSAPI; undefined where they can. */
  cannotAccept(): string | undefined;
  /** Why a file cannot be written; undefined where it can. */
  cannotWrite(path: string): string | undefined;
  /** The local address that routing gives towards `host`; nothing is sent. */
  wayTo(host: string): Promise<string | undefined>;
  /** Asks whoever resolves names by the configuration. */
  resolve(name: string): Promise<NameAnswer>;
  /** The DNS servers that are configured. */
  readonly servers: readonly { readonly name: string; probe(): Promise<ServerState> }[];
  /** Why nobody could listen there now, for datagrams where it is of `udp`; undefined where one could. */
  cannotListen(addr: SocketAddr, udp?: boolean): Promise<NetErrorKind | undefined>;
  /** Undefined where it is not to be found out. */
  holder(addr: SocketAddr, udp?: boolean): Holder | undefined;
  /** Why it cannot be connected to, undefined where it can; only where somebody asked for that. */
  cannotConnect(addr: SocketAddr): Promise<string | undefined>;
}
