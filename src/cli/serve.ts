import process from "node:process";
import type { Health } from "../admin/app.ts";
import type { Config } from "../config/config.ts";
import { NetError } from "../net/error.ts";
import { openKernel } from "../net/mod.ts";
import type { Libc } from "../net/linux/libc.ts";
import { systemClock } from "../net/clock.ts";
import { startAdmin } from "./admin.ts";
import type { LoadedConfig } from "./config_file.ts";
import { startLocalService } from "./local_service.ts";
import { startLog, stopLog } from "./log.ts";
import { Reload, wantedOf } from "./reload.ts";
import type { Service } from "./service.ts";
import { refuseSocketOptions } from "./socket_options.ts";
import { startThreadedService } from "./threaded_service.ts";

/**
 * `gate46 serve`: puts the house together and runs it until a signal comes. `load` reads the configuration, again at each
 * reload; `entry` starts workers. Resolves with the exit code.
 */
export async function serve(load: () => Promise<LoadedConfig>, entry: URL): Promise<number> {
  const loaded = await load();
  const { config } = loaded;
  const wanted = await wantedOf(loaded);
  const emit = await startLog(config, systemClock);
  const stopped = stopSignal(); // before clients can take all descriptors, which Deno's first signal listener needs too
  const reload = Promise.withResolvers<Reload>();
  onHangup(async () => void (await reload.promise).run());
  const state: { service?: Service; draining: boolean } = { draining: false };
  const admin = config.admin && await startAdmin(config.admin, () => health(state), () => state.service?.metrics);
  const own = admin ? [admin.addr] : [];
  const kernel = await kernelFor(config);
  const service = state.service = kernel
    ? await startThreadedService(kernel, entry, wanted, own, emit)
    : await startLocalService(wanted, () => own, emit);
  reload.resolve(new Reload(service, loaded, load, emit));
  await stopped;
  process.once("SIGTERM", endNow);
  process.once("SIGINT", endNow);
  state.draining = true;
  await service.drain(config.drainMs);
  await admin?.close();
  stopLog();
  return 0;
}

/** What the Linux engine needs, where that is to be used. Rejects with NetError where it is asked for and cannot be had. */
async function kernelFor(config: Config): Promise<Libc | undefined> {
  const libc = config.engine === "portable" ? undefined : await openKernel();
  if (!libc) refuseSocketOptions(config);
  if (!libc && config.engine === "linux") {
    throw new NetError("other", "Cannot use --engine linux: this is no Linux, or libc cannot be called from here");
  }
  return libc;
}

function health({ service, draining }: { readonly service?: Service; readonly draining: boolean }): Health {
  const upstreams = service?.upstreams.all ?? [];
  const state = draining
    ? "draining"
    : !service?.addrs.length
    ? "not listening"
    : upstreams.length > 0 && upstreams.every(({ up }) => !up)
    ? "no upstream"
    : "ready";
  const more = upstreams.length > 0 ? { upstreams } : {};
  return { ready: state === "ready", state, sessions: service?.sessionCount ?? 0, ...more };
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

/** Windows has no such signal to listen for. */
function onHangup(then: () => void): void {
  if (process.platform !== "win32") process.on("SIGHUP", then);
}

/** The second signal: whoever sends it does not want to wait. */
function endNow(): void {
  process.exit(1);
}
