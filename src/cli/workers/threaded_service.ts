import { availableParallelism } from "node:os";
import { textWithoutRules } from "../files/load_config.ts";
import { systemLookups } from "../service/system_lookups.ts";
import type { Emit } from "../../events.ts";
import { Counters, countersMemory } from "../../gateway/limits/counters.ts";
import { Logins } from "../../gateway/users/logins.ts";
import { isUdp, purposeOf } from "../../gateway/settings.ts";
import { methodsAt } from "../../gateway/entrance/access.ts";
import { ProbeTurns } from "../../gateway/upstreams/probe_turns.ts";
import type { Kernel } from "../../net/kernel/features.ts";
import { systemClock } from "../../net/clock.ts";
import { findLibssl, type FoundLibssl } from "../../net/linux/tls/libssl.ts";
import { openAuthority } from "../authority/authority.ts";
import { gssLoader, libraryOpener, openNet } from "../../net/open.ts";
import type { SocketAddr, Successors } from "../../net/socket.ts";
import { type Claim, ClaimedPorts } from "./claimed_ports.ts";
import { addressText } from "../../protocol/address.ts";
import { countListeners } from "../../net/kernel/sockets/reuseport.ts";
import { log } from "../log/log.ts";
import { socketOptions } from "../service/socket_options.ts";
import { checkWaysOut, waysOutOf } from "../service/ways_out.ts";
import { hashThreads } from "../service/threads/hash_threads.ts";
import { askingThreads, checkInitiator } from "../service/threads/gss_asking.ts";
import { checkAcceptor } from "../service/gss_source.ts";
import { openNaming } from "../service/naming.ts";
import { countedUsers, type Service, type Wanted } from "../service/service.ts";
import type { QuotaLedger } from "../quotas/quota_ledger.ts";
import type { Activation } from "../systemd/activation.ts";
import { connectsByTls, openTlsSource, speaksTls, type TlsSource } from "../service/tls/tls_source.ts";
import { runtime } from "../version.ts";
import { sealedOptions } from "../service/tls/sealed_options.ts";
import { wallClock } from "../service/wall_clock.ts";
import { Router } from "../router/router.ts";
import type { ThreadAhead } from "./messages/thread_ahead.ts";
import type { Provision } from "./provision.ts";
import type { Listening } from "./messages/worker_messages.ts";
import { WorkerPool } from "./worker_pool.ts";

/**
 * Gateways on the Linux engine, one per core or as many as configured; the first uses the thread `ahead`, if given.
 * `haste` is the wall clock's. `first` returns the first configuration: a parameter would keep rules that a
 * reload has replaced. Rejects with NetError.
 */
