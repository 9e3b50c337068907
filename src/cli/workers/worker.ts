import { receiveMessageOnPort } from "node:worker_threads";
import { ActivityLog, isUnwanted } from "../../admin/activity.ts";
import { Metrics } from "../../admin/metrics.ts";
import { ThreadWatch } from "../../admin/thread_watch.ts";
import type { Config } from "../../config/config.ts";
import { type Ear, heardLookup } from "../../dns/asked.ts";
import type { DnsReply } from "../../dns/servers/message.ts";
import type { Resolver } from "../../dns/resolver.ts";
import type { Transport } from "../../dns/servers/transport.ts";
import type { Event } from "../../events.ts";
import { Gateway } from "../../gateway/gateway.ts";
import { Counters } from "../../gateway/limits/counters.ts";
import { packedSize } from "../../gateway/rules/packed_rules.ts";
import { Failures } from "../../gateway/limits/failures.ts";
import type { Verdict } from "../../gateway/entrance/methods.ts";
import { PathMemory } from "../../gateway/dial/path_memory.ts";
import { ProbeTurns } from "../../gateway/upstreams/probe_turns.ts";
import type { Cut } from "../../net/cut.ts";
import { netError } from "../../net/error.ts";
import { DescriptorOwners } from "../../net/linux/engine/descriptor_owners.ts";
import { Engine } from "../../net/linux/engine/engine.ts";
import { linuxNet } from "../../net/linux/linux_net.ts";
import { addressText } from "../../protocol/address.ts";
import { giveThreadTo, memoryCollector, openKernel } from "../../net/open.ts";
import { Departures } from "../../net/tls/tls_socket.ts";
import { gatewayContext } from "../service/composition.ts";
import { parseConfigText } from "../files/load_config.ts";
import { askingUsers } from "./asking_users.ts";
import { systemFiles } from "../files/system_files.ts";
import { Exchange } from "./exchange.ts";
import { emittingEar, openNaming } from "../service/naming.ts";
import { lostLogLines, startLog, stopLog } from "../log/log.ts";
import { socketOptions } from "../service/socket_options.ts";
import { tlsBy } from "../service/tls_source.ts";
import { remoteTls } from "./tls_threads.ts";
import { wallClock } from "../service/wall_clock.ts";
import {
  type FromWorker,
  type Order,
  PULSE_MS,
  type Question,
  type Setup,
  type ToWorker,
  type WorkerStart,
} from "./worker_messages.ts";

/** What a worker asks, but for the configuration that it is about. */
type Asking = Question extends infer Q ? Q extends unknown ? Omit<Q, "generation"> : never : never;

/**
 * Rules of so many octets are looked for when they are not needed any more, so long (ms) after: a thread with little to do
 * would keep them for itself, and so for all.
 */
const LARGE = 256 << 10, COLLECT_MS = 100;

