import { Buffer } from "node:buffer";
import { isMainThread, receiveMessageOnPort, workerData } from "node:worker_threads";
import { Metrics } from "../admin/metrics.ts";
import type { DnsReply } from "../dns/message.ts";
import { resolveByLookup } from "../dns/system.ts";
import type { Transport } from "../dns/transport.ts";
import { orAborted } from "../dns/waiting.ts";
import type { Event } from "../events.ts";
import { Counters } from "../gateway/limits/counters.ts";
import type { Authenticator } from "../gateway/methods.ts";
import { KnownPasswords } from "../gateway/users.ts";
import { NetError, netError } from "../net/error.ts";
import { DescriptorOwners } from "../net/linux/descriptor_owners.ts";
import { Engine } from "../net/linux/engine.ts";
import { linuxNet } from "../net/linux/net.ts";
import { giveThreadTo, openKernel } from "../net/mod.ts";
import { composeGateway } from "./composition.ts";
import { parseConfigText } from "./config_file.ts";
import { openNaming } from "./names.ts";
import { startLog, stopLog } from "./log.ts";
import { socketOptions } from "./socket_options.ts";
import { Questions } from "./questions.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./worker_messages.ts";

/** What this thread was started with, where it is a worker of ours. */
export function workerStart(): WorkerStart | undefined {
  const start = isMainThread ? undefined : workerData as WorkerStart | undefined;
  return start?.gate46 === "worker" ? start : undefined;
}

/** Runs a gateway on the Linux engine in this thread, which from then on waits in the kernel only. */
export async function startWorker({ port, number, ...start }: WorkerStart): Promise<void> {
  const { config } = await parseConfigText(start.config);
  const metrics = new Metrics();
  const sessions = new Int32Array(start.sessions);
  const engine = new Engine((await openKernel())!, {
    sockets: socketOptions(config),
    busyPollMs: config.busyPoll,
    owners: new DescriptorOwners(start.descriptors, number),
    fault: (error) => emit({ type: "fault", error }),
  });
  const log = await startLog(config, engine.timers);
  const tell = (message: FromWorker) => port.postMessage(message);
  const emit = (event: Event) => {
    if (event.type === "drained") {
      stopLog();
      return tell({ type: "drained", cut: event.cut });
    }
    if (event.type === "listening" || event.type === "draining") return; // the main thread says it once for all
    metrics.listen(event);
    if (event.type === "upstream") return tell({ type: "upstream", event });
    log(event);
    if (event.type === "session-opened") Atomics.add(sessions, number, 1);
    if (event.type === "session-closed") Atomics.sub(sessions, number, 1);
  };
  const questions = new Questions((id, question) => tell({ type: "question", id, question }));
  const net = linuxNet(engine);
  const main = resolveByLookup(
    async (name) => await questions.ask({ type: "resolve", name }) as readonly string[],
    async (address) => await questions.ask({ type: "reverse", address }) as string,
  );
  // Servers that want TLS are asked by the main thread, as the system is; what they say is kept here.
  const overTls = (place: number): Transport => ({
    name: `DNS server ${place + 1}`,
    ask: (question, cut) =>
      orAborted(questions.ask({ type: "dns", place, question }) as Promise<DnsReply>, cut, question.name),
    close: () => {},
  });
  const gateway = composeGateway(config, {
    net,
    clock: engine.timers,
    naming: openNaming(config, { net, clock: engine.timers, system: main, overTls }),
    authenticator: start.asksForPasswords ? askingAuthenticator(questions) : undefined,
    otherListeners: () => start.otherListeners,
    emit,
    counters: new Counters(start.counters, number - 1),
    nextId: () => Atomics.add(sessions, 0, 1) + 1,
  });
  const take = (message: ToWorker) => {
    switch (message.type) {
      case "answer":
        return questions.answer(message.id, message.value);
      case "refusal":
        return questions.refuse(message.id, new NetError(message.kind, message.message));
      case "metrics":
        void metrics.registry.getMetricsAsJSON().then((all) => tell({ type: "metrics", metrics: all }));
        return;
      case "drain":
        void gateway.drain(message.deadlineMs);
    }
  };
  const wakeFd = engine.wakeFd(() => {
    for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) take(got.message);
  });
  try {
    for (const addr of start.listen) await gateway.listen(addr, { reusePort: true });
    tell({ type: "listening", wakeFd });
  } catch (error) {
    const { kind, message } = netError(error, "listen", "in a worker");
    return tell({ type: "not-listening", kind, message });
  }
  await giveThreadTo(engine);
}

/** Passwords are hashed by the main thread, whose runtime has threads for it; those that were good are known here too. */
function askingAuthenticator(questions: Questions): Authenticator {
  const known = new KnownPasswords();
  return {
    async verify({ username, password }) {
      const user = Buffer.from(username).toString("utf8");
      if (known.has(user, password)) return true;
      const good = await questions.ask({ type: "verify", username, password }) === true;
      if (good) known.add(user, password);
      return good;
    },
  };
}
