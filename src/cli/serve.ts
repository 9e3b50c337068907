import process from "node:process";
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
import { Running } from "./running.ts";
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
  const running = new Running();
  listenToSignals(running); // before clients can take all descriptors, which Deno's first signal listener needs too
  const admin = config.admin && await startAdmin(config.admin, running);
  const own = admin ? [admin.addr] : [];
  const kernel = await kernelFor(config);
  const service = kernel
    ? await startThreadedService(kernel, entry, wanted, own, emit)
    : await startLocalService(wanted, () => own, emit);
  running.started(service, new Reload(service, loaded, load, emit));
  await running.stopping;
  running.drains(config.drainMs);
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

/** SIGTERM and SIGINT have it drain, and end at once when they come again; SIGHUP has it reload. */
function listenToSignals(running: Running): void {
  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1); // whoever sends it again does not want to wait
      stopping = true;
      running.drain();
    });
  }
  if (process.platform !== "win32") process.on("SIGHUP", () => void running.reload()); // Windows has none
}
