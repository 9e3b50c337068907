import type { SocketAddr } from "../../../src/net/socket.ts";
import { type Program, source, start } from "../program/program.ts";

/** A gateway on both loopback addresses that may relay to both. */
export interface LoopbackGateway {
  readonly gateway: Program;
  /** Its IPv4 listener. */
  readonly v4: SocketAddr;
  /** Relay type, where the client goes, and the destination's host. */
  readonly relayTypes: readonly (readonly [type: string, listener: SocketAddr, host: string])[];
}

export async function startOnLoopback(...flags: readonly string[]): Promise<LoopbackGateway> {
  const gateway = await start(source, [
    "--listen=127.0.0.1:0",
    "--listen=[::1]:0",
    "--allow=127.0.0.0/8",
    "--allow=::1",
    ...flags,
  ]);
  const [v4, v6] = gateway.addrs as [SocketAddr, SocketAddr];
  const relayTypes = [["A", v4, "127.0.0.1"], ["B", v4, "::1"], ["C", v6, "127.0.0.1"], ["D", v6, "::1"]] as const;
  return { gateway, v4, relayTypes };
}
