import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Finding } from "../../../src/cli/doctor/findings/finding.ts";
import { programs, run } from "../../support/program/program.ts";
import { echoServer, unusedPort } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

for (const target of programs) {
  test(`${target.name}: doctor reports the problems of a configuration, and exits with 1`, async () => {
    const folder = temporaryFolder("doctor");
    const taken = await echoServer("127.0.0.1", await unusedPort("127.0.0.1"));
    const file = join(folder, "gate46.toml"), password = join(folder, "password");
    writeFileSync(password, "correct-horse\n");
    chmodSync(password, 0o644);
    writeFileSync(
      file,
      `listen = "127.0.0.1:${taken.addr.port}"\nadmin = "off"\nhost = ["ipv4only.arpa=192.0.0.170"]\n` +
        `[[users]]\nname = "ann"\npassword_file = "password"\n`,
    );
    const { code, stdout } = await run(target, ["doctor", "--json", `--config=${file}`]);
    const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: readonly Finding[] };
    assert.deepEqual([code, ok], [1, false]);
    const says = findings.map(({ level, about, says }) => `${level} ${about}: ${says}`);
    const listen = says.find((one) => one.startsWith("problem listen:"));
    const holder = process.platform === "linux" ? `by \\S+, process ${process.pid}$` : "";
    assert.match(listen!, new RegExp(`127\\.0\\.0\\.1:${taken.addr.port} is in use ${holder}`));
    assert.ok(says.includes(`note secrets: ${password} is readable by all users of this host`), stdout);
    assert.doesNotMatch(stdout, /horse/);

    taken.close();
    const free = await run(target, ["doctor", `--config=${file}`]);
    assert.match(free.stdout, new RegExp(`^ok +listen +127\\.0\\.0\\.1:${taken.addr.port} is free$`, "m"));
    assert.match(
      free.stdout,
      new RegExp(`^note +secrets +\\S+ is readable by all users of this host\\n +change: chmod o-r ${password}$`, "m"),
    );

    writeFileSync(file, "listen = 5\n");
    const wrong = await run(target, ["doctor", `--config=${file}`]);
    assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
    assert.match(wrong.stderr, /^gate46: Cannot parse .*gate46\.toml/);
  });
}
