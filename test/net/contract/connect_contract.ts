import { Cut } from "../../../src/net/cut.ts";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { NetError } from "../../../src/net/error.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { until, within } from "../../support/program/until.ts";
import { dialled } from "./script.ts";
import { isPending, kindOf } from "./stream.ts";
import { type Bench, descriptorCount, type Suite } from "./suite.ts";

/** A link on which nobody answers, but a neighbour that is known and silent. */
const LONELY_LINK = [
  "ip link add near type veth peer name far",
  "ip link set far up",
  "ip link set near up",
  "ip addr add 10.46.0.1/24 dev near",
  "ip addr add fd46::1/64 dev near nodad",
  "ip neigh add 10.46.0.9 lladdr 02:00:00:00:00:09 dev near nud permanent",
];

const withoutLowPorts = ["setpriv", "--inh-caps=-net_bind_service", "--bounding-set=-net_bind_service"];
const hasSetpriv = spawnSync("setpriv", ["--version"]).status === 0;

export function connectContract(suite: Suite): void {
  const { subject } = suite;

  for (const host of ["127.0.0.1", "::1"]) {
    suite.test(`connect() to a port of ${host} without a listener fails as refused`, async (bench) => {
      assert.equal(await kindOf(bench.net.connect(await freeAddr(bench, host))), "refused");
    });
  }

  suite.test("the error of connect() names the address and the reason", async (bench) => {
    const addr = await freeAddr(bench, "::1");
    await assert.rejects(bench.net.connect(addr), (error) => {
      assert.ok(error instanceof NetError);
      assert.match(error.message, new RegExp(`^Cannot connect to \\S*::1\\S*: \\S`));
      return true;
    });
  });

  for (const [host, localAddr] of [["127.0.0.1", "127.0.0.9"], ["::1", "::1"]] as const) {
    suite.test(`connect() uses the local address ${localAddr} when the caller sets it`, async (bench) => {
      if (!bench.net.bindsConnections) return;
      const listener = await bench.listen(host);
      const client = bench.keep(await bench.net.connect(listener.addr, { localAddr }));
      const server = await bench.accept(listener);
      assert.equal(client.localAddr.host, localAddr);
      assert.equal(server.remoteAddr.host, localAddr);
    });
  }

  suite.test("connect() from a local address that this host lacks fails as address-not-available", async (bench) => {
    if (!bench.net.bindsConnections) return;
    const listener = await bench.listen();
    const connecting = bench.net.connect(listener.addr, { localAddr: "192.0.2.99" });
    assert.equal(await kindOf(connecting), "address-not-available");
  });

  suite.test(
    "connect() from one local address can use every ephemeral port for each destination",
    async (bench) => {
      if (!bench.net.bindsConnections) return;
      const namespace = ['echo "40000 40019" >/proc/sys/net/ipv4/ip_local_port_range'];
      const wish = "from:127.0.0.9:15";
      assert.deepEqual(await dialled(subject, [wish], { namespace }), { [wish]: "15 to each" });
    },
    "a script",
    "namespaces",
  );

  suite.test(
    "a listener on :: also accepts IPv4 when net.ipv6.bindv6only is 1",
    async () => {
      const namespace = ["echo 1 >/proc/sys/net/ipv6/bindv6only"];
      assert.deepEqual(await dialled(subject, ["families:_:0"], { namespace }), { "families:_:0": "done" });
    },
    "a script",
    "namespaces",
  );

  suite.test("connect() with a cut made earlier fails as aborted and sends nothing", async (bench) => {
    const listener = await bench.listen();
    assert.equal(await kindOf(bench.net.connect(listener.addr, { cut: made() })), "aborted");
    assert.equal(await isPending(listener.accept(), 50), true);
  });

  suite.test("a cut made after connect() does not affect the connection", async (bench) => {
    const listener = await bench.listen();
    const cut = new Cut();
    const client = bench.keep(await bench.net.connect(listener.addr, { cut }));
    const server = await bench.accept(listener);
    cut.make();
    await client.write(Uint8Array.of(1));
    assert.deepEqual(await server.read(), Uint8Array.of(1));
  });

  suite.test("connect() to a host that does not answer ends at once when the cut is made", async (bench) => {
    const peer = bench.python();
    const addr = await silentAddr(bench, await peer.listen("127.0.0.1", 0));
    const cut = new Cut();
    const connecting = bench.net.connect(addr, { cut });
    assert.equal(await isPending(connecting, 300), true);
    cut.make();
    assert.equal(await within("its end", kindOf(connecting)), "aborted"); // the system gives up after two minutes
  }, "python");

  suite.test("a refused connect() leaks no file descriptor", async (bench) => {
    const addr = await freeAddr(bench, "127.0.0.1");
    await kindOf(bench.net.connect(addr));
    const before = descriptorCount();
    for (let i = 0; i < 50; i++) await kindOf(bench.net.connect(addr));
    await until("the descriptors are given back", () => descriptorCount() <= before + 1);
  }, "descriptors");

  suite.test(
    "connect() fails with the error of the route",
    async () => {
      const wishes = {
        "connect:192.0.2.1:9": "network-unreachable",
        "connect:2001_db8__1:9": "network-unreachable",
        "connect:10.46.1.1:9": "host-unreachable",
        "connect:fd46_1__1:9": "host-unreachable",
        "connect:10.46.2.1:9": "permission-denied",
        "connect:127.0.0.1:9": "refused",
        "connect:__1:9": "refused",
      };
      const namespace = [
        "ip route add unreachable 10.46.1.0/24",
        "ip -6 route add unreachable fd46:1::/64",
        "ip route add prohibit 10.46.2.0/24",
      ];
      assert.deepEqual(await dialled(subject, Object.keys(wishes), { namespace }), wishes);
    },
    "a script",
    "namespaces",
  );

  for (const [host, wish] of [["10.46.0.2", "connect:10.46.0.2:9"], ["fd46::2", "connect:fd46__2:9"]] as const) {
    suite.test(
      `connect() to the missing neighbour ${host} fails as host-unreachable`,
      async () => {
        assert.deepEqual(await dialled(subject, [wish], { namespace: LONELY_LINK }), { [wish]: "host-unreachable" });
      },
      "a script",
      "namespaces",
    );
  }

  suite.test(
    "connect() to a host that does not answer fails as timed-out after the TCP timeout of the kernel",
    async () => {
      const wish = "connect:10.46.0.9:9";
      const namespace = [...LONELY_LINK, "echo 1 >/proc/sys/net/ipv4/tcp_syn_retries"];
      assert.deepEqual(await dialled(subject, [wish], { namespace }), { [wish]: "timed-out" });
    },
    "a script",
    "namespaces",
  );

  suite.test("listen() and bindUdp() on an address in use fail as address-in-use", async (bench) => {
    const listener = await bench.listen();
    assert.equal(await kindOf(bench.net.listen(listener.addr)), "address-in-use");
    const udp = await bench.udp();
    assert.equal(await kindOf(bench.net.bindUdp(udp.addr)), "address-in-use");
  });

  suite.test("listen() can reuse a port in TIME_WAIT at once", async (bench) => {
    const listener = await bench.listen();
    const client = await bench.connect(listener.addr);
    const server = await bench.accept(listener);
    server.close(); // this side closes first, so TIME_WAIT is on the listener's port
    assert.equal(await client.read(), null);
    client.close();
    listener.close();
    await bench.listen("127.0.0.1", listener.addr.port);
  });

  suite.test("listen() and bindUdp() on an address that this host lacks fail as address-not-available", async (bench) => {
    for (const host of ["192.0.2.46", "2001:db8::46"]) {
      assert.equal(await kindOf(bench.net.listen({ host, port: 0 })), "address-not-available");
      assert.equal(await kindOf(bench.net.bindUdp({ host, port: 0 })), "address-not-available");
    }
  });

  suite.test(
    "listen() and bindUdp() on a privileged port without permission fail as permission-denied",
    async () => {
      if (!hasSetpriv) throw new Error("Cannot drop capabilities: setpriv of util-linux is not here");
      const wishes = { "listen:127.0.0.1:1": "permission-denied", "udp:127.0.0.1:1": "permission-denied" };
      const options = { namespace: [], prefix: withoutLowPorts };
      assert.deepEqual(await dialled(subject, Object.keys(wishes), options), wishes);
    },
    "a script",
    "namespaces",
  );
}

/** An address where somebody has listened, and nobody does now. */
async function freeAddr(bench: Bench, host: string): Promise<SocketAddr> {
  const listener = await bench.listen(host);
  listener.close();
  return listener.addr;
}

/** Fills the backlog of `addr`, so that the next connect is not answered; one that only takes its time must not look so. */
async function silentAddr(bench: Bench, addr: SocketAddr): Promise<SocketAddr> {
  for (let i = 0; i < 8; i++) {
    const cut = new Cut();
    const connecting = bench.net.connect(addr, { cut });
    connecting.then((socket) => bench.keep(socket), () => {});
    if (await isPending(connecting, 2_000)) {
      cut.make();
      await within("a connect given up", connecting.catch(() => {}));
      return addr;
    }
  }
  throw new Error("Cannot fill the backlog");
}

function made(): Cut {
  const cut = new Cut();
  cut.make();
  return cut;
}
