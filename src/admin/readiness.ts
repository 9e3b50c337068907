/** The health of the gateway by parts: judged from known facts, so that a request costs nothing. Times in ms since 1970. */

/** A chain of upstream gateways whose state is known. */
export interface ChainHealth {
  readonly upstream: string;
  readonly chain: string;
  readonly up: boolean;
  /** For a chain that is down: the reason and the time. */
  readonly detail?: string;
  readonly since?: string;
}

/** One part that clients depend on. */
export interface Part {
  readonly ok: boolean;
  /** The reason if the part is unhealthy, else its basis. Never contains a client's request: everyone may read it. */
  readonly detail?: string;
  /** The time since which it is unhealthy. */
  readonly since?: string;
}

export interface Parts {
  readonly listeners: Part;
  readonly workers: Part;
  readonly resolver: Part;
  readonly ipv4Egress: Part;
  readonly ipv6Egress: Part;
  readonly upstreams: Part & { readonly chains: readonly ChainHealth[] };
  readonly draining: boolean;
}

/** Why it accepts no new clients, or "ready". */
export type State =
  | "ready"
  | "draining"
  | "not listening"
  | "workers silent"
  | "cannot accept"
  | "no resolver"
  | "no upstream"
  | "no egress";

/** Its `ready` is true if it accepts new clients; `state` gives the reason. */
export interface Health {
  readonly ready: boolean;
  readonly state: State;
  readonly sessions: number;
  readonly parts: Parts;
}

/** The results of lookups in one thread, or in all. -Infinity means never. */
export interface NamesFacts {
  readonly answeredAt: number;
  /** Since the last answer: the number of failed lookups, and the times of the first and the last. */
  readonly failures: number;
  readonly failingSince: number;
  readonly failedAt: number;
}

export const noNamesFacts: NamesFacts = {
  answeredAt: -Infinity,
  failures: 0,
  failingSince: -Infinity,
  failedAt: -Infinity,
};

/** The routing of one family. */
export interface EgressFacts {
  /** The source address towards the Internet; undefined without a route. */
  readonly from: string | undefined;
  /** An address on a directly attached network, which needs no route. */
  readonly near: string | undefined;
  /** Since when it has been in this state. */
  readonly since: number;
}

/** For listeners that cannot accept, as without descriptors: the time since when, and of the last attempt. */
export interface AcceptFacts {
  readonly failingSince: number;
  readonly failedAt: number;
}

/** The vitals of one serving thread. */
export interface ThreadVitals {
  readonly names: NamesFacts;
  readonly accept: AcceptFacts | undefined;
}

/** The vitals of all serving threads, and their states. */
export interface Vitals extends ThreadVitals {
  readonly workers: number;
  readonly silentWorkers: number;
  /** The silent workers that have not died: clients that connect to them wait. */
  readonly hungWorkers: number;
  /** Time of the last sign of life of any worker. */
  readonly heardAt: number;
}

export interface Facts extends Vitals {
  readonly now: number;
  readonly draining: boolean;
  readonly sessions: number;
  readonly listeners: number;
  /** True if DNS servers are configured: without lookups from clients, they are probed at intervals. */
  readonly probesNames: boolean;
  /** Undefined before the first check. */
  readonly ipv4: EgressFacts | undefined;
  readonly ipv6: EgressFacts | undefined;
  readonly chains: readonly ChainHealth[];
}

/** Lookups are failing after this time and number of failures without an answer: one lost answer is no outage. */
const NAMES_FAILING_MS = 10_000, NAMES_FAILURES = 3;

/** Without probes, failed lookups count for this time (ms): without new clients there are no lookups that could succeed. */
const NAMES_BELIEVED_MS = 60_000;

/** Time for which accepting may fail before other gateways should take the clients (ms). */
const ACCEPT_FAILING_MS = 5_000;

/** Accepting counts as recovered this long after the last failure (ms): a balancer sends no clients that would prove it. */
const ACCEPT_BELIEVED_MS = 15_000;

/** A worker that is silent for this time hangs (ms). */
export const WORKER_SILENT_MS = 10_000;

