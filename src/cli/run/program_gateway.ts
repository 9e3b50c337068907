import type { Config } from "../../config/config.ts";
import { answerStream } from "../../dns/mapped/mapped_stream.ts";
import { type Answering, mappedAnswer } from "../../dns/mapped/mapped_answer.ts";
import type { Resolver } from "../../dns/resolver.ts";
import type { Event, SessionRecord } from "../../events.ts";
import { Gateway } from "../../gateway/gateway.ts";
import { InterceptedListener } from "../../gateway/udp/flows/intercepted_listener.ts";
import { pause } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import type { SocketAddr } from "../../net/socket.ts";
import { DNS_PORT, OWN_ADDRESSES } from "../../net/linux/child/all_traffic.ts";
import type { InnerSockets } from "../../net/linux/child/inner_sockets.ts";
import type { Engine } from "../../net/linux/engine/engine.ts";
import type { Direct } from "./direct.ts";
import { publish, type Published } from "./published.ts";
import { initiatorBy, takeStep } from "../../net/gss/gss_initiator.ts";
import { gssLoader } from "../../net/open.ts";
import { linuxNet } from "../../net/linux/linux_net.ts";
import { Departures } from "../../net/tls/tls_socket.ts";
import { Command } from "../../protocol/codes.ts";
import { FakeAddresses } from "../../sockslib/fake/fake_addresses.ts";
import { MappedDestinations } from "../../sockslib/transparent/mapped_destinations.ts";
import { systemFiles } from "../files/system_files.ts";
import { log } from "../log/log.ts";
import { gatewayContext, type Parts } from "../service/composition.ts";
import { openNaming } from "../service/naming.ts";
import type { ServedConfig } from "../service/service.ts";
import { systemLookups } from "../service/system_lookups.ts";
import { openTlsSource, tlsBy } from "../service/tls/tls_source.ts";
import type { TlsFiles } from "../files/tls_files.ts";
import type { TakeTraffic } from "./ways/traffic.ts";

/** Time to live of a fake address in an answer (s), and how long the table keeps an unused one (ms). */
const TTL_S = 60, EXPIRY_MS = 600_000;

/** Maximum datagram flows (pairs of address and port) of a program. */
const MOST_FLOWS = { max: 4_096, maxOfClient: 4_096 };

/** After the program's end: time for connections to end too, and interval of checking that octets still move (ms). */
const LAST_TURN_MS = 1, SETTLE_MS = 500;

/** Interval of turns of the runtime's event loop (ms), while its events are needed and otherwise. */
const BUSY_TURN_MS = 1, IDLE_TURN_MS = 100;

export interface ProgramGateway {
  /** Maximum wait of this thread in the kernel (ms). */
  maxWaitMs(): number;
  /** Resolves when all that the program has sent is delivered, or makes no more progress. */
  settled(): Promise<void>;
}

export interface ProgramView {
  /** Receives the events of sessions. */
  readonly emit: (event: Event) => void;
  readonly direct: Direct;
  /** True if queried names are logged. */
  readonly dnsLog: boolean;
  /** Ports reached from outside, and the sockets for them; undefined if there are none. */
  readonly publishing: { readonly ports: readonly Published[]; readonly inner: InnerSockets } | undefined;
}

/**
 * The gateway of one program, in this thread. Its connections and datagrams become sessions, by name if the program asked for
 * one; its DNS queries are answered from the mapping table. Rejects with NetError and ConfigError.
 */
