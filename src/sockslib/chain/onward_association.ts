import type { SocketAddr } from "../../net/socket.ts";

/** A payload and the header with its destination (RFC 1928 s7). */
export interface HeadedPayload {
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/** A UDP association with the last gateway of a chain, by any transport. */
export interface OnwardAssociation {
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  readonly closed: boolean;
  /** The first hop of datagrams. */
  readonly remoteAddr: SocketAddr;
  /** Sends datagrams that have a header for their destination; resolves with the number dropped. */
  send(batch: readonly HeadedPayload[]): Promise<number>;
  /** Received datagrams, each with the header of its source, or null at the end. The views are valid until the next receive(). */
  receive(): Promise<readonly Uint8Array[] | null>;
  close(): void;
}
