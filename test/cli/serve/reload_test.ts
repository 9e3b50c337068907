import assert from "node:assert/strict";
import { test } from "node:test";
import { type Holding, Reload } from "../../../src/cli/serve/reload.ts";
import type { Service } from "../../../src/cli/service/service.ts";
import type { Systemd } from "../../../src/cli/systemd/systemd.ts";
import type { Event } from "../../../src/events.ts";

test("The program exits without waiting for a configuration that is still being read", async () => {
  const events: Event[] = [];
  const systemd = { reloading() {}, ready() {} } as Systemd;
  const neverRead = () => new Promise<never>(() => {});
  const reload = new Reload({ addrs: [] } as unknown as Service, {} as Holding, neverRead, (one) => {
    events.push(one);
  }, systemd);
  const asked = reload.run();
  await Promise.resolve();
  await reload.end();
  const problems = ["Cannot reload: the program is ending"];
  assert.deepEqual(await asked, problems);
  assert.deepEqual(await reload.run(), problems);
  assert.deepEqual(events, [{ type: "reload-refused", problems }, { type: "reload-refused", problems }]);
});
