import { ActivityLog, isUnwanted } from "../../admin/activity.ts";
import { stepped } from "../../admin/steps.ts";
import { ThreadCounts } from "../../admin/history/thread_counts.ts";
import { Metrics } from "../../admin/metrics.ts";
import { ThreadWatch } from "../../admin/thread_watch.ts";
import { systemFiles } from "../files/system_files.ts";
import { systemLookups } from "./system_lookups.ts";
import type { Emit, Event } from "../../events.ts";
import type { Config } from "../../config/config.ts";
import { Gateway, listenerKey, type Opening } from "../../gateway/gateway.ts";
import { Logins } from "../../gateway/users/logins.ts";
import { QuotaMeter } from "../../gateway/quotas/quota_meter.ts";
import { type Clock, pause, systemClock } from "../../net/clock.ts";
import { gssLoader, openNet } from "../../net/open.ts";
import { initiatorBy } from "../../net/gss/gss_initiator.ts";
import type { QuotaLedger } from "../quotas/quota_ledger.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { Departures } from "../../net/tls/tls_socket.ts";
import { openAuthority } from "../authority/authority.ts";
import { gatewayContext } from "./composition.ts";
import { hashThreads } from "./threads/hash_threads.ts";
import { askingThreads, checkInitiator } from "./threads/gss_asking.ts";
import { acceptorOf, checkAcceptor } from "./gss_source.ts";
import { flagOf, listenAs } from "./listening.ts";
import { checkWaysOut, waysOutOf } from "./ways_out.ts";
import { refuseSystemd } from "./socket_options.ts";
import { Outbox } from "../otlp/outbox.ts";
import { emittingEar, openNaming } from "./naming.ts";
import { countedUsers, type Service, type Wanted } from "./service.ts";
import { openTlsSource, tlsBy } from "./tls/tls_source.ts";
import { UpstreamStates } from "./upstream_states.ts";

/** Interval of reporting this thread's counts (ms). */
const COUNT_MS = 1_000;

/**
 * The gateway in this thread, on the runtime's own sockets. Other threads begin with the module `entry`; `wall` is the clock of
 * its vitals. `first` returns the first configuration: a parameter would keep rules that a reload has replaced.
 * Rejects with NetError.
 */
