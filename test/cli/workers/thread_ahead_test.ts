import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { readNamedFiles } from "../../../src/cli/files/named_files.ts";
import { chosenKernel } from "../../../src/cli/serve/chosen_kernel.ts";
import { loadServed } from "../../../src/cli/serve/config_thread.ts";
import { Activation } from "../../../src/cli/systemd/activation.ts";
import { ThreadAhead } from "../../../src/cli/workers/messages/thread_ahead.ts";
import { startThreadedService } from "../../../src/cli/workers/threaded_service.ts";
import { openKernel } from "../../../src/net/open.ts";
import { projectRoot } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const entry = pathToFileURL(join(projectRoot, "mod.ts"));
const libc = await openKernel();
const skip = skipped("thread_ahead_test.ts", libc ? false : "the Linux engine cannot run here");

async function serve(ahead: ThreadAhead): Promise<void> {
  const loaded = await loadServed({ listen: ["127.0.0.1:0"], admin: "off", workers: "1" }, entry);
  const { users, tls } = await readNamedFiles(loaded);
  const kernel = chosenKernel(loaded.config, libc)!;
  const wanted = () => ({ ...loaded, users, tls });
  const service = await startThreadedService(
    kernel,
    entry,
    wanted,
    [],
    Activation.take(),
    () => {},
    1,
    undefined,
    ahead,
  );
  assert.equal(service.vitals().workers, 1);
  assert.equal(service.addrs.length, 1);
  await service.drain(0);
}

test("a thread started before the configuration is loaded becomes the first worker", { skip }, async () => {
  const ahead = ThreadAhead.start(entry)!;
  let ended = false;
  ahead.worker.once("exit", () => ended = true);
  await serve(ahead);
  assert.equal(ended, false, "it serves until the program ends");
  await ahead.worker.terminate();
});

test("another thread is started if that thread has already ended", { skip }, async () => {
  const ahead = ThreadAhead.start(entry)!;
  await ahead.worker.terminate();
  await until("it is gone", () => ahead.gone);
  await serve(ahead);
});
