import type { Socket, SocketAddr } from "../../net/socket.ts";
import type { Association } from "../association.ts";
import type { Address } from "../../protocol/address.ts";
import type { Cut } from "../../net/cut.ts";

/** The gateway, or chain of gateways, for the replaced calls. Every failure is a NetError or carries the reply. */
export interface Upstream {
  /**
   * Connects to `destination` on the connection that `lend` makes to the first hop; the lent connection leads there when
   * it resolves, and is closed when it rejects.
   */
  connect<T extends Socket>(
    destination: Address,
    lend: (hop: SocketAddr, cut: Cut) => Promise<T>,
    cut?: Cut,
  ): Promise<T>;
  associate(cut?: Cut): Promise<Association>;
  /** True if the name exists, or if the gateway cannot tell. */
  exists(name: string): Promise<boolean>;
}
