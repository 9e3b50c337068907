import type { FailureKind } from "./failure_kind.ts";
import type { Past } from "./history/history.ts";
import type { CertificateView, Finding, Room } from "./status.ts";
import type { ChainHealth, Part, Parts } from "./readiness.ts";

/** The facts that findings are made from. */
export interface Findable {
  readonly parts: Parts;
  readonly upstreams: readonly ChainHealth[];
  readonly certificates: readonly CertificateView[];
  readonly room: Room;
  readonly sessionCount: number;
  readonly maxSessions: number;
  readonly lostLogLines: number;
  /** Why the last reload was refused; empty if it was not. */
  readonly reloadProblems: readonly string[];
  /** Number of workers that have died recently. */
  readonly deaths: number;
  /** The last minute. */
  readonly past: Past;
}

/** Maximum part of a limit that may be used without a finding. */
const FULL = 0.9;

/** With at least this many clients in a minute, half of them must not fail. */
const MANY_CLIENTS = 20;

const whose: Readonly<Record<FailureKind, string>> = {
  refused: "refused by a rule",
  password: "without the right password",
  unreachable: "destination not reachable",
  broken: "broken conversation",
  "turned-away": "turned away",
};

/** The current problems, the grave ones first. */
export function findings(facts: Findable): readonly Finding[] {
  const all = [
    ...ofParts(facts.parts),
    ...ofUpstreams(facts.upstreams),
    ...ofCertificates(facts.certificates),
    ...ofRoom(facts),
    ...ofPast(facts.past),
    ...ofProgram(facts),
  ];
  return [...all.filter(({ grave }) => grave), ...all.filter(({ grave }) => !grave)];
}

function ofParts({ listeners, workers, resolver, ipv4Egress, ipv6Egress }: Parts): readonly Finding[] {
  const noWay = !ipv4Egress.ok && !ipv6Egress.ok;
  const named: readonly (readonly [string, Part, boolean])[] = [
    ["Listeners", listeners, true],
    ["Workers", workers, true],
    ["DNS", resolver, true],
    ["No way to IPv4", ipv4Egress, noWay],
    ["No way to IPv6", ipv6Egress, noWay],
  ];
  return named.filter(([, { ok }]) => !ok).map(([what, { detail = "", since }, grave]) => ({
    what,
    detail,
    grave,
    ...since !== undefined && { since },
  }));
}

function ofUpstreams(chains: readonly ChainHealth[]): readonly Finding[] {
  return chains.filter(({ up }) => !up).map(({ upstream, detail, since }) => ({
    what: `Upstream ${upstream} is down`,
    detail: detail ?? "",
    grave: true,
    ...since !== undefined && { since },
  }));
}

function ofCertificates(certificates: readonly CertificateView[]): readonly Finding[] {
  return certificates.filter(({ good }) => !good).map(({ option, until }) => ({
    what: `Certificate of --${option}`,
    detail: `it holds until ${until.slice(0, 10)}`,
    grave: true,
  }));
}

function ofRoom({ room, sessionCount, maxSessions }: Findable): readonly Finding[] {
  const { openDescriptors, maxDescriptors, usedMemory, memory } = room;
  const megabytes = (octets: number) => `${Math.round(octets / 1e6)} MB`;
  return [
    ...full("Descriptors", openDescriptors, maxDescriptors, (count) => Number.isFinite(count) ? String(count) : "all"),
    ...full("Memory", usedMemory, memory, megabytes),
    ...full("Sessions", sessionCount, maxSessions, String),
  ];
}

function full(
  what: string,
  used: number | undefined,
  most: number | undefined,
  text: (value: number) => string,
): readonly Finding[] {
  if (used === undefined || most === undefined || used < FULL * most) return [];
  return [{ what: `${what} nearly used up`, detail: `${text(used)} of ${text(most)}`, grave: true }];
}

function ofPast({ values }: Past): readonly Finding[] {
  const sum = (all: readonly number[]) => Math.round(all.reduce((sum, value) => sum + value, 0));
  const clients = sum(values.clients), away = sum(values["turned-away"]);
  const found: Finding[] = [];
  if (away > 0) {
    found.push({ what: "Clients turned away", detail: `${away} of ${clients} in the last minute`, grave: true });
  }
  for (const kind of ["refused", "password", "unreachable", "broken"] as const) {
    const failed = sum(values[kind]);
    if (clients < MANY_CLIENTS || failed * 2 < clients) continue;
    found.push({
      what: "Most clients fail",
      detail: `${whose[kind]}: ${failed} of ${clients}, last minute`,
      grave: true,
    });
  }
  return found;
}

function ofProgram({ lostLogLines, reloadProblems, deaths }: Findable): readonly Finding[] {
  const found: Finding[] = [];
  if (deaths > 0) found.push({ what: "Workers died", detail: `${deaths} in the last hour; replaced`, grave: false });
  if (reloadProblems.length > 0) {
    found.push({ what: "Last reload refused", detail: reloadProblems.join("; "), grave: false });
  }
  if (lostLogLines > 0) found.push({ what: "Log lines lost", detail: String(lostLogLines), grave: false });
  return found;
}
