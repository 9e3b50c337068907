import { type Address, isUnspecified } from "../../protocol/address.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** A NAT keeps a silent client's port for about this time (30 s on Linux); RFC 4787 s4.3 requires two minutes. */
const SILENT_MS = 30_000;

/**
 * The client's end of an association: the address of its TCP connection, and one port there. It is the port that the client declared
 * (RFC 1928 s6), else the source of the first valid datagram; another port once that one has been silent.
 */
export class ClientEnd {
  readonly #host: string;
  readonly #declared: number | undefined;
  #addr: SocketAddr | undefined;
  #heardAt = 0;

  /** `expected` is DST of the request: its port counts if its address is the client's, or unknown. */
  constructor({ host }: SocketAddr, expected: Address) {
    this.#host = host;
    const says = expected.port !== 0 && (isUnspecified(expected.host) || expected.host === host);
    this.#declared = says ? expected.port : undefined;
  }

  /** The destination of answers; undefined before the first valid datagram. */
  get addr(): SocketAddr | undefined {
    return this.#addr;
  }

  /** True if a valid datagram from `addr` is the client's. */
  admits({ host, port }: SocketAddr, now: number): boolean {
    if (host !== this.#host) return false;
    if (!this.#addr || port === this.#addr.port) return true;
    // A NAT may have replaced the declared port, so another is accepted until a datagram comes from the declared one.
    return port === this.#declared || now - this.#heardAt >= SILENT_MS;
  }

  /** Notes a valid datagram from an admitted `addr`; returns true if a wrong port was taken for the client before. */
  heard(addr: SocketAddr, now: number): boolean {
    this.#heardAt = now;
    const former = this.#addr;
    if (former?.port === addr.port) return false;
    this.#addr = addr;
    return former !== undefined && addr.port === this.#declared;
  }
}
