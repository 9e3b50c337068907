import assert from "node:assert/strict";
import { test } from "node:test";
import { portable, start, targets } from "../../support/program/program.ts";
import { until } from "../../support/program/until.ts";

for (const target of targets) {
  test(`${target.name}: all workers share one probe of the next gateway, which logs the probe as a probe`, async () => {
    const next = await start(target, ["--listen=127.0.0.1:0", "--admin=off", "--log-level=debug"]);
    const first = await start(target, [
      "--listen=127.0.0.1:0",
      "--admin=off",
      `--via=socks5://127.0.0.1:${next.addrs[0]!.port}`,
      "--probe-interval=1h",
      ...target === portable ? [] : ["--workers=3"],
    ]);
    await until("it has been probed", () => / debug probe /.test(next.output()));
    assert.equal(await first.stop(), 0);
    assert.equal(await next.stop(), 0);
    const lines = next.output().split("\n");
    assert.equal(lines.filter((line) => / debug probe .* end=client-left/.test(line)).length, 1, next.output());
    assert.ok(!lines.some((line) => line.includes(" info session ")), next.output());
  });
}
