import { Buffer } from "node:buffer";
import { receiveMessageOnPort } from "node:worker_threads";
import { ActivityLog, isUnwanted } from "../../admin/activity.ts";
import { Metrics } from "../../admin/metrics.ts";
import { ThreadWatch } from "../../admin/thread_watch.ts";
import type { Config } from "../../config/config.ts";
import { type Ear, heardLookup } from "../../dns/asked.ts";
import type { DnsReply } from "../../dns/message.ts";
import type { Resolver } from "../../dns/resolver.ts";
import type { SystemFiles } from "../../dns/system_names.ts";
import type { Transport } from "../../dns/transport.ts";
import type { Event } from "../../events.ts";
import { Gateway } from "../../gateway/gateway.ts";
import { Counters } from "../../gateway/limits/counters.ts";
import type { Authenticator } from "../../gateway/methods.ts";
import { KnownPasswords } from "../../gateway/users.ts";
import type { Cut } from "../../net/cut.ts";
import { netError } from "../../net/error.ts";
import { DescriptorOwners } from "../../net/linux/descriptor_owners.ts";
import { Engine } from "../../net/linux/engine.ts";
import { linuxNet } from "../../net/linux/net.ts";
import { addressText } from "../../protocol/address.ts";
import { giveThreadTo, openKernel } from "../../net/mod.ts";
import { Departures } from "../../net/tls_socket.ts";
import { gatewayContext } from "../service/composition.ts";
import { parseConfigText } from "../files/config_file.ts";
import { systemFiles } from "../files/system_files.ts";
import { Exchange } from "./exchange.ts";
import { emittingEar, openNaming } from "../service/names.ts";
import { lostLogLines, startLog, stopLog } from "../log/log.ts";
import { socketOptions } from "../service/socket_options.ts";
import { tlsBy } from "../service/tls.ts";
import { remoteTls } from "./tls_threads.ts";
import { wallMs } from "../service/wall_clock.ts";
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

/** Runs a gateway on the Linux engine in this thread, which from then on waits in the kernel only. */
export async function startWorker(
  { port, number, setup, successors, ...start }: WorkerStart,
  nameFiles: () => SystemFiles | undefined = systemFiles,
): Promise<void> {
  const { config } = await parseConfigText(setup.config);
  const activity = new ActivityLog();
  const watch = new ThreadWatch(wallMs);
  const sessions = new BigInt64Array(start.sessions);
  const counters = new Counters(start.counters, number - 1);
  const engine = new Engine((await openKernel())!, {
    sockets: socketOptions(config),
    busyPollMs: config.busyPoll,
    owners: new DescriptorOwners(start.descriptors, number),
    fault: (error) => emit({ type: "fault", error }),
  });
  const clock = engine.timers;
  const startedAt = clock.now();
  const busyMs = () => clock.now() - startedAt - engine.poller.waitedMs;
  const metrics = new Metrics(activity.sessions, { worker: number, busyMs, lostLogLines: () => lostLogLines() });
  const log = await startLog(config, clock);
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
  const compose = ({ generation, asksForPasswords, otherListeners, countedUsers }: Setup, config: Config) => {
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
    const naming = openNaming(config, { net, clock, system, files: nameFiles(), overTls, ear });
    return {
      generation,
      naming,
      context: gatewayContext(config, {
        net,
        clock,
        naming,
        authenticator: asksForPasswords ? askingAuthenticator(asking) : undefined,
        tls: tlsBy(remoteTls(asking, () => ++lastTls), clock, departures),
        ownListeners: () => [...gateway.addrs, ...otherListeners],
        emit,
        counters,
      }),
    };
  };
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
      clock.after(PULSE_MS, pulse);
    };
    pulse();
  } catch (error) {
    const { kind, message } = netError(error, "listen", "in a worker");
    return tell({ type: "not-listening", kind, message });
  }
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

/** Passwords are hashed by the main thread, whose runtime has threads for it; those that were good are known here too. */
function askingAuthenticator(asking: (question: Asking) => Promise<unknown>): Authenticator {
  const known = new KnownPasswords();
  return {
    async verify({ username, password }) {
      const user = Buffer.from(username).toString("utf8");
      if (known.has(user, password)) return true;
      const good = await asking({ type: "verify", username, password }) === true;
      if (good) known.add(user, password);
      return good;
    },
  };
}
