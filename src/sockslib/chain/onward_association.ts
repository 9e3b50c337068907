import type { SocketAddr } from "../../net/socket.ts";

/** A payload and the header that says where it goes (RFC 1928 s7). */
export interface HeadedPayload {
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/** A UDP association with the last gateway of a chain, whichever way datagrams travel there. */
export interface OnwardAssociation {
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  readonly closed: boolean;
  /** Where datagrams go first. */
  readonly remoteAddr: SocketAddr;
  /** Sends what has a header for its destination; resolves with the number lost. */
  send(batch: readonly HeadedPayload[]): Promise<number>;
  /** What has come, each with the header of where from, or null at the end. The views are valid until the next receive(). */
  receive(): Promise<readonly Uint8Array[] | null>;
  close(): void;
}
