import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import { test } from "node:test";
import { Cut } from "../../../src/net/cut.ts";
import { gatewayUpstream } from "../../../src/sockslib/socksify/gateway_upstream.ts";
import { parseHop } from "../../../src/sockslib/chain/hop.ts";
import { connectDirectly } from "../../../src/sockslib/socksify/node/node_net.ts";
import { until } from "../../support/program/until.ts";

/** A gateway that says `answers`, one to each thing it hears. */
async function scripted(answers: readonly string[], credentials = "") {
  const heard: string[] = [];
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket)).on("error", () => {});
    const rest = [...answers];
    socket.on("data", (bytes) => {
      heard.push(bytes.toString("hex"));
      const answer = rest.shift();
      if (answer === "end") socket.end();
      else if (answer !== undefined) socket.write(Buffer.from(answer, "hex"));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const upstream = gatewayUpstream([parseHop(`socks5://${credentials}127.0.0.1:${port}`)]);
  return {
    upstream,
    heard,
    async close() {
      await until("every connection is closed", () => open.size === 0);
      server.close();
    },
  };
}

const name = { type: 3, host: "v6.test", port: 80 } as const;
const connect = "0501000307" + "76362e74657374" + "0050";
const succeeded = "05000001000000000000";

test("a name is sent unresolved, with and without a password", async () => {
  for (
    const [credentials, answers, expected] of [
      ["", ["0500", succeeded], ["050100", connect]],
      ["ann:pw@", ["0502", "0100", succeeded], ["05020002", "0103616e6e027077", connect]],
      ["ann:pw@", ["0500", succeeded], ["05020002", connect]],
    ] as const
  ) {
    const gateway = await scripted(answers, credentials);
    (await gateway.upstream.connect(name, connectDirectly)).close();
    assert.deepEqual(gateway.heard, expected);
    await gateway.close();
  }
});

test("a refusal of the gateway is passed on, and the connection is closed", async () => {
  for (
    const [credentials, answers, expected] of [
      ["", ["0500", "05050001000000000000"], { reply: 5 }],
      ["", ["0500", "05630001000000000000"], { reply: 0x63 }],
      ["", ["05ff"], { kind: "permission-denied", message: /wants credentials/ }],
      ["ann:pw@", ["0502", "0101"], { kind: "permission-denied", message: /takes other credentials/ }],
      ["ann:pw@", ["05ff"], { kind: "permission-denied" }],
      ["", ["end"], { kind: "closed" }],
      ["", ["0500", "end"], { kind: "closed" }],
      ["", ["0400"], { kind: "other", message: /VER 4/ }],
      ["", ["0500", "00".repeat(600)], { kind: "other" }],
    ] as const
  ) {
    const gateway = await scripted(answers, credentials);
    await assert.rejects(gateway.upstream.connect(name, connectDirectly), expected);
    await gateway.close();
  }
});

test("the connection to a silent gateway closes when the application cancels", async () => {
  const gateway = await scripted([]);
  const cut = new Cut();
  const connecting = gateway.upstream.connect(name, connectDirectly, cut);
  await until("it has heard the greeting", () => gateway.heard.length === 1);
  cut.make();
  await assert.rejects(connecting, { kind: "aborted" });
  await gateway.close();
});

test("RESOLVE checks if a name exists: reply 04 means no, and the answer is cached", async () => {
  const yes = await scripted(["0500", "05000001c00002010000"]);
  assert.deepEqual([await yes.upstream.exists("v6.test"), await yes.upstream.exists("V6.test")], [true, true]);
  assert.deepEqual(yes.heard, ["050100", "05f00003077" + "6362e746573740000"]);
  await yes.close();
  const no = await scripted(["0500", "05040001000000000000"]);
  assert.equal(await no.upstream.exists("nope.test"), false);
  await no.close();
});

test("a gateway without RESOLVE gets one query only", async () => {
  const gateway = await scripted(["0500", "05070001000000000000"]);
  assert.deepEqual([await gateway.upstream.exists("a.test"), await gateway.upstream.exists("b.test")], [true, true]);
  assert.equal(gateway.heard.length, 2);
  await gateway.close();
});
