/** How the gateway is, part by part: judged from what is known already, so that asking costs nothing. Times in ms since 1970. */

/** A chain of upstream gateways of which it is known how it is. */
export interface ChainHealth {
  readonly upstream: string;
  readonly chain: string;
  readonly up: boolean;
  /** Of one that is down: why, and since when. */
  readonly detail?: string;
  readonly since?: string;
}

/** One of the things that clients depend on. */
export interface Part {
  readonly ok: boolean;
  /** Of what is not well, why; else what it stands on. Never what a client asked for: everyone may read this. */
  readonly detail?: string;
  /** Since when it is not well. */
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

/** Why it takes no new clients, or "ready". */
export type State =
  | "ready"
  | "draining"
  | "not listening"
  | "workers silent"
  | "cannot accept"
  | "no resolver"
  | "no upstream"
  | "no egress";

/** Whether it takes new clients; `state` says why, or why not. */
export interface Health {
  readonly ready: boolean;
  readonly state: State;
  readonly sessions: number;
  readonly parts: Parts;
}

/** How questions for names fared in one thread, or in all. -Infinity stands for never. */
export interface NamesFacts {
  readonly answeredAt: number;
  /** Since the last answer: how often asking failed, first and last. */
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

/** What routing says of one family. */
export interface EgressFacts {
  /** The address that leaves towards the Internet; undefined without a route. */
  readonly from: string | undefined;
  /** An address in a network of its own, which needs no route. */
  readonly near: string | undefined;
  /** Since when it is as it is. */
  readonly since: number;
}

/** Of listeners that cannot accept, as without descriptors: since when, and when it was tried last. */
export interface AcceptFacts {
  readonly failingSince: number;
  readonly failedAt: number;
}

/** What a thread that serves clients knows of itself. */
export interface ThreadVitals {
  readonly names: NamesFacts;
  readonly accept: AcceptFacts | undefined;
}

/** What all of them know, and how they are. */
export interface Vitals extends ThreadVitals {
  readonly workers: number;
  readonly silentWorkers: number;
  /** Those of them that have not died: who connects to them waits. */
  readonly hungWorkers: number;
  /** When any of them was last heard of. */
  readonly heardAt: number;
}

export interface Facts extends Vitals {
  readonly now: number;
  readonly draining: boolean;
  readonly sessions: number;
  readonly listeners: number;
  /** Whether DNS servers are configured: then they are asked now and then, where nobody else asks. */
  readonly probesNames: boolean;
  /** Undefined as long as nobody has looked. */
  readonly ipv4: EgressFacts | undefined;
  readonly ipv6: EgressFacts | undefined;
  readonly chains: readonly ChainHealth[];
}

/** Names fail where nothing else has come for so long, and so often: one lost answer is no outage. */
const NAMES_FAILING_MS = 10_000, NAMES_FAILURES = 3;

/** Where nobody probes, a failure is believed for so long: without new clients nobody would find out that it is over. */
const NAMES_BELIEVED_MS = 60_000;

/** Accepting may falter for so long before others should take the clients. */
const ACCEPT_FAILING_MS = 5_000;

/** Where nobody was refused for so long it is taken for over: whoever balances sends no clients who would find out. */
const ACCEPT_BELIEVED_MS = 15_000;

/** A worker that says nothing for so long hangs. */
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

/** Whether any worker was heard of lately; where none was, only a new start helps. */
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
  // A host with one family is whole; and one that reaches its upstream needs no more.
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
