import process from "node:process";
import { ConfigError } from "../../config/config_error.ts";
import type { RawOptions } from "../../config/source.ts";
import { openKernel, openNet } from "../../net/open.ts";
import { pause, systemClock } from "../../net/clock.ts";
import { Activation } from "../systemd/activation.ts";
import { startAdmin } from "./admin_server.ts";
import { chosenKernel } from "./chosen_kernel.ts";
import { countDown } from "./countdown.ts";
import type { Emit } from "../../events.ts";
import { watchFiles } from "../files/file_watch.ts";
import { filesOfReload, readNamedFiles } from "../files/named_files.ts";
import { checkPredecessor, takeOverFrom, unlessTaken, whenFree } from "./take_over.ts";
import { HostWatch } from "./host_watch.ts";
import { startLocalService } from "../service/local_service.ts";
import type { ServedConfig, Wanted } from "../service/service.ts";
import type { TlsFiles } from "../files/tls_files.ts";
import { log, seconds, startLog, stopLog } from "../log/log.ts";
import { collectAfter, type Holding, Reload, warnOf } from "./reload.ts";
import { Running } from "./running.ts";
import { openLedger } from "./open_ledger.ts";
import { listenToSignals } from "./signals.ts";
import { Systemd } from "../systemd/systemd.ts";
import { hasteOf, wallClock } from "../service/wall_clock.ts";
import { loadServed } from "./config_thread.ts";
import { openTelemetry } from "../otlp/open_telemetry.ts";
import type { ThreadAhead } from "../workers/messages/thread_ahead.ts";
import { startThreadedService } from "../workers/threaded_service.ts";

/** Time to accept clients that began to connect before the successor listened (ms). */
const HANDOVER_MS = 1_500;

/** Maximum time to send the last sessions and metrics to a collector (ms). */
const FAREWELL_MS = 3_000;

/**
 * `gate46 serve`: assembles the program and runs it until a signal comes. `flags` are read again at each reload; `entry`
 * starts threads, of which `ahead` runs already. Resolves with the exit code.
 */
export async function serve(flags: RawOptions, entry: URL, ahead?: ThreadAhead): Promise<number> {
  const haste = hasteOf(process.env), wall = wallClock(haste);
  const running = new Running(wall);
  listenToSignals(running); // before clients take all descriptors: Deno's first signal listener needs one
  const load = () => loadServed(flags, entry);
  const { holds, tls } = await firstHolding(load);
  const { config } = holds.loaded;
  if (config.watch && filesOfReload(holds.loaded).length === 0) {
    throw new ConfigError("Cannot use --watch: there is no file to watch (--config, --users-file, --tls-cert)");
  }
  const watched = () => holds.loaded.config.watch ? filesOfReload(holds.loaded) : [];
  const unwatch = watchFiles(watched, () => void running.reload(), wall); // before the start, to notice changes during it
  const libc = await openKernel();
  const toLog = await startLog(config, systemClock, libc);
  warnOf(holds);
  if (haste > 1) log.warning("in haste, which is for tests", { haste });
  const telemetry = await openTelemetry(config, systemClock, () => running.metrics());
  const emit: Emit = (event) => {
    toLog(event);
    running.listen(event);
    telemetry?.listen(event);
  };
  const activation = Activation.take();
  const unused = activation.names.filter((name) =>
    !config.listen.some(({ systemd }) => systemd === "*" || systemd === name)
  );
  if (unused.length > 0) {
    log.warning("systemd passed sockets that no --listen uses: clients that connect there wait", {
      names: unused.join(","),
    });
  }
  const { takeOver } = config;
  const systemd = await Systemd.open(running, takeOver !== undefined);
  if (takeOver !== undefined) checkPredecessor(takeOver);
  const openAdmin = () =>
    config.admin && startAdmin(config.admin, running, { token: () => holds.adminToken, mode: config.unixMode });
  const openAdminIfFree = () => takeOver === undefined ? openAdmin() : unlessTaken(async () => await openAdmin());
  let admin = await openAdminIfFree();
  const own = admin ? [admin.addr] : config.admin ? [config.admin] : [];
  const quotas = openLedger(config, wall);
  const kernel = chosenKernel(config, libc);
  const wanted = (): Wanted => ({ ...holds.loaded, users: holds.users, tls });
  if (!kernel) void ahead?.worker.terminate();
  const service = kernel
    ? await startThreadedService(kernel, entry, wanted, own, activation, emit, haste, quotas, ahead)
    : await startLocalService(entry, wanted, () => own, emit, wall, quotas);
  const reload = new Reload(service, holds, load, emit, systemd);
  const host = config.admin && new HostWatch(await openNet(), service, wall);
  await host?.look();
  running.started(service, reload, host, quotas);
  if (takeOver === undefined) systemd.ready();
  else if (running.stopped) systemd.close(); // the predecessor stays and reports to systemd
  else {
    systemd.ready();
    takeOverFrom(takeOver);
    void whenFree(async () => admin ??= await openAdmin(), () => running.stopped);
  }
  void collectAfter(holds.loaded);
  await running.stopping;
  unwatch();
  const { drainMs, drainDelayMs } = reload.config;
  const lingerMs = running.handedOver ? HANDOVER_MS : drainDelayMs;
  if (running.handedOver) {
    systemd.close(); // the successor reports to systemd now
    await admin?.close(); // the successor needs its address
    admin = undefined;
  } else systemd.stopping(lingerMs + drainMs);
  await reload.end(); // a reload could open what is closed next
  if (lingerMs > 0) {
    log.info(running.handedOver ? "handed over" : "told to stop", { drains_in: seconds(lingerMs) });
    await pause(systemClock, lingerMs, running.hurried);
  }
  running.drains(drainMs);
  const uncount = countDown(running, emit, wall);
  const drained = service.drain(drainMs, running.handedOver);
  running.hurried.on(() => service.cutRest());
  await drained;
  uncount();
  quotas.close();
  await telemetry?.close(FAREWELL_MS);
  await admin?.close();
  running.ended();
  systemd.close();
  stopLog();
  return running.hurried.made ? 1 : 0;
}

/** The state at the start. No other reference keeps its rules once a reload has replaced them. */
async function firstHolding(load: () => Promise<ServedConfig>): Promise<{ holds: Holding; tls: TlsFiles }> {
  const loaded = await load();
  const { users, tls, adminToken } = await readNamedFiles(loaded);
  return { holds: { loaded, adminToken, certificates: tls.certificates, users }, tls };
}
