import { Metrics } from "../admin/metrics.ts";
import type { Config } from "../config/config.ts";
import { systemResolver } from "../dns/system.ts";
import type { Emit } from "../events.ts";
import type { PasswordHash } from "../gateway/password_hash.ts";
import { Users } from "../gateway/users.ts";
import { systemClock } from "../net/clock.ts";
import { openNet } from "../net/mod.ts";
import type { SocketAddr } from "../net/socket.ts";
import { composeGateway } from "./composition.ts";
import { listenAs } from "./listening.ts";
import { checkOutgoing } from "./outgoing.ts";
import { openNaming } from "./names.ts";
import type { Service } from "./service.ts";
import { UpstreamStates } from "./upstream_states.ts";

/** The gateway in this thread, on the runtime's own sockets. Rejects with NetError. */
export async function startLocalService(
  config: Config,
  users: ReadonlyMap<string, PasswordHash>,
  otherListeners: () => readonly SocketAddr[],
  log: Emit,
): Promise<Service> {
  const net = await openNet();
  await checkOutgoing(net, config.gateway);
  const metrics = new Metrics();
  const naming = openNaming(config, { net, clock: systemClock, system: systemResolver() });
  const upstreams = new UpstreamStates(log);
  const gateway = composeGateway(config, {
    net,
    clock: systemClock,
    naming,
    authenticator: users.size > 0 ? new Users(users) : undefined,
    otherListeners,
    emit: (event) => {
      if (event.type === "upstream") upstreams.note(event);
      else log(event);
      metrics.listen(event);
    },
  });
  for (const spec of config.listen) await listenAs(spec, (addr) => gateway.listen(addr));
  return {
    get addrs() {
      return gateway.addrs;
    },
    get sessionCount() {
      return gateway.sessionCount;
    },
    upstreams,
    metrics: metrics.registry,
    async drain(deadlineMs) {
      await gateway.drain(deadlineMs);
      naming.close();
    },
  };
}