export function readiness(facts: Facts): Health {
  const parts: Parts = {
    listeners: listeners(facts),
    workers: workers(facts),
    resolver: resolver(facts),
    ipv4Egress: egress(facts.ipv4),
    ipv6Egress: egress(facts.ipv6),
    upstreams: { ...upstreams(facts), chains: facts.chains },
    draining: facts.draining,
  };
  const state = stateOf(facts, parts);
  return { ready: state === "ready", state, sessions: facts.sessions, parts };
}

/** True if any worker gave a sign of life recently; if none did, only a restart helps. */
export function isAlive({ now, heardAt }: Pick<Facts, "now" | "heardAt">): boolean {
  return now - heardAt <= 2 * WORKER_SILENT_MS;
}

function stateOf(facts: Facts, { resolver }: Parts): State {
  if (facts.draining) return "draining";
  if (facts.listeners === 0) return "not listening";
  if (facts.workers > 0 && facts.silentWorkers >= facts.workers) return "workers silent";
  const { chains, now } = facts;
  const refusing = refusal(facts);
  if (refusing && now - refusing.failingSince >= ACCEPT_FAILING_MS) return "cannot accept";
  const reachesUpstream = chains.some(({ up }) => up);
  if (chains.length > 0 && !reachesUpstream) return "no upstream";
  if (!resolver.ok) return "no resolver";
  // A host with one family is healthy; a host that reaches an upstream needs no other route.
  if (!reachesUpstream && hasNoWay(facts.ipv4) && hasNoWay(facts.ipv6)) return "no egress";
  return "ready";
}

function listeners(facts: Facts): Part {
  const { listeners, draining } = facts;
  if (listeners === 0) return draining ? { ok: true, detail: "closed, as it drains" } : { ok: false, detail: "none" };
  const refusing = refusal(facts);
  if (!refusing) return { ok: true, detail: String(listeners) };
  return {
    ok: false,
    detail: "cannot accept: no descriptors or memory left",
    since: time(refusing.failingSince),
  };
}

function refusal({ now, accept }: Facts): AcceptFacts | undefined {
  return accept && now - accept.failedAt < ACCEPT_BELIEVED_MS ? accept : undefined;
}

function workers({ workers, silentWorkers, heardAt }: Facts): Part {
  if (silentWorkers === 0) return { ok: true, detail: `${workers} at work` };
  const all = silentWorkers >= workers;
  return { ok: false, detail: `${silentWorkers} of ${workers} silent`, ...all && { since: time(heardAt) } };
}

function resolver({ now, names, probesNames }: Facts): Part {
  const { failures, failingSince, failedAt, answeredAt } = names;
  const believed = probesNames || now - failedAt < NAMES_BELIEVED_MS;
  if (failures >= NAMES_FAILURES && now - failingSince >= NAMES_FAILING_MS && believed) {
    return { ok: false, detail: `no answer to ${failures} questions`, since: time(failingSince) };
  }
  if (failures > 0 && believed) return { ok: true, detail: `no answer to the last ${failures} questions` };
  return { ok: true, detail: answeredAt === -Infinity ? "not asked yet" : `answered at ${time(answeredAt)}` };
}

function egress(facts: EgressFacts | undefined): Part {
  if (!facts) return { ok: true, detail: "not known yet" };
  const { from, near, since } = facts;
  if (from !== undefined) return { ok: true, detail: `from ${from}` };
  const detail = near === undefined ? "no address" : `no route beyond the networks of ${near}`;
  return { ok: false, detail, since: time(since) };
}

function upstreams({ chains }: Facts): Part {
  if (chains.length === 0) return { ok: true, detail: "none known" };
  const down = chains.filter(({ up }) => !up);
  if (down.length === 0) return { ok: true, detail: `${chains.length} up` };
  const since = down.map(({ since }) => since).filter((one) => one !== undefined).sort()[0];
  return {
    ok: false,
    detail: `${down.length} of ${chains.length} down: ${down.map(({ upstream }) => upstream).join(", ")}`,
    ...since !== undefined && { since },
  };
}

function hasNoWay(facts: EgressFacts | undefined): boolean {
  return facts !== undefined && facts.from === undefined && facts.near === undefined;
}

function time(at: number): string {
  return new Date(at).toISOString();
}
