import type { GatewaySettings } from "../../gateway/settings.ts";
import { NetError, netError } from "../../net/error.ts";
import type { Net } from "../../net/socket.ts";

const cannotBind = "Deno cannot choose the address of a connection; use --engine linux, or Bun";

/** What an adapter cannot do, and what is no address of this machine, is told before anyone relies on it. Rejects with NetError. */
export async function checkOutgoing(net: Net, { outgoing }: GatewaySettings): Promise<void> {
  for (const host of Object.values(outgoing)) {
    if (!net.bindsConnections) {
      throw new NetError("other", `Cannot connect from --outgoing ${host}: ${cannotBind}`);
    }
    try {
      (await net.bindUdp({ host, port: 0 })).close();
    } catch (error) {
      const { kind, message } = netError(error, "bind UDP", host);
      throw new NetError(kind, `Cannot connect from --outgoing ${host}: ${message}`, { cause: error });
    }
  }
}
