import { type Address, isUnspecified } from "../../protocol/address.ts";
import type { SocketAddr } from "../../net/socket.ts";

/** A NAT keeps a port for a silent client about so long (30 s on Linux); RFC 4787 s4.3 wants two minutes. */
const SILENT_MS = 30_000;

/**
 * The client's end of an association: the address of its TCP connection, and one port there. That is the port it has said it
 * will send from (RFC 1928 s6), else the first that a valid datagram came from; another when that one has been silent.
 */
export class ClientEnd {
  readonly #host: string;
  readonly #declared: number | undefined;
  #addr: SocketAddr | undefined;
  #heardAt = 0;

  /** `expected` is DST of the request: its port counts where its address is the client's, or not known. */
  constructor({ host }: SocketAddr, expected: Address) {
    this.#host = host;
    const says = expected.port !== 0 && (isUnspecified(expected.host) || expected.host === host);
    this.#declared = says ? expected.port : undefined;
  }

  /** Where answers go; undefined before a valid datagram has come. */
  get addr(): SocketAddr | undefined {
    return this.#addr;
  }

  /** Whether a datagram from `addr`, if it is valid, is the client's. */
  admits({ host, port }: SocketAddr, now: number): boolean {
    if (host !== this.#host) return false;
    if (!this.#addr || port === this.#addr.port) return true;
    // A NAT may have replaced the port that was declared, so that another is taken until that one is heard.
    return port === this.#declared || now - this.#heardAt >= SILENT_MS;
  }

  /** Notes a valid datagram from an `addr` that is admitted; whether it shows that another was taken for the client. */
  heard(addr: SocketAddr, now: number): boolean {
    this.#heardAt = now;
    const former = this.#addr;
    if (former?.port === addr.port) return false;
    this.#addr = addr;
    return former !== undefined && addr.port === this.#declared;
  }
}
