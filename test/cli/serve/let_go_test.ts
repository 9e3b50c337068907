import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { chosenKernel } from "../../../src/cli/serve/chosen_kernel.ts";
import { loadServed } from "../../../src/cli/serve/config_thread.ts";
import { readNamedFiles } from "../../../src/cli/files/named_files.ts";
import { Reload } from "../../../src/cli/serve/reload.ts";
import { startLocalService } from "../../../src/cli/service/local_service.ts";
import type { Service, Wanted } from "../../../src/cli/service/service.ts";
import { Activation } from "../../../src/cli/systemd/activation.ts";
import type { Systemd } from "../../../src/cli/systemd/systemd.ts";
import { startThreadedService } from "../../../src/cli/workers/threaded_service.ts";
import { systemClock } from "../../../src/net/clock.ts";
import { memoryCollector, openKernel } from "../../../src/net/open.ts";
import { projectRoot } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const entry = pathToFileURL(join(projectRoot, "mod.ts"));
const libc = await openKernel();
const systemd = { reloading() {}, ready() {} } as unknown as Systemd;

/** Starts a service by `first`. */
type Start = (first: () => Wanted) => Promise<Service>;

const local: Start = (first) => startLocalService(entry, first, () => [], () => {}, systemClock);

const threaded: Start = (first) => {
  const kernel = chosenKernel(first().config, libc)!;
  return startThreadedService(kernel, entry, first, [], Activation.take(), () => {}, 1);
};

for (
  const [engine, begin, skip] of [
    ["portable", local, false],
    ["linux", threaded, skipped("let_go_test.ts", libc ? false : "the Linux engine cannot run here")],
  ] as const
) {
  test(`${engine} engine: a reload frees the memory of the old rules`, { skip }, async () => {
    const collect = await memoryCollector();
    const flags = { listen: ["127.0.0.1:0"], admin: "off", ...engine === "linux" && { workers: "1" } };
    const made: WeakRef<object>[] = [];
    const load = async () => {
      const loaded = await loadServed(flags, entry);
      made.push(new WeakRef(loaded.rules));
      return loaded;
    };
    const start = async () => {
      const loaded = await load();
      const { users, tls, adminToken } = await readNamedFiles(loaded);
      const holds = { loaded, adminToken, certificates: tls.certificates, users };
      const service = await begin(() => ({ ...holds.loaded, users: holds.users, tls }));
      return { service, reload: new Reload(service, holds, load, () => {}, systemd) };
    };
    const { service, reload } = await start();
    for (let i = 0; i < 3; i++) assert.deepEqual(await reload.run(), []);
    await until("only the rules that hold are there", () => {
      collect();
      return made.filter((ref) => ref.deref()).length === 1;
    });
    await reload.end();
    await service.drain(0);
  });
}
