import assert from "node:assert/strict";
import { test } from "node:test";
import { clientSide } from "../../../src/gateway/commands/announce.ts";
import { unixAddr } from "../../../src/net/socket.ts";

const socks = unixAddr("/run/socks.sock");
const ours = { host: "192.0.2.1", port: 1_080 }, theirs = { host: "192.0.2.77", port: 40_000 };
const theirs6 = { host: "2001:db8:77::7", port: 40_000 };

for (
  const [what, localAddr, client, host] of [
    ["is the address that the client connected to", ours, theirs, "192.0.2.1"],
    [
      "behind a proxy of another family, is the gateway's address towards the client",
      ours,
      theirs6,
      "towards 2001:db8:77::7",
    ],
    ["is loopback for a client on a UNIX socket", socks, socks, "127.0.0.1"],
    [
      "behind a proxy on a UNIX socket, is the gateway's address towards the client, not loopback",
      socks,
      theirs,
      "towards 192.0.2.77",
    ],
  ] as const
) {
  test(`BND.ADDR: ${what}`, async () => {
    const conversation = {
      net: { localAddrFor: (host: string) => Promise.resolve(`towards ${host}`) },
      client: { localAddr },
      record: { client },
    };
    const side = await clientSide(conversation as unknown as Parameters<typeof clientSide>[0]);
    assert.deepEqual([side.host, side.zone], [host, undefined]);
  });
}
