import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { address, buildNetwork, whyNot } from "../../support/network/namespaces.ts";
import { type Program, shell, start, targets } from "../../support/program/program.ts";
import { hasPython } from "../../support/python/python.ts";
import { skipped } from "../../support/program/skipped.ts";

const script = join(import.meta.dirname!, "../../support/python/namespace_relay.py");
const skip = skipped("BIND and UDP between namespaces", whyNot() || (!hasPython && "no python3"));
const network = skip ? undefined : buildNetwork();
after(() => network?.remove());

const types = [
  ["A", "c4", address.gwC4, "s4", address.gwS4],
  ["B", "c4", address.gwC4, "s6", address.gwS6],
  ["C", "c6", address.gwC6, "s4", address.gwS4],
  ["D", "c6", address.gwC6, "s6", address.gwS6],
] as const;

for (const target of targets) {
  let gateway: Program | undefined;
  const run = (what: string, body: (gateway: Program) => Promise<void>) =>
    test(`namespaces, ${target.name}: ${what}`, { skip }, async () => {
      gateway ??= await start(target, ["--listen=:1080", "--user=ann:pw", "--admin=off"], network!.in("gw"));
      await body(gateway);
    });

  for (const [type, client, listener, server, serverSide] of types) {
    const relay = async (command: string) => {
      const { stdout, stderr, code } = await shell([
        "python3",
        script,
        command,
        network!.name(client),
        listener,
        network!.name(server),
        address[server],
      ]);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };

    run(
      `BIND, relay type ${type}: BND is on the peer's side, reply 2 has the peer's address, half-close works both ways`,
      async () => {
        assert.deepEqual(await relay("bind"), { bound: serverSide, told: true, whole: true });
      },
    );

    run(
      `UDP, relay type ${type}: 0 to 60,000 bytes arrive whole, from one address, with the server's address as source`,
      async () => {
        assert.deepEqual(await relay("udp"), {
          relay: listener,
          seen: [serverSide],
          sources: [[address[server], true]],
          whole: true,
        });
      },
    );
  }

  run(
    "SIGTERM ends the gateway with exit code 0, and the log has each relay type of both commands",
    async (gateway) => {
      assert.equal(await gateway.stop(), 0);
      for (const [type] of types) {
        for (const command of ["bind", "udp-associate"]) {
          assert.match(gateway.output(), new RegExp(`command=${command} .*relay=${type} reply="00 succeeded"`));
        }
      }
    },
  );
}
