import { availableParallelism } from "node:os";
import type { Config } from "../config/config.ts";
import { systemResolver } from "../dns/system.ts";
import type { Emit } from "../events.ts";
import { offeredMethods } from "../gateway/methods.ts";
import type { PasswordHash } from "../gateway/password_hash.ts";
import { Users } from "../gateway/users.ts";
import type { Libc } from "../net/linux/libc.ts";
import { claimPort } from "../net/linux/tcp_listener.ts";
import { systemClock } from "../net/clock.ts";
import { openNet } from "../net/mod.ts";
import type { SocketAddr } from "../net/socket.ts";
import type { ConfigText } from "./config_file.ts";
import { listenAs } from "./listening.ts";
import { log } from "./log.ts";
import { socketOptions } from "./socket_options.ts";
import { checkOutgoing } from "./outgoing.ts";
import { openNaming } from "./names.ts";
import { WorkerPool } from "./worker_pool.ts";

/** Gateways on the Linux engine, one for each core or as many as are wanted. Rejects with NetError. */
export async function startThreadedService(
  libc: Libc,
  entry: URL,
  config: Config,
  text: ConfigText,
  users: ReadonlyMap<string, PasswordHash>,
  otherListeners: readonly SocketAddr[],
  emit: Emit,
): Promise<WorkerPool> {
  const net = { ...await openNet(), bindsConnections: true };
  await checkOutgoing(net, config.gateway);
  const listen: SocketAddr[] = [];
  for (const spec of config.listen) {
    const addr = await listenAs(spec, (addr) => claimPort(libc, socketOptions(config), addr));
    if (addr) listen.push(addr);
  }
  const count = config.workers ?? availableParallelism();
  const authenticator = users.size > 0 ? new Users(users) : undefined;
  const pool = await WorkerPool.start({
    libc,
    entry,
    count,
    start: { config: text, listen, otherListeners, asksForPasswords: authenticator !== undefined },
    naming: openNaming(config, { net, clock: systemClock, system: systemResolver() }),
    authenticator,
    emit,
  });
  log.info("engine linux", { workers: count });
  for (const addr of listen) emit({ type: "listening", addr, methods: offeredMethods(authenticator) });
  return pool;
}
