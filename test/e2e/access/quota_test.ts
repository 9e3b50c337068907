import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { type Program, start, targets, workers } from "../../support/program/program.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";
import { credentials, readReply, request } from "../../support/wire/socks.ts";
import { concat, echoServer, Tcp } from "../../support/wire/tcp.ts";

const server = await echoServer("127.0.0.1");
after(() => server.close());

const HALF = new Uint8Array(300_000);

/** A connection of `user` through the gateway; what the request was answered. */
async function connect(gateway: Program, user: string): Promise<{ client: Tcp; reply: number }> {
  const client = await Tcp.to(gateway.addrs[0]!);
  const ask = request(Command.Connect, "127.0.0.1", server.addr.port);
  client.write(concat(Uint8Array.of(5, 1, 2), credentials(user, "pw"), ask));
  await client.read(4);
  return { client, reply: (await readReply(client)).reply };
}

/** So many octets go there and back. */
async function echo(client: Tcp, octets: Uint8Array): Promise<void> {
  client.write(octets);
  await client.read(octets.length);
}

for (const target of targets) {
  describe(`${target.name}: a quota`, () => {
    const folder = temporaryFolder("quota");
    const config = join(folder, "gate46.toml"), file = join(folder, "quotas.json");
    writeFileSync(
      config,
      `listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
allow = "127.0.0.1"
quota_file = "quotas.json"
users = [
  { name = "ann", password = "pw", quota = "1M", quota_period = "day" },
  { name = "bob", password = "pw" },
]
`,
    );
    const flags = [`--config=${config}`, ...workers(target, 2)];
    const begin = () => start({ ...target, command: ["env", "GATE46_TEST_HASTE=50", ...target.command] }, flags);
    const status = async ({ admin }: Program) =>
      (await (await fetch(`http://127.0.0.1:${admin!.port}/api/status`)).json()).quotas[0];

    test(
      "keeps its count over a kill -9, ends the sessions that use it up, and refuses new sessions with reply 02 and the reason",
      {
        timeout: 60_000,
      },
      async () => {
        let gateway = await begin();
        try {
          const { client, reply } = await connect(gateway, "ann");
          assert.equal(reply, Reply.Succeeded);
          await echo(client, HALF);
          const kept = () => {
            try {
              return JSON.parse(readFileSync(file, "utf8")).users.ann.bytes === 2 * HALF.length;
            } catch {
              return false;
            }
          };
          await until("what a session that goes on has moved is in the file", kept);
          gateway.signal("SIGKILL");
          await gateway.exited;
          client.close();

          gateway = await begin();
          const { user, bytes, used } = await status(gateway);
          assert.deepEqual({ user, bytes, used }, { user: "ann", bytes: 1e6, used: 600_000 });
          const more = await connect(gateway, "ann");
          more.client.write(HALF);
          await more.client.rest().catch(() => {}); // what came back before it was cut
          await until("the log has how it ended", () => /user=ann .*end=quota-reached/.test(gateway.output()));
          const refused = await connect(gateway, "ann");
          assert.equal(refused.reply, Reply.NotAllowed);
          await until(
            "the log has the reason",
            () => /end=refused.*the quota of this user is used up until 20\d\d-/.test(gateway.output()),
          );
          assert.equal((await connect(gateway, "bob")).reply, Reply.Succeeded, "bob has no quota");

          const metrics = await (await fetch(`http://127.0.0.1:${gateway.admin!.port}/metrics`)).text();
          assert.match(metrics, /^gate46_user_quota_bytes\{user="ann"\} 1000000$/m);
          const [, counted] = /^gate46_user_quota_used_bytes\{user="ann"\} (\d+)$/m.exec(metrics)!;
          assert.ok(Number(counted) >= 1e6);
          assert.match(metrics, /^gate46_user_quota_reset_timestamp_seconds\{user="ann"\} 1\d{9}$/m);
          assert.doesNotMatch(metrics, /quota.*bob/);
        } finally {
          gateway.signal("SIGKILL");
          await gateway.exited;
        }
      },
    );
  });
}