export async function startLocalService(
  entry: URL,
  first: () => Wanted,
  otherListeners: () => readonly SocketAddr[],
  log: Emit,
  wall: Clock,
  quotas?: QuotaLedger,
): Promise<Service> {
  const net = await openNet();
  const activity = new ActivityLog(systemClock.now);
  const metrics = new Metrics(activity.sessions);
  const watch = new ThreadWatch(wall.now);
  const counts = new ThreadCounts(activity.sessions);
  const outbox = first().config.otlp && new Outbox(first().config);
  const report = () => void (outbox && log({ type: "sessions-reported", ...outbox.take() }));
  const upstreams = new UpstreamStates(log);
  const emit = (event: Event) => {
    activity.listen(event);
    metrics.listen(event);
    watch.listen(event);
    counts.listen(event);
    outbox?.listen(event);
    if (event.type === "reconfigured") upstreams.forget();
    if (event.type === "upstream") upstreams.note(event);
    else log(event);
  };
  const ear = emittingEar(emit);
  const rest = () => pause(systemClock, 0);
  const departures = new Departures();
  const meter = new QuotaMeter();
  if (quotas) meter.usedUp = quotas.usedUp;
  const logins = new Logins({ check: hashThreads() });
  const openGss = await gssLoader();
  const gss = initiatorBy(askingThreads(entry, openGss), openGss);
  const compose = async ({ config, rules, users, tls: files }: Wanted) => {
    await checkWaysOut({ net, libc: undefined, hasRights: true }, waysOutOf(config, rules.index.shapes));
    const naming = openNaming(config, {
      net,
      clock: systemClock,
      dnsCa: files.dnsCa,
      system: systemLookups(ear),
      files: systemFiles(),
      ear,
    });
    const source = await openTlsSource(files).catch((error) => {
      naming.close();
      throw error;
    });
    const gssapi = acceptorOf(config, openGss);
    const close = () => {
      naming.close();
      source.close();
      gssapi?.close();
    };
    try {
      checkAcceptor(config, openGss);
      checkInitiator(config, rules.index.shapes.flatMap(({ via }) => via ? [via] : []), openGss);
    } catch (error) {
      close();
      throw error;
    }
    const tls = tlsBy(source.open, systemClock, departures);
    const { authenticator, close: closeAuthority } = openAuthority(config, users, logins);
    const ownListeners = () => [...gateway.addrs, ...otherListeners()];
    return {
      naming,
      context: gatewayContext(config, {
        net,
        clock: systemClock,
        rules,
        naming,
        authenticator,
        gssapi,
        gss,
        tls,
        ownListeners,
        emit,
        quotas: meter,
      }),
      close() {
        close();
        closeAuthority();
      },
    };
  };
  let current = await compose(first());
  metrics.nameUsers(countedUsers(first()));
  const gateway: Gateway = new Gateway(current.context);
  await listenAll(first().config, gateway);
  const uncount = countEvery(COUNT_MS, wall, (ms) => {
    log({ type: "thread-counted", counts: counts.take(), ms });
    report();
  });
  quotas?.onChange((usedUp) => {
    meter.usedUp = usedUp;
    gateway.endSpentSessions();
  });
  let stopCounting = () => {};
  const count = () => {
    quotas?.add(meter.take());
    stopCounting = wall.after(PULSE_MS, count);
  };
  count();
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
    get dnsServers() {
      return current.naming.servers;
    },
    vitals: () => ({ ...watch.vitals, workers: 1, silentWorkers: 0, hungWorkers: 0, heardAt: wall.now() }),
    metrics: async () => [await stepped(metrics.look(), rest)],
    activity: (sessions) => stepped(activity.look(systemClock.now(), sessions), rest),
    endSessions: (unwanted) => Promise.resolve(gateway.endSessions((session) => isUnwanted(unwanted, session))),
    async reload(wanted) {
      const next = await compose(wanted);
      const opening = gateway.opening();
      try {
        await listenAll(wanted.config, opening);
      } catch (error) {
        opening.abandon();
        next.close();
        throw error;
      }
      const former = current;
      current = next;
      metrics.nameUsers(countedUsers(wanted));
      opening.apply(next.context, () => former.close());
      quotas?.configure(wanted.config.gateway.userQuotas);
    },
    cutRest: () => gateway.cutRest(),
    async drain(deadlineMs) {
      await gateway.drain(deadlineMs);
      uncount();
      report();
      stopCounting();
      quotas?.add(meter.take());
      current.close();
    },
  };
}

/** Calls `then` at intervals, with the time since the last call (ms). Returns a function that stops it. */
function countEvery(everyMs: number, clock: Clock, then: (ms: number) => void): () => void {
  let cancel = () => {};
  const waitFrom = (since: number) => {
    cancel = clock.after(everyMs, () => {
      const now = clock.now();
      then(now - since);
      waitFrom(now);
    });
  };
  waitFrom(clock.now());
  return () => cancel();
}

/** Interval of adding up the traffic of users with a quota (ms). */
const PULSE_MS = 2_000;

/** Rejects with NetError and ConfigError. */
async function listenAll(config: Config, gateway: Pick<Opening, "listen">): Promise<void> {
  refuseSystemd(config);
  const { listen, unixMode: mode } = config;
  const heard = new Set<string>();
  for (const spec of listen) {
    await listenAs(flagOf(spec), spec, async (addr) => {
      const text = addr.port === 0 ? "" : listenerKey(addr, spec.only);
      if (heard.has(text)) return; // written twice
      await gateway.listen(addr, { mode, tls: spec.tls, only: spec.only, wayOut: spec.wayOut });
      if (text) heard.add(text);
    });
  }
}
