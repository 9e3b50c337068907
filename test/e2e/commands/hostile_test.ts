import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { type Program, start, targets, workers } from "../../support/program/program.ts";
import { slow } from "../../support/program/skipped.ts";
import { ask, credentials, greeting, request } from "../../support/wire/socks.ts";
import { concat, echoServer } from "../../support/wire/tcp.ts";
import { until, within } from "../../support/program/until.ts";

const AT_A_TIME = 64, ATTACK_MS = 110_000;
const seed = Number(process.env.GATE46_SEED ?? (Math.random() * 2 ** 32) >>> 0);

/** mulberry32: the same seed, the same handshakes. */
function random(state: number): (below: number) => number {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

for (const target of targets) {
  for (const handshakes of [1_000, 10_000]) {
    const what =
      `${target.name}: after ${handshakes} hostile handshakes a normal session works, and no session or descriptor is left`;
    test(`${what} (GATE46_SEED=${seed})`, { skip: handshakes > 1_000 && slow(what) }, async () => {
      console.log(`GATE46_SEED=${seed}`);
      const gateway = await start(target, [
        "--listen=127.0.0.1:0",
        "--allow=127.0.0.0/8",
        "--admin=127.0.0.1:0",
        "--handshake-timeout=60s",
        "--drain=0s",
        ...workers(target, 2),
      ]);
      try {
        await withstand(gateway, handshakes);
        assert.equal(await gateway.stop(), 0);
      } catch (error) {
        await gateway.stop(); // whose log tells what was left
        console.log(gateway.output().split("\n").filter((line) => /end=drained| error | fault /.test(line)).join("\n"));
        throw error;
      }
    });
  }
}

async function withstand(gateway: Program, left: number): Promise<void> {
  const server = await echoServer("127.0.0.1");
  const pick = random(seed);
  const descriptors = () => process.platform === "linux" ? readdirSync(`/proc/${gateway.child.pid}/fd`).length : 0;
  const before = descriptors();
  const attacker = async () => {
    while (left-- > 0) await attack(gateway.addrs[0]!, handshake(pick, server.addr), pick);
  };
  const attackers = Array.from({ length: AT_A_TIME }, attacker);
  await within("the end of the attack", Promise.all(attackers), ATTACK_MS).finally(() => left = 0);

  server.close(); // node:net's server in Deno may not have survived what was done to it
  const sound = await echoServer("127.0.0.1");
  const { client, reply } = await ask(gateway.addrs[0]!, Command.Connect, "127.0.0.1", sound.addr.port);
  assert.equal(reply.reply, Reply.Succeeded);
  client.write("fine");
  assert.equal(new TextDecoder().decode(await client.read(4)), "fine");
  client.close();
  const metrics = async () => await (await fetch(`http://127.0.0.1:${gateway.admin!.port}/metrics`)).text();
  await until("no session is left", async () => /gate46_sessions 0\n/.test(await metrics()));
  assert.match(await metrics(), /gate46_faults_total 0\n/);
  await until("no descriptor is left", () => descriptors() <= before + 8); // the admin endpoint keeps some of its own
  sound.close();
}

/** A conversation gone wrong: cut off, mutated, out of order, repeated, or noise. */
function handshake(pick: (below: number) => number, server: SocketAddr): Uint8Array {
  const noise = (size: number) => Uint8Array.from({ length: size }, () => pick(256));
  const parts = [
    greeting,
    Uint8Array.of(5, 2, 0, 2),
    credentials("user", "password"),
    request(1 + pick(3) as Command, "127.0.0.1", server.port),
    request(Command.Connect, "localhost", server.port),
    Uint8Array.of(5, 1, 0, 3, 255, ...noise(pick(255))),
    noise(pick(600)),
  ];
  const bytes = concat(
    ...Array.from({ length: 1 + pick(4) }, (_, i) => i === 0 && pick(3) > 0 ? greeting : parts[pick(parts.length)]!),
  );
  for (let i = pick(4); i > 0 && bytes.length > 0; i--) bytes[pick(bytes.length)] = pick(256);
  return bytes.subarray(0, 1 + pick(bytes.length));
}

function attack({ host, port }: SocketAddr, bytes: Uint8Array, pick: (below: number) => number): Promise<void> {
  const [cut, how] = [pick(bytes.length + 1), pick(3)];
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const leave = () => how === 0 ? socket.resetAndDestroy() : how === 1 ? socket.destroy() : socket.end();
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.on("connect", () => {
      socket.write(bytes.subarray(0, cut));
      socket.write(bytes.subarray(cut), () => setImmediate(leave));
    });
    socket.resume();
  });
}
