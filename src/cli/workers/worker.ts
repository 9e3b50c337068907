import { receiveMessageOnPort } from "node:worker_threads";
import { ActivityLog, isUnwanted } from "../../admin/activity.ts";
import { stepped } from "../../admin/steps.ts";
import { ThreadCounts } from "../../admin/history/thread_counts.ts";
import { Metrics } from "../../admin/metrics.ts";
import { ThreadWatch } from "../../admin/thread_watch.ts";
import type { Event } from "../../events.ts";
import { packedSize } from "../../gateway/rules/packed_rules.ts";
import { PathMemory } from "../../gateway/dial/path_memory.ts";
import { Counters } from "../../gateway/limits/counters.ts";
import { QuotaMeter } from "../../gateway/quotas/quota_meter.ts";
import { netError } from "../../net/error.ts";
import { discardStepped, isStepped } from "../../net/gss/gss_initiator.ts";
import { DescriptorOwners } from "../../net/linux/engine/descriptor_owners.ts";
import { Engine } from "../../net/linux/engine/engine.ts";
import { linuxNet } from "../../net/linux/linux_net.ts";
import { AnnouncedPrefixes } from "../../net/linux/nat64/announced_prefixes.ts";
import { findLibssl } from "../../net/linux/tls/libssl.ts";
import { sealedGround } from "../../net/linux/tls/sealed_tls.ts";
import type { Departures } from "../../net/tls/tls_socket.ts";
import { giveThreadTo, gssLoader, libraryOpener, memoryCollector, openKernel } from "../../net/open.ts";
import { announcedPrefixes } from "../../protocol/ip/pref64.ts";
import { parseConfigText } from "../files/load_config.ts";
import { lostLogLines, startLog, stopLog } from "../log/log.ts";
import { Outbox } from "../otlp/outbox.ts";
import { socketOptions } from "../service/socket_options.ts";
import { wallClock } from "../service/wall_clock.ts";
import { routedDestinations } from "../router/name_table.ts";
import { Exchange } from "./messages/exchange.ts";
import { routing } from "./routing.ts";
import { told } from "./messages/thread_ahead.ts";
import { WorkerGateway } from "./worker_gateway.ts";
import {
  type FromWorker,
  type Order,
  PULSE_MS,
  type Question,
  type Setup,
  type ToWorker,
  type WorkerStart,
} from "./messages/worker_messages.ts";

/**
 * Minimum size of retired rules (octets) for a garbage collection, and its delay (ms): an idle thread would keep shared
 * rules in memory.
 */
const LARGE = 256 << 10, COLLECT_MS = 100;

/** The same in a thread that was started before its configuration was known. */
export async function startAhead(): Promise<void> {
  await startWorker(await told());
}

