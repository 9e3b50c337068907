import { randomFillSync } from "node:crypto";
import { clientContext, serverContext, TICKET_KEYS_SIZE } from "../../../net/linux/tls/contexts.ts";
import type { Libssl } from "../../../net/linux/tls/libssl.ts";
import type { SealedOptions } from "../../../net/linux/tls/sealed_tls.ts";
import { log } from "../../log/log.ts";
import type { TlsFiles } from "../../files/tls_files.ts";

/**
 * Options for TLS by libssl in workers. Each call makes new ticket keys: a ticket is valid for all workers of one
 * configuration, but not after a reload. Undefined if libssl rejects a certificate that the runtime may accept (short key).
 */
export function sealedOptions(
  libssl: Libssl,
  { server, ca, identity }: TlsFiles,
  connects: boolean,
): SealedOptions | undefined {
  const ticketKeys = randomFillSync(new Uint8Array(TICKET_KEYS_SIZE));
  try {
    if (server) serverContext(libssl, server, ticketKeys).close();
    if (ca !== undefined || identity) clientContext(libssl, { ca, identity }).close();
    return { server, connects, ca, identity, ticketKeys };
  } catch (error) {
    log.warning("TLS by the runtime, which takes more time: libssl does not take a certificate", {
      reason: (error as Error).message,
    });
    return undefined;
  }
}
