import type { Config } from "../../config/config.ts";
import type { Emit } from "../../events.ts";
import { Gateway, type Listening as GatewayListening } from "../../gateway/gateway.ts";
import { isRouted } from "../../gateway/settings.ts";
import { Failures } from "../../gateway/limits/failures.ts";
import type { Counters } from "../../gateway/limits/counters.ts";
import type { Verdict } from "../../gateway/entrance/methods.ts";
import type { PathMemory } from "../../gateway/dial/path_memory.ts";
import { ProbeTurns } from "../../gateway/upstreams/probe_turns.ts";
import type { QuotaMeter } from "../../gateway/quotas/quota_meter.ts";
import type { Clock } from "../../net/clock.ts";
import { initiatorBy, type InitiatorStepped, type TakeStep } from "../../net/gss/gss_initiator.ts";
import type { GssCalls } from "../../net/gss/gss_calls.ts";
import type { Net, Successors } from "../../net/socket.ts";
import type { SealedGround } from "../../net/linux/tls/sealed_socket.ts";
import { type SealedOptions, SealedTls } from "../../net/linux/tls/sealed_tls.ts";
import type { Tls } from "../../net/tls/tls.ts";
import { Departures } from "../../net/tls/tls_socket.ts";
import { addressText } from "../../protocol/address.ts";
import { systemFiles } from "../files/system_files.ts";
import { gatewayContext } from "../service/composition.ts";
import { acceptorOf } from "../service/gss_source.ts";
import { type Announcements, emittingEar, openNaming } from "../service/naming.ts";
import { tlsBy } from "../service/tls/tls_source.ts";
import { askingServer, askingSystem } from "./asking_names.ts";
import { askingUsers } from "./asking_users.ts";
import type { Routing } from "./routing.ts";
import { remoteTls } from "./tls_threads.ts";
import type { Ask, AskAbout, Listening, Setup } from "./messages/worker_messages.ts";

/** What the gateway of a worker uses with every configuration. */
export interface Ground {
  readonly net: Net;
  /** What TLS in this thread needs; undefined if there is no libssl. */
  readonly sealing: (departures: Departures) => SealedGround | undefined;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly paths: PathMemory;
  /** Listens for NAT64 prefixes in router advertisements. */
  readonly announced: () => Announcements | undefined;
  /** Listeners for traffic that routes lead here, and its destinations. */
  readonly routed: Routing;
  readonly quotas: QuotaMeter;
  /** Opens GSSAPI's library. */
  readonly openGss: () => GssCalls;
  readonly ask: Ask;
  readonly emit: Emit;
  /** Sets the users named in metrics. */
  readonly nameUsers: (users: Setup["countedUsers"]) => void;
  /** Numbers sessions across all workers. */
  readonly nextSession: () => number;
}

/** The gateway of a worker, across reloads. It asks the main thread for what it cannot do itself. */
export class WorkerGateway {
  readonly gateway: Gateway;
  readonly #ground: Ground;
  readonly #departures = new Departures();
  #lastTls = 0;
  #sealed: SealedGround | undefined;
  #current;

  constructor(ground: Ground, setup: Setup, config: Config) {
    this.#ground = ground;
    this.#current = this.#compose(setup, config);
    this.gateway = new Gateway(this.#current.context, ground.nextSession);
  }

  /** Rejects with NetError. */
  async listen(listen: readonly Listening[], successors: ReadonlyMap<string, Successors>): Promise<void> {
    for (const listening of listen) {
      const how = this.#howToListen(listening);
      await this.gateway.listen(how.addr, { ...how, successors: successors.get(addressText(how.addr)) });
    }
  }

  /**
   * Serves new clients by `setup` and its `config`. Calls `retired` with the former setup once no session uses it
   * any more. Rejects with NetError, and then nothing changes.
   */
  async reload(setup: Setup, config: Config, retired: (former: Setup) => void): Promise<void> {
    const opening = this.gateway.opening();
    try {
      for (const listening of setup.listen) await opening.listen(listening.addr, this.#howToListen(listening));
    } catch (error) {
      opening.abandon();
      throw error;
    }
    const former = this.#current;
    this.#current = this.#compose(setup, config);
    opening.apply(this.#current.context, () => {
      former.naming.close();
      former.sealed?.close();
      former.gssapi?.close();
      retired(former.setup);
    });
  }

  /** Clients that routes lead here need a different kind of listener. */
  #howToListen(listening: Listening): GatewayListening & Listening {
    const { addr, only } = listening, { routed } = this.#ground;
    if (!isRouted(only)) return { reusePort: true, ...listening };
    return {
      ...listening,
      listener: () => only.udp ? routed.datagrams(addr) : routed.connections(addr),
      only: { destinationOf: routed.destinationOf, udp: only.udp },
    };
  }

  #compose(setup: Setup, config: Config) {
    const { net, clock, counters, paths, quotas, openGss, ask, emit } = this.#ground;
    this.#ground.nameUsers(setup.countedUsers);
    const { generation, rules, asksForPasswords, otherListeners, probes } = setup;
    const asking: AskAbout = (question, memory, cut) => ask({ ...question, generation }, memory, cut);
    const ear = emittingEar(emit);
    const naming = openNaming(config, {
      net,
      clock,
      system: askingSystem(asking, ear),
      files: systemFiles(),
      overTls: (place) => askingServer(asking, place),
      announced: this.#ground.announced,
      ear,
    });
    const users = askingUsers(
      ({ username, password }, client, cut) =>
        asking({ type: "verify", username, password, client }, [], cut) as Promise<Verdict>,
      new Failures(counters, clock, config.gateway),
    );
    const remote = tlsBy(remoteTls(asking, () => ++this.#lastTls), clock, this.#departures);
    const sealed = setup.tls && this.#sealedTls(setup.tls, remote);
    const gssapi = acceptorOf(config, openGss);
    const takeStep: TakeStep = (step, asker, cut) =>
      asking({ type: "gss-step", ...step, asker }, [], cut) as Promise<InitiatorStepped>;
    const context = gatewayContext(config, {
      net,
      clock,
      rules,
      naming,
      authenticator: asksForPasswords ? users : undefined,
      tls: sealed ?? remote,
      gssapi,
      gss: initiatorBy(takeStep, openGss),
      ownListeners: () => [...this.gateway.addrs, ...otherListeners],
      emit,
      counters,
      paths,
      quotas,
      probeTurns: new ProbeTurns(probes),
    });
    return { setup, naming, gssapi, sealed, context };
  }

  /** TLS in this thread, with `otherwise` for what it cannot do; undefined without libssl. */
  #sealedTls(options: SealedOptions, otherwise: Tls): SealedTls | undefined {
    const ground = this.#sealed ??= this.#ground.sealing(this.#departures);
    return ground && new SealedTls(ground, options, otherwise);
  }
}
