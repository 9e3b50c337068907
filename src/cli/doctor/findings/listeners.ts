import { constants } from "node:fs";
import { dirname } from "node:path";
import type { Config } from "../../../config/config.ts";
import { isLoopback, type ListenSpec } from "../../../config/values/listen.ts";
import { isUdp } from "../../../gateway/settings.ts";
import type { NetErrorKind } from "../../../net/error.ts";
import type { SocketAddr } from "../../../net/socket.ts";
import { addressText, isUnspecified } from "../../../protocol/address.ts";
import { type Finding, type Findings, findings } from "./finding.ts";
import type { HostView } from "../host_view.ts";

/** Checks that the program can listen on the configured addresses. */
export async function checkListeners(host: HostView, config: Config): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (const spec of config.listen) found.push(await check(host, config, spec, findings("listen")));
  if (config.admin) {
    found.push(await check(host, config, { addr: config.admin, optional: false }, findings("admin")));
  }
  for (const addr of config.fakeDns.flat()) {
    for (const udp of [true, false]) {
      found.push(await check(host, config, { addr, optional: false }, findings("fake DNS"), udp));
    }
  }
  return found;
}

async function check(
  host: HostView,
  config: Config,
  spec: ListenSpec,
  about: Findings,
  udp = isUdp(spec.only),
): Promise<Finding> {
  const { addr, otherwise, optional, systemd } = spec;
  if (systemd !== undefined) {
    return about.note("what systemd opens is not looked at: it passes that when it starts gate46");
  }
  if (addr.unix !== undefined) return checkUnix(host, addr.unix, about);
  const where = `${udp ? "udp://" : ""}${addressText(addr)}`;
  const failure = await host.cannotListen(addr, udp);
  if (failure === undefined && !isOwn(host, addr)) {
    return about.note(`${where} is free, but no address of this host: net.ipv4.ip_nonlocal_bind lets it listen there`);
  }
  if (failure === undefined) return about.ok(`${where} is free`);
  if (isMissing(failure) && otherwise) {
    return await check(host, config, { ...spec, addr: otherwise, otherwise: undefined, optional: false }, about);
  }
  if (isMissing(failure) && optional) return about.note(`${where} is left out: this host has no such address`);
  switch (failure) {
    case "address-in-use":
      return inUse(host, config, { addr, udp }, where, about);
    case "address-not-available":
    case "family-not-supported":
      if (config.freeBind) {
        return about.note(`${where} is not an address of this host yet, and --free-bind listens there`);
      }
      return about.problem(`${where} is not an address of this host`, "an address that it has, or --free-bind");
    case "permission-denied":
      return about.problem(
        `${where} cannot be listened on by this user`,
        "a port from 1024 on, CAP_NET_BIND_SERVICE, or net.ipv4.ip_unprivileged_port_start",
      );
    default:
      return about.problem(`${where} cannot be listened on: ${failure}`);
  }
}

/** Only looks at the file: to listen there would replace an existing socket. */
function checkUnix(host: HostView, path: string, about: Findings): Finding {
  const where = `unix:${path}`, folder = dirname(path), mode = host.mode(path);
  if (path.startsWith("@")) return about.ok(`${where} needs no file`);
  if (!host.exists(folder)) {
    return about.problem(`${where} has no folder`, `mkdir ${folder}, or RuntimeDirectory= in its unit`);
  }
  if (mode === undefined) return about.ok(`${where} is free`);
  if ((mode & constants.S_IFMT) === constants.S_IFSOCK) {
    return about.ok(`${where} is there: it is replaced if nobody listens`);
  }
  return about.problem(`${where} is there, and no socket`, "another path, or remove it");
}

function inUse(
  host: HostView,
  { takeOver }: Config,
  { addr, udp }: { readonly addr: SocketAddr; readonly udp: boolean },
  where: string,
  about: Findings,
): Finding {
  const holder = host.holder(addr, udp);
  if (!holder) {
    return about.problem(
      `${where} is in use`,
      `another port, or end the program that has it (ss -l${udp ? "u" : "t"}np)`,
    );
  }
  const who = `${holder.name}, process ${holder.pid}`;
  if (holder.pid === takeOver) return about.ok(`${where} is taken over from process ${holder.pid}`);
  if (/gate46/.test(holder.name)) {
    return about.note(`${where} is in use by ${who}`, "nothing, where that is this very gateway");
  }
  return about.problem(`${where} is in use by ${who}`, "another port, or end that program");
}

function isOwn({ addrs }: HostView, { host }: SocketAddr): boolean {
  return addrs.includes(host) || isUnspecified(host) || isLoopback(host);
}

function isMissing(failure: NetErrorKind): boolean {
  return failure === "address-not-available" || failure === "family-not-supported";
}
