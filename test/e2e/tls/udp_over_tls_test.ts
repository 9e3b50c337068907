import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { openNet } from "../../../src/net/open.ts";
import { systemClock } from "../../../src/net/clock.ts";
import { Client } from "../../../src/sockslib/client.ts";
import { targets } from "../../support/program/program.ts";
import { until, within } from "../../support/program/until.ts";
import { type Certificates, issue } from "../../support/tls/certificates.ts";
import { tlsTest } from "../../support/tls/tls_place.ts";
import { echoUdp } from "../../support/wire/udp.ts";

const net = await openNet();

/** Datagrams of all sizes to `host` and back, by that gateway. */
async function echoes(via: string, { host, port }: SocketAddr): Promise<void> {
  const resolver = { resolve: (name: string) => Promise.reject(new Error(name)) };
  const association = await new Client({ net, clock: systemClock, resolver, via }).associate();
  for (const size of [0, 1, 1_200, 9_000, 60_000]) {
    const payload = new Uint8Array(size).fill(size);
    await association.send(payload, { host, port });
    const received = await within(`${size} octets from ${host} by ${via}`, association.receive());
    assert.deepEqual(received, { payload, source: { host, port } });
  }
  association.close();
}

/** An HTTP proxy that knows CONNECT alone, and where it has connected to. */
async function httpProxy(): Promise<{ readonly port: number; readonly asked: string[]; close(): void }> {
  const asked: string[] = [], sockets: Socket[] = [];
  const server = createServer((client) => {
    sockets.push(client.on("error", () => {}));
    let head = "";
    client.setEncoding("latin1").on("data", function take(text: string) {
      head += text;
      if (!head.endsWith("\r\n\r\n")) return;
      client.off("data", take);
      asked.push(head.split("\r\n")[0]!);
      const [, host, port] = /^CONNECT (.*):(\d+) /.exec(head)!;
      const far = connect(Number(port), host!, () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
      sockets.push(far.on("error", () => {}));
      client.setEncoding("binary");
      client.on("data", (text: string) => far.write(text, "latin1"));
      far.on("data", (bytes) => client.write(bytes)).on("close", () => client.destroy());
      client.on("close", () => far.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as { port: number }).port, asked, close };
}

for (const target of targets) {
  tlsTest(
    target,
    "UDP of types A to D goes inside TLS from gateway to gateway, also through an HTTP proxy",
    async (place) => {
      const [certificates] = issue([{ names: ["IP:127.0.0.1"] }]) as [Certificates];
      const far = await place.start(
        target,
        ...place.listener(certificates),
        ...["--udp-in-tcp", "--allow=127.0.0.1", "--allow=::1"],
      );
      const proxy = await httpProxy();
      const secure = `127.0.0.1:${far.addrs[0]!.port}`;
      const config = place.file(
        "near.toml",
        `udp_in_tcp = true
via_ca = "${place.file("ca.pem", certificates.ca)}"
[[rules]]
action = "allow"
to = "127.0.0.1"
via = "socks5s://${secure}?udp=tcp"
[[rules]]
action = "allow"
to = "::1"
via = ["http://127.0.0.1:${proxy.port}", "socks5s://${secure}?udp=tcp"]
`,
      );
      const near = await place.start(target, `--config=${config}`, "--listen=127.0.0.1:0", "--listen=[::1]:0");
      const servers = [await echoUdp("127.0.0.1"), await echoUdp("::1")];
      for (const { port, host } of near.addrs) {
        const url = `socks5://${host.includes(":") ? `[${host}]` : host}:${port}`;
        for (const { addr } of servers) for (const way of [url, `${url}?udp=tcp`]) await echoes(way, addr);
      }
      for (const server of servers) server.close();
      assert.ok(proxy.asked.length > 0);
      assert.deepEqual(new Set(proxy.asked), new Set([`CONNECT ${secure} HTTP/1.1`]));
      proxy.close();
      for (const command of ["udp-associate", "udp-in-tcp"]) {
        const line = new RegExp(`command=${command} .*via="(http://\\S+ > )?socks5s://127\\.0\\.0\\.1:\\d+\\?udp=tcp"`);
        await until(`the log tells of ${command}`, () => line.test(near.output()));
      }
      assert.ok(!far.output().includes("command=udp-associate"), far.output());
    },
  );
}