export async function startThreadedService(
  { libc, features }: Kernel,
  entry: URL,
  first: () => Wanted,
  otherListeners: readonly SocketAddr[],
  activation: Activation,
  emit: Emit,
  haste: number,
  quotas?: QuotaLedger,
  ahead?: ThreadAhead,
): Promise<Service> {
  const net = await openNet();
  const ports = new ClaimedPorts(libc, socketOptions(first().config), activation);
  const count = first().config.workers ?? availableParallelism();
  const memory = countersMemory(count + 1, (size) => new SharedArrayBuffer(size));
  const logins = loginsBeside(count, memory);
  const open = await libraryOpener();
  let found: FoundLibssl | undefined;
  const openGss = await gssLoader();
  const takeStep = askingThreads(entry, openGss);

  const router = new Router(first().config, {
    libc,
    net,
    workers: count,
    fault: (error) => emit({ type: "fault", error }),
  });

  /** Calls `use` with what workers need for `wanted`; releases all of it if `use` fails. */
  const provide = async (
    wanted: Wanted,
    use: (provision: Provision) => Promise<void>,
    shared = false,
  ) => {
    const { config, rules, users, tls } = wanted;
    await checkWaysOut({ net, libc, hasRights: true }, waysOutOf(config, rules.index.shapes));
    const naming = openNaming(config, { net, clock: systemClock, dnsCa: tls.dnsCa, system: systemLookups() });
    const { authenticator, close: closeAuthority } = openAuthority(config, users, logins);
    let source: TlsSource | undefined, claim: Claim | undefined;
    let names: Awaited<ReturnType<typeof router.claim>> | undefined;
    const close = () => {
      naming.close();
      source?.close();
      closeAuthority();
    };
    try {
      checkAcceptor(config, openGss); // workers would fail the same way
      checkInitiator(config, rules.index.shapes.flatMap(({ via }) => via ? [via] : []), openGss);
      const { shapes } = rules.index;
      if (speaksTls(config, shapes)) found ??= findLibssl(open);
      const sealed = found && sealedOptions(found.libssl, tls, connectsByTls(config, shapes));
      source = await openTlsSource(tls, sealed !== undefined);
      claim = await ports.claim(config, shared);
      const chains = [
        ...rules.index.shapes.map(({ via }) => via ?? []),
        ...config.upstreams.flatMap(({ chains }) => chains),
      ];
      names = await router.claim(config, chains.flat());
      await use({
        setup: {
          config: textWithoutRules(wanted),
          rules,
          listen: claim.listen,
          otherListeners,
          countedUsers: countedUsers(wanted),
          tls: sealed,
          probes: ProbeTurns.memory(),
        },
        naming: { ...naming, close },
        source,
        authenticator,
        takeStep,
      });
    } catch (error) {
      names?.abandon();
      claim?.abandon();
      close();
      throw error;
    }
    claim.apply();
    names.apply(naming.resolver);
    for (const { addr, tls, only } of claim.listen) {
      if (known.has(addr)) continue;
      emit({
        type: "listening",
        addr,
        tls,
        udp: isUdp(only),
        purpose: purposeOf(only),
        methods: methodsAt(config.gateway.access, { listener: addressText(addr), only }, {
          password: authenticator !== undefined,
          gssapi: config.gssapiKeytab !== undefined,
          gssapiFirst: config.gateway.gssapiFirst,
        }),
      });
    }
    known = new Set(claim.listen.map(({ addr }) => addr));
  };

  const takesOver = first().config.takeOver !== undefined;
  let known: ReadonlySet<SocketAddr> = new Set();
  let pool!: WorkerPool;
  await provide(first(), async (provision) => {
    const successors = takesOver ? successorsAt(provision.setup.listen, count) : undefined;
    const clock = { ...systemClock, now: wallClock(haste).now }; // `haste` does not shorten the deadlines of workers
    const { table } = router;
    pool = await WorkerPool.start(
      { libc, entry, count, counters: memory, names: table, emit, quotas, clock, haste, ahead },
      provision,
      successors,
    );
    const without = Object.entries(features).flatMap(([feature, there]) => there ? [] : feature).join(",");
    const { tls } = provision.setup;
    const spoken = tls ? found!.name : speaksTls(first().config, first().rules.index.shapes) && runtime;
    log.info("engine linux", { workers: count, ...without && { without }, ...spoken && { tls: spoken } });
  }, takesOver);
  await router.lead();
  quotas?.onChange((usedUp) => void pool.tellQuotas(usedUp));
  return {
    engine: "linux",
    workers: count,
    get addrs() {
      return pool.addrs;
    },
    get sessionCount() {
      return pool.sessionCount;
    },
    upstreams: pool.upstreams,
    get dnsServers() {
      return pool.dnsServers;
    },
    names: () => router.figures,
    vitals: () => pool.vitals(),
    metrics: () => pool.metrics(),
    activity: (sessions) => pool.activity(sessions),
    endSessions: (unwanted) => pool.endSessions(unwanted),
    reload: async (wanted) => {
      await provide(wanted, (provision) => pool.reload(provision));
      quotas?.configure(wanted.config.gateway.userQuotas);
      await router.leadAgain();
    },
    cutRest: () => pool.cutRest(),
    drain: async (deadlineMs, handedOver = false) => {
      const drained = pool.drain(deadlineMs);
      ports.release();
      router.hush();
      await drained;
      router.end(handedOver);
    },
  };
}

/** Logins of the main thread beside `workers` workers. They read its counters, so it uses the clock that threads share. */
export function loginsBeside(workers: number, memory: SharedArrayBuffer): Logins {
  return new Logins({ clock: wallClock(1), counters: new Counters(memory, workers), check: hashThreads() });
}

/** Listeners of another program that `workers` take over, by address. */
function successorsAt(listen: readonly Listening[], workers: number): ReadonlyMap<string, Successors> {
  const counted = listen.filter(({ descriptor, only }) => descriptor === undefined && !isUdp(only))
    .map(({ addr }) => [addressText(addr), { past: countListeners(addr), among: workers }] as const);
  return new Map(counted.filter(([, { past }]) => past > 0));
}