/** Runs a gateway on the Linux engine in this thread, which from then on waits in the kernel only. */
export async function startWorker({ port, number, setup, successors, ...start }: WorkerStart): Promise<void> {
  const { config } = await parseConfigText(setup.config);
  const activity = new ActivityLog();
  const watch = new ThreadWatch(wallClock(start.haste).now);
  const sessions = new BigInt64Array(start.sessions);
  const counters = new Counters(start.counters, number - 1);
  const libc = (await openKernel())!;
  const engine = new Engine(libc, {
    sockets: socketOptions(config),
    busyPollMs: config.busyPoll,
    owners: new DescriptorOwners(start.descriptors, number),
    fault: (error) => emit({ type: "fault", error }),
  });
  const clock = engine.timers;
  const paths = new PathMemory(clock, start.paths);
  const startedAt = clock.now();
  const busyMs = () => clock.now() - startedAt - engine.poller.waitedMs;
  const metrics = new Metrics(activity.sessions, { worker: number, busyMs, lostLogLines: () => lostLogLines() });
  const log = await startLog(config, clock, libc);
  const tell = (message: FromWorker, memory: ArrayBuffer[] = []) => port.postMessage(message, memory);
  const emit = (event: Event) => {
    // What is true of all threads is said once, by the main thread.
    if (event.type === "listening" || event.type === "draining" || event.type === "drained") return;
    activity.listen(event);
    metrics.listen(event);
    watch.listen(event);
    if (event.type === "upstream") return tell({ type: "upstream", event });
    log(event);
    if (event.type === "session-opened") Atomics.add(sessions, number, 1n);
    if (event.type === "session-closed") Atomics.sub(sessions, number, 1n);
  };
  const exchange: Exchange<Question, Order> = new Exchange(tell, (order) => {
    switch (order.type) {
      case "metrics":
        return metrics.snapshot();
      case "activity":
        return activity.activity(clock.now(), order.sessions);
      case "end-sessions":
        return gateway.endSessions((session) => isUnwanted(order.unwanted, session));
      case "reload":
        return inTurn(() => reload(order.setup));
      case "drain":
        return inTurn(() => drain(order.deadlineMs));
    }
  });
  // A reload that is given up, since another worker cannot, is followed by the one that takes it back.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (act: () => Promise<unknown>) => last = last.catch(() => {}).then(act);
  const ear = emittingEar(emit);
  const net = linuxNet(engine);
  const departures = new Departures();
  let lastTls = 0;
  const compose = (setup: Setup, config: Config) => {
    const { generation, rules, asksForPasswords, otherListeners, countedUsers, probes } = setup;
    metrics.nameUsers(countedUsers);
    const asking = (question: Asking, memory?: ArrayBuffer[], cut?: Cut) =>
      exchange.ask({ ...question, generation }, memory, cut);
    const system = remoteSystem(asking, ear);
    // Servers that want TLS are asked by the main thread, as the system is; what they say is kept here.
    const overTls = (place: number): Transport => ({
      name: `DNS server ${place + 1}`,
      ask: (question, cut) => asking({ type: "dns", place, question }, [], cut) as Promise<DnsReply>,
      close: () => {},
    });
    const naming = openNaming(config, { net, clock, system, files: systemFiles(), overTls, ear });
    const users = askingUsers(
      ({ username, password }, client, cut) =>
        asking({ type: "verify", username, password, client }, [], cut) as Promise<Verdict>,
      new Failures(counters, clock, config.gateway),
    );
    return {
      generation,
      large: packedSize(rules) >= LARGE,
      naming,
      context: gatewayContext(config, {
        net,
        clock,
        rules,
        naming,
        authenticator: asksForPasswords ? users : undefined,
        tls: tlsBy(remoteTls(asking, () => ++lastTls), clock, departures),
        ownListeners: () => [...gateway.addrs, ...otherListeners],
        emit,
        counters,
        paths,
        probeTurns: new ProbeTurns(probes),
      }),
    };
  };
  let collect = () => {};
  let current = compose(setup, config);
  const gateway: Gateway = new Gateway(current.context, () => Number(Atomics.add(sessions, 0, 1n)) + 1);
  const reload = async (setup: Setup) => {
    const { config } = await parseConfigText(setup.config);
    const opening = gateway.opening();
    try {
      for (const { addr, ...how } of setup.listen) await opening.listen(addr, { reusePort: true, ...how });
    } catch (error) {
      opening.abandon();
      throw error;
    }
    const former = current;
    current = compose(setup, config);
    opening.apply(current.context, () => {
      former.naming.close();
      tell({ type: "retired", generation: former.generation });
      if (former.large) clock.after(COLLECT_MS, () => collect());
    });
  };
  const drain = async (deadlineMs: number) => {
    const cut = await gateway.drain(deadlineMs);
    stopLog();
    return cut;
  };
  const wakeFd = engine.wakeFd(() => {
    for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) {
      exchange.take(got.message as ToWorker);
    }
  });
  try {
    for (const { addr, ...how } of setup.listen) {
      await gateway.listen(addr, { reusePort: true, ...how, successors: successors.get(addressText(addr)) });
    }
    tell({ type: "listening", wakeFd });
    const pulse = () => {
      tell({ type: "pulse", vitals: watch.vitals });
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

/** The system is asked by the main thread, in turns that all workers share. */
function remoteSystem(
  asking: (question: Asking, memory?: ArrayBuffer[], cut?: Cut) => Promise<unknown>,
  ear: Ear,
): Resolver {
  const resolve: Resolver["resolve"] = (name, cut, asker) =>
    heardLookup(ear, async () => await asking({ type: "resolve", name, asker }, [], cut) as readonly string[]);
  return {
    resolve,
    first: async (...asked) => ({ hosts: await resolve(...asked) }),
    reverse: (address, cut, asker) =>
      heardLookup(ear, async () => await asking({ type: "reverse", address, asker }, [], cut) as string),
  };
}