/** Runs a gateway on the Linux engine in this thread, which from then on waits in the kernel only. */
export async function startWorker({ port, number, setup, successors, ...start }: WorkerStart): Promise<void> {
  const { config } = await parseConfigText(setup.config);
  const watch = new ThreadWatch(wallClock(start.haste).now);
  const sessions = new BigInt64Array(start.sessions);
  const libc = (await openKernel())!;
  const open = await libraryOpener();
  const engine = new Engine(libc, {
    sockets: socketOptions(config),
    busyPollMs: config.busyPoll,
    owners: new DescriptorOwners(start.descriptors, number),
    fault: (error) => emit({ type: "fault", error }),
  });
  const clock = engine.timers;
  const activity = new ActivityLog(() => clock.now());
  const counts = new ThreadCounts(activity.sessions);
  const outbox = config.otlp && new Outbox(config);
  const startedAt = clock.now();
  const quotas = new QuotaMeter();
  quotas.usedUp = start.usedUp;
  const busyMs = () => clock.now() - startedAt - engine.waitedMs;
  const metrics = new Metrics(activity.sessions, { worker: number, busyMs, lostLogLines: () => lostLogLines() });
  const log = await startLog(config, clock, libc);
  const tell = (message: FromWorker, memory: ArrayBuffer[] = []) => port.postMessage(message, memory);
  const emit = (event: Event) => {
    // The main thread reports events of all threads once.
    if (event.type === "listening" || event.type === "draining" || event.type === "drained") return;
    activity.listen(event);
    metrics.listen(event);
    watch.listen(event);
    routed.listen(event);
    counts.listen(event);
    outbox?.listen(event);
    if (event.type === "upstream") return tell({ type: "upstream", event });
    log(event);
    if (event.type === "session-opened") Atomics.add(sessions, number, 1n);
    if (event.type === "session-closed") Atomics.sub(sessions, number, 1n);
  };
  const rest = () => new Promise<void>((resolve) => engine.later(resolve));
  const openGss = await gssLoader(); // modules cannot be loaded once the engine has the thread
  const routed = routing(engine, routedDestinations(start.names, config, { number, workers: start.workers }));
  const exchange: Exchange<Question, Order> = new Exchange(tell, (order) => {
    switch (order.type) {
      case "metrics":
        return stepped(metrics.look(), rest);
      case "activity":
        return stepped(activity.lookAsText(clock.now(), order.sessions), rest);
      case "end-sessions":
        return served.gateway.endSessions((session) => isUnwanted(order.unwanted, session));
      case "quotas":
        quotas.usedUp = order.usedUp;
        return served.gateway.endSpentSessions();
      case "reload":
        return inTurn(() => reload(order.setup));
      case "drain":
        return inTurn(() => drain(order.deadlineMs));
      case "cut-rest":
        return served.gateway.cutRest();
    }
  }, (value) => isStepped(value) && discardStepped(openGss(), value));
  // If a reload fails in another worker, a second reload reverts it.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (act: () => Promise<unknown>) => last = last.catch(() => {}).then(act);
  const ground = {
    net: linuxNet(engine),
    sealing: (departures: Departures) => {
      const found = findLibssl(open);
      return found && sealedGround(engine, found.libssl, departures);
    },
    clock,
    announced: () => AnnouncedPrefixes.open(engine, announcedPrefixes),
    routed,
    quotas,
    counters: new Counters(start.counters, number - 1),
    paths: new PathMemory(clock, start.paths),
    openGss,
    ask: exchange.ask.bind(exchange),
    emit,
    nameUsers: (users: Setup["countedUsers"]) => metrics.nameUsers(users),
    nextSession: () => Number(Atomics.add(sessions, 0, 1n)) + 1,
  };
  const served = new WorkerGateway(ground, setup, config);
  let collect = () => {};
  const reload = async (setup: Setup) => {
    const { config } = await parseConfigText(setup.config);
    await served.reload(setup, config, ({ generation, rules }) => {
      tell({ type: "retired", generation });
      if (packedSize(rules) >= LARGE) clock.after(COLLECT_MS, () => collect());
    });
  };
  const sayHow = () =>
    tell({
      type: "pulse",
      vitals: watch.vitals,
      counts: counts.take(),
      usage: quotas.take(),
      sessions: outbox?.take(),
    });
  const drain = async (deadlineMs: number) => {
    const cut = await served.gateway.drain(deadlineMs);
    sayHow(); // with the traffic of the last sessions
    stopLog();
    return cut;
  };
  const wakeFd = engine.wakeFd(() => {
    for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) {
      exchange.take(got.message as ToWorker);
    }
  });
  try {
    await served.listen(setup.listen, successors);
    tell({ type: "listening", wakeFd });
    const pulse = () => {
      sayHow();
      clock.after(PULSE_MS / start.haste, pulse);
    };
    pulse();
  } catch (error) {
    const { kind, message } = netError(error, "listen", "in a worker");
    return tell({ type: "not-listening", kind, message });
  }
  collect = await memoryCollector();
  await giveThreadTo(engine);
}
