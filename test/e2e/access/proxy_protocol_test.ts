import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import type { SocketAddr } from "../../../src/net/socket.ts";
import { certificatesFor, hasOpenssl } from "../../support/tls/certificates.ts";
import { startFront } from "../../support/network/front.ts";
import { type Program, start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { greeting, readReply, request } from "../../support/wire/socks.ts";
import { echoServer, Tcp, unusedPort } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { overTls } from "../../support/tls/tls_place.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped(
  "proxy_protocol_test.ts, HAProxy",
  spawnSync("haproxy", ["-v"]).status !== 0 ? "haproxy is not here" : hasOpenssl ? false : "openssl is not here",
);
const skipTls = skipped("proxy_protocol_test.ts, TLS", hasOpenssl ? false : "openssl is not here");
const nginxStream = "/usr/lib/nginx/modules/ngx_stream_module.so";
const skipNginx = skipped(
  "proxy_protocol_test.ts, nginx",
  existsSync(nginxStream) ? false : "nginx with its stream module is not here",
);

/** The address from which proxies come, as from another host. */
const PROXY = "127.0.0.46";

const folder = temporaryFolder("proxy");
const { ca, cert, key } = hasOpenssl ? certificatesFor("IP:127.0.0.1", "IP:::1") : { ca: "", cert: "", key: "" };
writeFileSync(join(folder, "pem"), cert + key);
writeFileSync(join(folder, "ca"), ca);
const echo = await echoServer("127.0.0.1");
after(() => echo.close());

/** Speaks with the echo server by whoever listens on the other side. */
async function speak(client: Tcp): Promise<void> {
  client.write(greeting);
  await client.read(2);
  client.write(request(Command.Connect, echo.addr.host, echo.addr.port));
  assert.equal((await readReply(client)).reply, Reply.Succeeded);
  client.write("ping");
  assert.equal(new TextDecoder().decode(await client.read(4)), "ping");
  client.close();
}

/** The same, and then the log tells of `client` as it was before the proxy. */
async function speakAs(gateway: Program, client: Tcp, host: string, type: string): Promise<void> {
  const address = `${host.includes(":") ? `[${host}]` : host}:${client.socket.localPort}`;
  await speak(client);
  const line = `client=${address} command=connect`;
  await until(line, () => gateway.output().split("\n").some((l) => l.includes(line) && l.includes(` relay=${type} `)));
}

/** HAProxy before `gateway`, written as HAProxy does. */
function haproxy(addr: SocketAddr, gateway: string, how: string) {
  const config = `
    global
      maxconn 50
    defaults
      mode tcp
      timeout connect 30s
      timeout check 30s # else as short as its interval
      timeout client 1m
      timeout server 1m
    listen socks
      bind :::${addr.port} v4v6${how.includes("-ssl") ? ` ssl crt ${join(folder, "pem")}` : ""}
      server gateway ${gateway} check inter 200ms check-send-proxy ${how}
  `;
  return startFront(["haproxy", "-db", "-f"], config, addr);
}

