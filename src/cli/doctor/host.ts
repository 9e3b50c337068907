import { existsSync, readFileSync, statSync } from "node:fs";
import process from "node:process";
import type { Config } from "../../config/config.ts";
import { systemFiles } from "../files/system_files.ts";
import { systemLookups } from "../service/system_lookups.ts";
import { probe } from "../../dns/servers/dns_probe.ts";
import { systemClock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import { kernelFeatures } from "../../net/kernel/features.ts";
import { findLibssl } from "../../net/linux/tls/libssl.ts";
import { gssLoader, libraryOpener, openKernel, openNet } from "../../net/open.ts";
import { cannotAccept, cannotWrite } from "../service/gss_source.ts";
import { openNaming } from "../service/naming.ts";
import { runtime } from "../version.ts";
import { portHolder } from "./holder.ts";
import type { HostView, NameAnswer } from "./host_view.ts";

/** Timeout of a lookup or a connection (ms). */
const PATIENCE_MS = 5_000;

/** This host. close() closes the connections to DNS servers. */
export async function thisHost(config: Config): Promise<HostView & { close(): void }> {
  const net = await openNet();
  const libc = await openKernel();
  const { resolver, servers, close } = openNaming(config, {
    net,
    clock: systemClock,
    system: systemLookups(),
    files: systemFiles(),
  });
  const refused = cannotAccept(config, await gssLoader());
  return {
    platform: process.platform,
    runtime,
    now: Date.now(),
    root: process.getuid?.() === 0,
    addrs: net.localAddrs(),
    kernel: libc && kernelFeatures(libc),
    libssl: libc && findLibssl(await libraryOpener())?.name,
    read(path) {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return undefined;
      }
    },
    exists: existsSync,
    mode: (path) => statSync(path, { throwIfNoEntry: false })?.mode,
    cannotAccept: () => refused,
    cannotWrite,
    wayTo: (host) => net.localAddrFor(host),
    resolve: (name) => timed((cut) => resolver.resolve(name, cut)),
    servers: servers.map((server) => ({ name: server.name, probe: () => probe(server, systemClock) })),
    async cannotListen(addr, udp) {
      try {
        (udp ? await net.bindUdp(addr) : await net.listen(addr)).close();
        return undefined;
      } catch (error) {
        return error instanceof NetError ? error.kind : "other";
      }
    },
    holder: portHolder,
    async cannotConnect(addr) {
      return (await timed(async (cut) => {
        (await net.connect(addr, { cut })).close();
        return [];
      })).failure;
    },
    close,
  };
}

/** The result of `ask`, and the time that it took (ms). */
async function timed(ask: (cut: Cut) => Promise<readonly string[]>): Promise<NameAnswer> {
  const late = new Cut();
  const timer = setTimeout(() => late.make(), PATIENCE_MS);
  const startedAt = performance.now();
  const took = () => ({ ms: performance.now() - startedAt });
  try {
    return { hosts: await ask(late), ...took() };
  } catch (error) {
    if (error instanceof NetError && error.kind === "no-such-name") return { hosts: [], ...took() };
    return { hosts: [], failure: late.made ? `nothing within ${PATIENCE_MS} ms` : (error as Error).message, ...took() };
  } finally {
    clearTimeout(timer);
  }
}
