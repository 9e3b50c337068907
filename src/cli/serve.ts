import process from "node:process";
import type { Health } from "../admin/app.ts";
import type { Config } from "../config/config.ts";
import type { ListenSpec } from "../config/listen.ts";
import type { Emit } from "../events.ts";
import { Gateway } from "../gateway/gateway.ts";
import type { GatewaySettings } from "../gateway/settings.ts";
import { Ruleset } from "../gateway/ruleset.ts";
import { Users } from "../gateway/users.ts";
import { systemClock } from "../net/clock.ts";
import { NetError } from "../net/error.ts";
import { openNet } from "../net/mod.ts";
import type { Net, SocketAddr } from "../net/socket.ts";
import { type Admin, startAdmin } from "./admin.ts";
import { log, startLog, stopLog } from "./log.ts";
import { openNaming } from "./names.ts";
import { loadUsers } from "./users_file.ts";

/** `gate46 serve`: puts the house together and runs it until a signal comes. Resolves with the exit code. */
export async function serve(config: Config): Promise<number> {
  const users = await loadUsers(config.users, config.usersFile);
  const net = await openNet();
  await checkOutgoing(net, config.gateway);
  const listeners: Emit[] = [await startLog(config)];
  const own: { gateway?: Gateway; admin?: Admin } = {};
  const naming = await openNaming(config, net);
  const { resolver, nat64 } = naming;
  const gateway = own.gateway = new Gateway({
    net,
    clock: systemClock,
    resolver,
    nat64,
    ruleset: new Ruleset({
      rules: config.rules,
      allow: config.allow,
      family: config.family,
      meant: nat64 && ((ipv6) => nat64.meant(ipv6)),
      ownListeners: () => ownAddrs(own),
      localAddrs: () => net.localAddrs(),
    }),
    authenticator: users.size > 0 ? new Users(users) : undefined,
    settings: config.gateway,
    emit: (event) => {
      for (const listener of listeners) listener(event);
    },
  });
  const stopped = stopSignal(); // before clients can take all descriptors, which Deno's first signal listener needs too
  for (const spec of config.listen) await listenOn(gateway, spec);
  if (config.admin) {
    own.admin = await startAdmin(config.admin, () => health(gateway));
    listeners.push(own.admin.listen);
  }
  await stopped;
  process.once("SIGTERM", endNow);
  process.once("SIGINT", endNow);
  await gateway.drain(config.drainMs);
  naming.close();
  await own.admin?.close();
  await stopLog();
  return 0;
}

const cannotBind = "Deno cannot choose the address of a connection; use Bun";

/** What the runtime cannot do, and what is no address of this machine, is told before anyone relies on it. */
async function checkOutgoing(net: Net, { outgoing }: GatewaySettings): Promise<void> {
  for (const host of Object.values(outgoing)) {
    if (!net.bindsConnections) {
      throw new NetError("other", `Cannot connect from --outgoing ${host}: ${cannotBind}`);
    }
    (await net.bindUdp({ host, port: 0 })).close();
  }
}

function health(gateway: Gateway): Health {
  const state = gateway.draining ? "draining" : gateway.addrs.length > 0 ? "ready" : "not listening";
  return { ready: state === "ready", state, sessions: gateway.sessionCount };
}

async function listenOn(gateway: Gateway, { addr, otherwise, optional }: ListenSpec): Promise<void> {
  try {
    await gateway.listen(addr);
  } catch (error) {
    const missing = error instanceof NetError &&
      (error.kind === "address-not-available" || error.kind === "family-not-supported");
    if (missing && otherwise) await gateway.listen(otherwise);
    else if (missing && optional) log.warning(`not listening: ${error.message}`);
    else throw error;
  }
}

function ownAddrs({ gateway, admin }: { gateway?: Gateway; admin?: Admin }): readonly SocketAddr[] {
  return [...gateway?.addrs ?? [], ...admin ? [admin.addr] : []];
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

/** The second signal: whoever sends it does not want to wait. */
function endNow(): void {
  process.exit(1);
}