for (const target of targets) {
  const pem = join(folder, "pem"), path = join(folder, `socks-${targets.indexOf(target)}.sock`);
  let running: Program | undefined;
  /** One with a listener of each kind. */
  const gatewayRunning = async () =>
    running ??= await start(target, [
      "--listen=127.0.0.1:0",
      `--listen=unix:${path}`,
      ...hasOpenssl ? ["--listen=socks5s://127.0.0.2:0", `--tls-cert=${pem}`, `--tls-key=${pem}`] : [],
      "--admin=off",
      "--allow=127.0.0.1",
      "--from=127.0.0.1",
      "--from=::1",
      `--proxy-protocol-from=${PROXY}`,
      "--proxy-protocol-from=unix",
    ]);
  const frontAddr = async () => ({ host: "127.0.0.1", port: await unusedPort("127.0.0.1") });
  const portOf = ({ addrs }: Program, listener: number) => addrs[listener]!.port;

  for (const how of ["send-proxy", "send-proxy-v2"]) {
    test(`${target.name} accepts HAProxy's ${how} on a unix socket`, { skip }, async () => {
      const gateway = await gatewayRunning();
      const front = await haproxy(await frontAddr(), `unix@${path}`, how);
      await speakAs(gateway, await Tcp.to(front.addr), "127.0.0.1", "A");
      await front.stop();
    });
  }

  for (
    const how of [
      "send-proxy",
      "send-proxy-v2",
      "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority",
      "send-proxy-v2-ssl-cn",
    ]
  ) {
    test(
      `${target.name} accepts HAProxy's ${how} for IPv4 and IPv6 clients, and does not count health checks as clients`,
      {
        skip,
      },
      async () => {
        const gateway = await gatewayRunning();
        const front = await haproxy(await frontAddr(), `127.0.0.1:${portOf(gateway, 0)} source ${PROXY}`, how);
        for (const [host, type] of [["127.0.0.1", "A"], ["::1", "C"]] as const) {
          const at = { host, port: front.addr.port };
          await speakAs(
            gateway,
            how.includes("-ssl") ? await overTls(at, ca) : await Tcp.to(at),
            host,
            type,
          );
        }
        await front.stop();
      },
    );
  }

  test(`${target.name} accepts HAProxy's send-proxy-v2 before a client's TLS handshake`, { skip }, async () => {
    const gateway = await gatewayRunning();
    const to = `127.0.0.2:${portOf(gateway, 2)} source ${PROXY}`;
    const front = await haproxy(await frontAddr(), to, "send-proxy-v2");
    for (let i = 0; i < 2; i++) await speakAs(gateway, await overTls(front.addr, ca), "127.0.0.1", "A");
    await front.stop();
  });

  for (const version of [1, 2]) {
    test(`${target.name} sends client addresses to an upstream in PROXY protocol version ${version}, before TLS`, {
      skip: skipTls,
    }, async () => {
      const far = await start(target, [
        "--listen=socks5s://127.0.0.1:0",
        ...[`--tls-cert=${pem}`, `--tls-key=${pem}`, "--admin=off", "--allow=127.0.0.1"],
        ...["--from=127.0.0.1", "--from=::1", "--proxy-protocol-from=127.0.0.1"],
      ]);
      const via = `socks5s://127.0.0.1:${portOf(far, 0)}?proxy-protocol=${version}`;
      writeFileSync(
        join(folder, "near.toml"),
        `via_ca = "ca"\n[[rules]]\naction = "allow"\nto = "127.0.0.1"\nvia = "${via}"\n`,
      );
      const near = await start(target, [
        `--config=${join(folder, "near.toml")}`,
        ...["--listen=127.0.0.1:0", "--listen=[::1]:0", "--admin=off"],
      ]);
      for (const [addr, type] of [[near.addrs[0]!, "A"], [near.addrs[1]!, "C"]] as const) {
        await speakAs(far, await Tcp.to(addr), addr.host, type);
      }
      assert.equal(await near.stop(), 0);
      assert.equal(await far.stop(), 0);
    });
  }

  test(`${target.name} accepts the proxy_protocol header of nginx`, { skip: skipNginx }, async () => {
    const gateway = await gatewayRunning();
    const addr = await frontAddr();
    const config = `
      load_module ${nginxStream};
      daemon off;
      master_process off;
      pid ${join(folder, "pid")};
      error_log stderr;
      events {}
      stream {
        server {
          listen ${addr.host}:${addr.port};
          proxy_pass 127.0.0.1:${portOf(gateway, 0)};
          proxy_bind ${PROXY};
          proxy_protocol on;
        }
      }
    `;
    const front = await startFront(["nginx", "-c"], config, addr);
    await speakAs(gateway, await Tcp.to(addr), "127.0.0.1", "A");
    await front.stop();
  });

  test(`${target.name} logs no proxy as a client, and refuses a PROXY header from an untrusted address`, async () => {
    const gateway = await gatewayRunning();
    assert.doesNotMatch(gateway.output(), /client=127\.0\.0\.46|turned away|fault/);
    const header = new TextEncoder().encode("PROXY TCP4 192.0.2.7 198.51.100.1 40000 1080\r\n");
    const stranger = await Tcp.to(gateway.addrs[0]!);
    stranger.write(header);
    stranger.write(greeting);
    assert.match(await stranger.end(), /^(end|ECONNRESET)$/);
    const client = await Tcp.to(gateway.addrs[0]!);
    const port = client.socket.localPort;
    await speak(client);
    assert.equal(await gateway.stop(), 0);
    assert.match(gateway.output(), /client=127\.0\.0\.1:\d+ .* end=protocol-error/);
    assert.match(gateway.output(), new RegExp(`client=127\\.0\\.0\\.1:${port} command=connect`));
    assert.doesNotMatch(gateway.output(), /192\.0\.2\.7|client=127\.0\.0\.46|turned away|fault/);
  });
}
