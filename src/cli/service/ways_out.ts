import { readFileSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { addressFor } from "../../gateway/dial/prefix_address.ts";
import type { Rule } from "../../gateway/rules/rule.ts";
import { isPrefix, type WayOut } from "../../gateway/way_out.ts";
import { NetError, netError } from "../../net/error.ts";
import { SOCK_CLOEXEC, SOCK_DGRAM } from "../../net/kernel/libc/abi.ts";
import { errnoError } from "../../net/kernel/libc/errno.ts";
import type { Libc } from "../../net/kernel/libc/libc.ts";
import { encodeSockaddr, family } from "../../net/kernel/libc/sockaddr.ts";
import { isLocalSix, localRouteCommand } from "../../net/kernel/host/local_routes.ts";
import { setOutgoing } from "../../net/linux/tcp_dial.ts";
import type { Exit, Net } from "../../net/socket.ts";
import { addressText, parseIp } from "../../protocol/address.ts";

/** A source of connections, and the place in the configuration that sets it. */
export interface PlacedWayOut extends WayOut {
  readonly place: string;
}

/** All sources of connections in a configuration, each once; `rules` replace its own rules. */
export function waysOutOf(
  { gateway: { outgoing, usersWaysOut }, listen, upstreams, ...config }: Config,
  rules: readonly (Pick<Rule, "wayOut"> & { readonly name?: string })[] = config.rules,
): readonly PlacedWayOut[] {
  const all = [
    { place: "--outgoing", ...outgoing },
    ...listen.map(({ addr, wayOut }) => ({ place: `--listen ${addressText(addr)}`, ...wayOut })),
    ...Array.from(usersWaysOut, ([name, wayOut]) => ({ place: `user '${name}'`, ...wayOut })),
    ...upstreams.map(({ name, wayOut }) => ({ place: `upstream '${name}'`, ...wayOut })),
    ...rules.filter(({ wayOut }) => wayOut).map(({ name, wayOut }) => ({ place: name ?? "a rule", ...wayOut })),
  ];
  const known = new Set<string>();
  return all.filter(({ ipv4, ipv6, device, mark }) => {
    const key = JSON.stringify([ipv4, ipv6, device, mark]);
    return !known.has(key) && known.add(key);
  });
}

/** An address to test: for a prefix, any address in it. */
export function sampleOf(text: string): string {
  return isPrefix(text) ? addressFor({ text, per: "session" }, { client: { host: "" } }, "") : text;
}

/** What the test of a source needs. */
export interface Trial {
  readonly net: Net;
  /** Undefined without the Linux engine. */
  readonly libc: Libc | undefined;
  /** True if this process has the rights of the serving process. */
  readonly hasRights: boolean;
}

/**
 * Tests all sources in advance: rejects if the engine cannot use one, if it is not an address of this machine, or if this user may
 * not use it. Rejects with NetError, or with ConfigError if a source needs the other engine.
 */
export async function checkWaysOut(trial: Trial, ways: readonly PlacedWayOut[]): Promise<void> {
  for (const { place, ipv4, ipv6, device, mark } of ways) {
    for (const text of [ipv4, ipv6]) if (text !== undefined) await checkSource(trial, place, text);
    for (const [key, value] of [["interface", device], ["mark", mark]] as const) {
      if (value !== undefined) checkOption(trial, place, key, value);
    }
  }
}

async function checkSource({ net, libc }: Trial, place: string, text: string): Promise<void> {
  const what = place === "--outgoing" ? `${place} ${text}` : `outgoing ${text} of ${place}`;
  const host = sampleOf(text), six = host.includes(":"), prefix = isPrefix(text);
  const cannot = (kind: NetError["kind"], state: string, cause?: unknown) =>
    new NetError(kind, `Cannot connect from ${what}: ${state}`, { cause });
  if (!libc && !net.bindsConnections) {
    throw cannot("other", "Deno cannot choose the address of a connection; use --engine linux, or Bun");
  }
  const freeBind = prefix && six; // IPv4 accepts addresses of local routes
  try {
    if (libc) tryExit(libc, { localAddr: host, freeBind }, "bind UDP", host);
    else (await net.bindUdp({ host, port: 0 }, { freeBind })).close();
  } catch (error) {
    const { kind, message } = netError(error, "bind UDP", host);
    const advice = !prefix || kind !== "address-not-available"
      ? ""
      : six
      ? "; use --engine linux, or sysctl -w net.ipv6.ip_nonlocal_bind=1"
      : `; ${localRouteCommand(text)}`;
    throw cannot(kind, message + advice, error);
  }
  if (freeBind && !leadsHere(host)) {
    throw cannot("address-not-available", `no answer would come back here; ${localRouteCommand(text)}`);
  }
}

/** True if answers to `host` arrive here, or if that is unknown. */
function leadsHere(host: string): boolean {
  try {
    return isLocalSix(readFileSync("/proc/net/ipv6_route", "latin1"), parseIp(host)!);
  } catch {
    return true;
  }
}

const states = {
  interface: "this host has none of that name, or this user may not",
  mark: "this user may not: it needs CAP_NET_ADMIN",
} as const;

function checkOption(
  { libc, hasRights }: Trial,
  place: string,
  key: keyof typeof states,
  value: string | number,
): void {
  const what = `${key} ${value} of ${place}`;
  if (!libc) throw new ConfigError(`Cannot use ${what}: only the Linux engine can`);
  if (key === "mark" && !hasRights) return;
  try {
    tryExit(libc, key === "mark" ? { mark: Number(value) } : { device: String(value) }, "dial with", what);
  } catch (error) {
    const { kind, message } = netError(error, "dial with", what);
    throw new NetError(kind, `${message} (${states[key]})`, { cause: error });
  }
}

/** Sets a session's options on a socket that is never connected. Throws NetError. */
function tryExit(libc: Libc, exit: Exit, verb: string, what: string): void {
  const host = exit.localAddr ?? "0.0.0.0";
  const fd = libc.socket(family(host), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw errnoError(libc.errno(), verb, what);
  const unset = setOutgoing({ libc, options: {} }, fd, exit);
  const name = encodeSockaddr({ host, port: 0 });
  const errno = unset ?? (libc.bind(fd, name, name.length) < 0 ? libc.errno() : undefined);
  libc.close(fd);
  if (errno !== undefined) throw errnoError(errno, verb, what);
}
