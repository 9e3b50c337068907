import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { start, targets } from "../../support/program/program.ts";
import { ask, greeting } from "../../support/wire/socks.ts";
import { Tcp } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const RULES = 20_000;

/** Of the same in a list. */
const NAMES = 100_000;

/** A file whose reading keeps a thread busy for some tenths of a second. */
function toml(name: string): string {
  const rules = Array.from({ length: RULES }, (_, i) => `[[rules]]\naction = "deny"\nnames = "${name}${i}.test"\n`);
  return rules.join("");
}

for (const target of targets) {
  test(
    `${target.name}: clients are served while a reload reads a large file or list`,
    { timeout: 120_000 },
    async () => {
      const folder = temporaryFolder("large"), file = join(folder, "gate46.toml");
      writeFileSync(file, toml("former"));
      const gateway = await start(target, [`--config=${file}`, "--listen=127.0.0.1:0", "--admin=off"]);
      const replyFor = async (name: string) => {
        const { client, reply } = await ask(gateway.addrs[0]!, Command.Connect, name, 80);
        client.close();
        return reply.reply;
      };
      assert.equal(await replyFor(`former${RULES - 1}.test`), Reply.NotAllowed);
      const reload = async () => {
        const times = () => gateway.output().split("reloaded").length;
        const before = times();
        gateway.signal("SIGHUP");
        let greeted = 0;
        while (times() === before) {
          const client = await Tcp.to(gateway.addrs[0]!);
          client.write(greeting);
          assert.deepEqual([...await client.read(2)], [5, 0]);
          client.close();
          greeted++;
        }
        // A thread that reads the file greets one client before it, and perhaps one in a pause.
        assert.ok(greeted > 10, `${greeted} clients were greeted`);
      };
      writeFileSync(file, toml("next"));
      await reload();
      assert.equal(await replyFor(`next${RULES - 1}.test`), Reply.NotAllowed);
      assert.notEqual(await replyFor(`former${RULES - 1}.test`), Reply.NotAllowed);
      const names = Array.from({ length: NAMES }, (_, i) => `.listed${i}.test\n`);
      writeFileSync(join(folder, "names"), names.join(""));
      writeFileSync(file, `[[rules]]\naction = "deny"\nnames_file = "names"\n`);
      await reload();
      assert.equal(await replyFor(`www.listed${NAMES - 1}.test`), Reply.NotAllowed);
      assert.notEqual(await replyFor(`next${RULES - 1}.test`), Reply.NotAllowed);
      assert.equal(await gateway.stop(), 0);
    },
  );
}
