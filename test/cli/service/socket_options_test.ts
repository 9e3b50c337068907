import assert from "node:assert/strict";
import { test } from "node:test";
import { refuseSocketOptions } from "../../../src/cli/service/socket_options.ts";
import { parseConfig } from "../../../src/config/config.ts";
import { flagName } from "../../../src/config/options.ts";

test("options of the Linux engine are refused on the portable engine", () => {
  refuseSocketOptions(parseConfig({}));
  const wanted = {
    workers: "2",
    busyPoll: "1ms",
    mark: "1",
    interface: "lo",
    freeBind: true,
    tcpUserTimeout: "5s",
  } as const;
  for (const key of Object.keys(wanted) as (keyof typeof wanted)[]) {
    assert.throws(() => refuseSocketOptions(parseConfig({ [key]: wanted[key] })), {
      name: "ConfigError",
      message: `Cannot use ${flagName(key)}: only the Linux engine can`,
    });
  }
});
