import { ActivityLog } from "../admin/activity.ts";
import { Metrics } from "../admin/metrics.ts";
import { systemResolver } from "../dns/system.ts";
import type { Emit, Event } from "../events.ts";
import { Gateway } from "../gateway/gateway.ts";
import { Users } from "../gateway/users.ts";
import { systemClock } from "../net/clock.ts";
import { openNet } from "../net/mod.ts";
import type { SocketAddr } from "../net/socket.ts";
import { gatewayContext } from "./composition.ts";
import { listenAs } from "./listening.ts";
import { checkOutgoing } from "./outgoing.ts";
import { openNaming } from "./names.ts";
import type { Service, Wanted } from "./service.ts";
import { openTlsSource, tlsBy } from "./tls.ts";
import { UpstreamStates } from "./upstream_states.ts";

/** The gateway in this thread, on the runtime's own sockets. Rejects with NetError. */
export async function startLocalService(
  wanted: Wanted,
  otherListeners: () => readonly SocketAddr[],
  log: Emit,
): Promise<Service> {
  const net = await openNet();
  const activity = new ActivityLog();
  const metrics = new Metrics(activity.sessions);
  const upstreams = new UpstreamStates(log);
  const emit = (event: Event) => {
    activity.listen(event);
    metrics.listen(event);
    if (event.type === "reconfigured") upstreams.forget();
    if (event.type === "upstream") upstreams.note(event);
    else log(event);
  };
  const compose = async ({ config, users, tls: files }: Wanted) => {
    await checkOutgoing(net, config.gateway);
    const naming = openNaming(config, { net, clock: systemClock, system: systemResolver() });
    const source = await openTlsSource(files).catch((error) => {
      naming.close();
      throw error;
    });
    const tls = tlsBy(source.open, systemClock);
    const authenticator = users.size > 0 ? new Users(users) : undefined;
    const ownListeners = () => [...gateway.addrs, ...otherListeners()];
    return {
      context: gatewayContext(config, { net, clock: systemClock, naming, authenticator, tls, ownListeners, emit }),
      close: () => {
        naming.close();
        source.close();
      },
    };
  };
  let current = await compose(wanted);
  const gateway: Gateway = new Gateway(current.context);
  for (const spec of wanted.config.listen) await listenAs(spec, (addr) => gateway.listen(addr, { tls: spec.tls }));
  return {
    engine: "portable",
    workers: 1,
    get addrs() {
      return gateway.addrs;
    },
    get sessionCount() {
      return gateway.sessionCount;
    },
    upstreams,
    metrics: metrics.registry,
    activity: (most) => Promise.resolve(activity.activity(systemClock.now(), most)),
    endSession: (id) => Promise.resolve(gateway.endSession(id)),
    async reload(wanted) {
      const next = await compose(wanted);
      const opening = gateway.opening();
      try {
        for (const spec of wanted.config.listen) {
          await listenAs(spec, (addr) => opening.listen(addr, { tls: spec.tls }));
        }
      } catch (error) {
        opening.abandon();
        next.close();
        throw error;
      }
      const former = current;
      current = next;
      opening.apply(next.context, () => former.close());
    },
    async drain(deadlineMs) {
      await gateway.drain(deadlineMs);
      current.close();
    },
  };
}