export async function serveProgram(
  engine: Engine,
  { config, rules }: ServedConfig,
  files: TlsFiles,
  takeTraffic: TakeTraffic,
  { emit, direct, dnsLog, publishing }: ProgramView,
): Promise<ProgramGateway> {
  const net = linuxNet(engine), clock = engine.timers;
  const names = new FakeAddresses({ clock, expiryMs: EXPIRY_MS });
  const destinations = new MappedDestinations(names);
  const { resolver: system, waiting } = counted(systemLookups());
  const sessions = new Set<SessionRecord>();
  const naming = openNaming(config, { net, clock, dnsCa: files.dnsCa, system, files: systemFiles() });
  const source = await openTlsSource(files);
  const openGss = await gssLoader();
  const settings = { ...config.gateway, maxSessionsPerClient: config.gateway.maxSessions };
  const parts = {
    clock,
    authenticator: undefined,
    gssapi: undefined,
    gss: initiatorBy((step) => Promise.resolve().then(() => takeStep(openGss(), step)), openGss), // only the program waits for its KDC
    tls: tlsBy(source.open, clock, new Departures()),
    ownListeners: () => [],
    emit: (event: Event) => {
      if (event.type === "session-opened") sessions.add(event.session);
      if (event.type === "session-closed") {
        sessions.delete(event.session);
        if (event.session.destination) destinations.left(event.session.destination);
      }
      if (event.type !== "listening") emit(event);
    },
  } satisfies Omit<Parts, "net" | "naming" | "rules">;
  const gateway = new Gateway(gatewayContext({ ...config, gateway: settings }, { ...parts, net, rules, naming }));
  const goesOn = config.rules.some(({ via }) => via !== undefined);
  const here = existsHere(naming.resolver);
  const exists = goesOn ? (name: string) => direct.has(name) ? here(name) : existsBehind(name) : here;
  const told = dnsLog ? (await import("./name_log.ts")).logName : undefined;
  const answering: Answering = { names, exists, ttlS: TTL_S, told };
  const isOwn = ({ host, port }: SocketAddr) =>
    port === DNS_PORT || host === OWN_ADDRESSES.ipv4 || host === OWN_ADDRESSES.ipv6;
  const datagrams = new InterceptedListener(clock, MOST_FLOWS, (addr) => traffic.from(addr));
  const take = (bytes: Uint8Array, from: SocketAddr, to: SocketAddr) => {
    if (to.port !== DNS_PORT) return datagrams.take(bytes, from, to);
    mappedAnswer(bytes.slice(), answering).then((answer) => {
      if (answer) void traffic.from(to).send([{ bytes: answer, addr: from }]);
    }, (error) => log.error("fault", { error: String(error) }));
  };
  const traffic = takeTraffic(engine, {
    inPlace: staysOutOfTheWay(config),
    isOther: isOwn,
    other: (socket, { port }) => port === DNS_PORT ? void answerStream(socket, answering) : socket.reset(),
    datagram: take,
  });
  const { connections } = traffic;
  const destinationOf = (here: SocketAddr) => destinations.of(here);
  await gateway.listen(connections.addr, { listener: connections, only: { destinationOf, held: true } });
  await gateway.listen(datagrams.addr, { listener: datagrams, only: { destinationOf, udp: true } });
  if (publishing) await publish(publishing.ports, engine, publishing.inner, config, parts);
  const overTls = config.dns.some(({ kind }) => kind === "tls" || kind === "https") ||
    config.rules.some(({ via }) => via?.some((url) => /^(socks5|http)s:/i.test(url))) || config.upstreams.length > 0;
  return {
    maxWaitMs: () => overTls || waiting() ? BUSY_TURN_MS : IDLE_TURN_MS,
    async settled() {
      const isStream = ({ command, datagrams: { up, down } }: SessionRecord) =>
        command === Command.Connect || (command === Command.Forward && up + down === 0);
      const open = () => Array.from(sessions).filter(isStream);
      const moved = () => open().reduce((sum, { counts }) => sum + counts.up + counts.down, 0);
      await new Promise<void>((resolve) => engine.later(resolve));
      if (sessions.size === 0) return;
      await pause(clock, LAST_TURN_MS);
      for (let before = -1, now = moved(); open().length > 0 && now > before; now = moved()) {
        before = now;
        await pause(clock, SETTLE_MS);
      }
    },
  };
}

/** True if gateways speak in the clear, only at a connection's start, and no limit slows connections down. */
function staysOutOfTheWay({ gateway, rules, upstreams }: Config): boolean {
  const isPlain = (url: string) => /^(socks5|http):\/\/[^?]*$/i.test(url);
  return gateway.sessionBandwidth === undefined && upstreams.length === 0 &&
    rules.every(({ via, budget }) => budget === undefined && (via === undefined || via.every(isPlain)));
}

/** True unless the name is outside the DNS (RFC 6762 s3, RFC 7686 s2): only the other gateways know which names exist. */
function existsBehind(name: string): Promise<boolean> {
  return Promise.resolve(!/(^|\.)(local|internal|invalid)$/.test(name));
}

/** Rejects with NetError if the look-up fails. */
function existsHere(resolver: Resolver): (name: string) => Promise<boolean> {
  return async (name) => {
    try {
      await resolver.first(name);
      return true;
    } catch (error) {
      if (error instanceof NetError && error.kind === "no-such-name") return false;
      throw error;
    }
  };
}

/** A resolver of the runtime, and whether a look-up is open. */
function counted(resolver: Resolver): { readonly resolver: Resolver; waiting(): boolean } {
  let waiting = 0;
  const count = async <T>(answer: Promise<T>) => {
    waiting++;
    try {
      return await answer;
    } finally {
      waiting--;
    }
  };
  return {
    resolver: {
      resolve: (name, cut, asker) => count(resolver.resolve(name, cut, asker)),
      first: (name, cut, asker) => count(resolver.first(name, cut, asker)),
      reverse: (address, cut, asker) => count(resolver.reverse(address, cut, asker)),
    },
    waiting: () => waiting > 0,
  };
}
