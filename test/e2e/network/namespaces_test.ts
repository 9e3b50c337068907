import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type ChildProcess, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { address, buildNetwork, type Host, whyNot } from "../../support/network/namespaces.ts";
import { type Program, shell, start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("network namespaces", whyNot());
const folder = mkdtempSync(join(tmpdir(), "gate46-"));
const big = randomBytes(20 << 20);
const bigHash = createHash("sha256").update(big).digest("hex");
const network = skip ? undefined : buildNetwork();
const servers: ChildProcess[] = [];
after(() => {
  for (const server of servers) server.kill("SIGKILL");
  network?.remove();
  rmSync(folder, { recursive: true });
});

const udpEcho = (host: string) => `
import socket
s = socket.socket(socket.AF_INET6 if ":" in "${host}" else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("${host}", 5353))
while True:
    data, peer = s.recvfrom(65536)
    s.sendto(data, peer)
`;
const nameServer = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("${address.s4}", 53))
while True:
    query, peer = s.recvfrom(2000)
    end = 12
    while query[end]: end += query[end] + 1
    header = query[:2] + b"\\x84\\x00" + b"\\x00\\x01" * 2 + b"\\x00" * 4
    s.sendto(header + query[12:end + 5] + b"\\xc0\\x0c\\x00\\x01\\x00\\x01\\x00\\x00\\x00\\x3c\\x00\\x04\\xc0\\x00\\x02\\x2e", peer)
`;
const ftpServer = `
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
a = DummyAuthorizer(); a.add_anonymous("${folder}")
FTPHandler.authorizer = a
FTPServer(("${address.s4}", 21), FTPHandler).serve_forever()
`;

/** Connects to wherever it is told to, and says what it is told to. */
const caller = `
import socket, socketserver
class Caller(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            host, port, word = line.decode().split()
            with socket.create_connection((host, int(port)), 10) as peer: peer.sendall(word.encode())
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("${address.s4}", 2000), Caller).serve_forever()
`;
/** Listens for callers, of which libc's accept() tells: Python's own is accept4(), of which Dante does not know. */
const rendezvous = `
import ctypes, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def meet(port, word):
    with socket.create_connection(("${address.s4}", 2000)) as control, socket.socket() as listener:
        listener.bind(("0.0.0.0", port)); listener.listen(1)
        host, bound = listener.getsockname()
        control.sendall(f"{host} {bound} {word}\\n".encode())
        addr = ctypes.create_string_buffer(128)
        peer = libc.accept(listener.fileno(), addr, ctypes.byref(ctypes.c_uint(128)))
        if peer < 0: raise OSError(ctypes.get_errno(), "accept")
        with socket.socket(fileno=peer) as peer: heard = peer.makefile().read()
        print(f"{port} {bound == port} {socket.inet_ntoa(addr.raw[4:8])} {heard}\\n", end="", flush=True)
for word in sys.argv[2:]: meet(int(sys.argv[1]), word)
`;

function serve(host: Host, ...command: string[]): void {
  const [file, ...args] = [...network!.in(host), ...command];
  servers.push(spawn(file!, args, { stdio: "ignore" }));
}

async function waitFor(host: Host, url: string): Promise<void> {
  await until(`${url} answers`, async () => (await within(host, "curl", "-s", "-o", "/dev/null", url)).code === 0);
}

function within(host: Host, ...command: string[]) {
  return shell([...network!.in(host), ...command]);
}

const danteConfig = join(folder, "socks.conf");

if (network) {
  writeFileSync(join(folder, "big"), big);
  writeFileSync(
    danteConfig,
    `route {\n from: 0.0.0.0/0 to: 0.0.0.0/0 via: ${address.gwC4} port = 1080\n proxyprotocol: socks_v5\n command: bind connect udpassociate\n method: username\n}\n`,
  );
  writeFileSync(join(folder, "hello"), "hello");
  for (const host of ["s4", "s6"] as const) {
    serve(host, "/usr/bin/python3", "-m", "http.server", "80", "--bind", address[host], "--directory", folder);
    serve(host, "/usr/bin/python3", "-c", udpEcho(address[host]));
  }
  serve("s4", "/usr/bin/python3", "-c", ftpServer);
  serve("s4", "/usr/bin/python3", "-c", nameServer);
  serve("s4", "/usr/bin/python3", "-c", caller);
  await waitFor("s4", `http://${address.s4}/hello`);
  await waitFor("s6", `http://[${address.s6}]/hello`);
  await waitFor("s4", `ftp://${address.s4}/hello`);
}

for (const target of targets) {
  let gateway: Program | undefined;
  const name = (what: string) => `namespaces, ${target.name}: ${what}`;
  const run = (what: string, body: () => Promise<void>) =>
    test(name(what), { skip }, async () => {
      gateway ??= await start(
        target,
        [
          "--listen=:1080",
          "--from=10.46.0.0/16",
          "--from=fd46::/16",
          "--user=ann:pw",
          "--admin=off",
          "--dial-timeout=8s",
        ],
        network!.in("gw"),
      );
      await body();
    });
  const proxy = { c4: `ann:pw@${address.gwC4}:1080`, c6: `ann:pw@[${address.gwC6}]:1080` } as const;
  const curl = (client: "c4" | "c6", url: string, scheme = "socks5h") =>
    within(client, "curl", "-sS", "--max-time", "20", "-o", "-", "--proxy", `${scheme}://${proxy[client]}`, url);

  for (
    const [type, client, server] of [["A", "c4", "s4"], ["B", "c4", "s6"], ["C", "c6", "s4"], [
      "D",
      "c6",
      "s6",
    ]] as const
  ) {
    const literal = server === "s6" ? `[${address.s6}]` : address.s4;
    run(`curl, relay type ${type}: by address and by name, 20 MB arrive whole`, async () => {
      assert.equal((await curl(client, `http://${literal}/hello`)).stdout, "hello");
      assert.equal((await curl(client, `http://v${server[1]}.test/hello`, "http")).stdout, "hello", "for a URL");
      const tunnel = ["curl", "-sSp", "--max-time", "20", "--proxy", `http://${proxy[client]}`];
      assert.equal((await within(client, ...tunnel, `http://${literal}/hello`)).stdout, "hello", "by HTTP CONNECT");
      const { stdout, stderr } = await shell([
        ...network!.in(client),
        "sh",
        "-c",
        `curl -sS --max-time 60 --proxy socks5h://'${proxy[client]}' http://v${server[1]}.test/big | sha256sum`,
      ]);
      assert.equal(stdout.split(" ")[0], bigHash, stderr);
    });
  }

  run(
    "a name with a dead IPv6 and a live IPv4 address is reached at once (RFC 8305; Dante: 30 s each, 3proxy, hev: the first only)",
    async () => {
      const before = performance.now();
      assert.equal((await curl("c4", "http://dual.test/hello")).stdout, "hello");
      assert.ok(performance.now() - before < 7_000); // where nobody answers a dial has 8 s
    },
  );

  const failures = [
    ["03, network unreachable, where there is no route", address.unrouted, 3],
    ["04, host unreachable, for an unreachable route", address.unreachable, 4],
    ["04, host unreachable, after failed neighbour discovery", address.absent, 4],
    ["05, connection refused", `${address.s4}:9`, 5],
    ["06 at the dial timeout, for a silent host", address.silent, 6],
  ] as const;
  for (const [what, host, code] of failures) {
    run(`reply ${what}`, async () => {
      assert.match((await curl("c4", `http://${host}/`)).stderr, new RegExp(`\\(${code}\\)`));
    });
  }

  run("a wrong password is refused, and a client of another network is turned away", async () => {
    const { stderr } = await within(
      "c4",
      "curl",
      "-sS",
      "--proxy",
      `socks5h://ann:no@${address.gwC4}:1080`,
      `http://${address.s4}/hello`,
    );
    assert.match(stderr, /rejected|denied|auth/i);
    assert.match(
      (await within("gw", "curl", "-sS", "--proxy", "socks5h://ann:pw@127.0.0.1:1080", `http://${address.s4}/hello`))
        .stderr,
      /curl: \((7|52|56|97)\)/,
    );
  });

  run("ncat with a password, v4 to v6", async () => {
    const { stdout } = await shell(
      [
        ...network!.in("c4"),
        "ncat",
        "--proxy",
        `${address.gwC4}:1080`,
        "--proxy-type",
        "socks5",
        "--proxy-auth",
        "ann:pw",
        "--proxy-dns",
        "remote",
        "v6.test",
        "80",
      ],
      "GET /hello HTTP/1.0\r\n\r\n",
    );
    assert.match(stdout, /hello$/);
  });

  run("proxychains4 brings an IPv4-only program to an IPv6-only server by name", async () => {
    const config = join(folder, "proxychains.conf");
    writeFileSync(config, `strict_chain\nproxy_dns\n[ProxyList]\nsocks5 ${address.gwC4} 1080 ann pw\n`);
    const { stdout } = await within(
      "c4",
      "proxychains4",
      "-q",
      "-f",
      config,
      "curl",
      "-sS",
      "-4",
      "http://v6.test/hello",
    );
    assert.equal(stdout, "hello");
  });

  run("PySocks: TCP and UDP, to both families", async () => {
    const script = `
import socks, socket
for host in ("${address.s4}", "v6.test"):
    s = socks.socksocket(); s.set_proxy(socks.SOCKS5, "${address.gwC4}", 1080, True, "ann", "pw")
    s.connect((host, 80)); s.sendall(b"GET /hello HTTP/1.0\\r\\n\\r\\n")
    data = b""
    while True:
        part = s.recv(4096)
        if not part: break
        data += part
    print(data[-5:].decode())
    u = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM); u.set_proxy(socks.SOCKS5, "${address.gwC4}", 1080, True, "ann", "pw")
    u.settimeout(10); u.sendto(b"datagram", (host, 5353)); print(u.recv(100).decode())
`;
    const { stdout, stderr } = await within("c4", "/usr/bin/python3", "-c", script);
    assert.equal(stdout, "hello\ndatagram\nhello\ndatagram\n", stderr);
  });

  run("UDP to a name with a dead IPv6 address goes by IPv4, at once after any worker has found out", async () => {
    const script = `
import socks, socket
def ask(tries, patience):
    u = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM)
    u.set_proxy(socks.SOCKS5, "${address.gwC4}", 1080, True, "ann", "pw"); u.settimeout(patience)
    for _ in range(tries):
        u.sendto(b"x", ("dual.test", 5353))
        try: return u.recvfrom(100)[1][0]
        except socket.timeout: pass
print(ask(30, 0.3))
t = socks.socksocket(); t.set_proxy(socks.SOCKS5, "${address.gwC4}", 1080, True, "ann", "pw"); t.connect(("dual.test", 80))
print({ask(1, 10) for _ in range(8)})
`;
    const { stdout, stderr } = await within("c4", "/usr/bin/python3", "-c", script);
    assert.equal(stdout, `${address.s4}\n{'${address.s4}'}\n`, stderr);
  });

  run("a datagram larger than the path's MTU of 1280 arrives whole", async () => {
    const script = `
import socks, socket, os, hashlib
u = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM); u.set_proxy(socks.SOCKS5, "${address.gwC4}", 1080, True, "ann", "pw")
u.settimeout(10); data = os.urandom(8000); u.sendto(data, ("v6.test", 5353)); print(u.recv(65536) == data)
`;
    const { stdout, stderr } = await within("c4", "/usr/bin/python3", "-c", script);
    assert.equal(stdout, "True\n", stderr);
  });

  const socksify = (...command: string[]) =>
    shell([...network!.in("c4"), "timeout", "40", "socksify", ...command], "", {
      SOCKS_CONF: danteConfig,
      SOCKS_USERNAME: "ann",
      SOCKS_PASSWORD: "pw",
    });

  run("Dante's socksify: active FTP by BIND", async () => {
    const { stdout, stderr } = await socksify("tnftp", "-A", "-V", "-o", "-", `ftp://${address.s4}/hello`);
    assert.equal(stdout, "hello", stderr);
    await until("the log tells of BIND", () => /command=bind .*reply="00 succeeded"/.test(gateway!.output()));
  });

  run("Dante's socksify: BIND for listening ports of programs, repeatedly and several at once", async () => {
    const meets = async (port: number, ...words: readonly string[]) => {
      const { stdout, stderr } = await socksify("/usr/bin/python3", "-c", rendezvous, String(port), ...words);
      assert.equal(stdout, words.map((word) => `${port} True ${address.s4} ${word}\n`).join(""), stderr);
    };
    await meets(4000, "first", "second", "third");
    await Promise.all([4000, 4001, 4002, 4003].map((port) => meets(port, "once"))); // its threads are not safe, processes are
  });

  run("Dante's socksify: UDP", async () => {
    const script = `
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(10)
u.sendto(b"datagram", ("${address.s4}", 5353)); print(u.recvfrom(100))
`;
    const { stdout, stderr } = await socksify("/usr/bin/python3", "-c", script);
    assert.equal(stdout, `(b'datagram', ('${address.s4}', 5353))\n`, stderr);
  });

  run("Dante's socksify: a DNS query over UDP by drill", async () => {
    const { stdout, stderr } = await socksify("drill", `@${address.s4}`, "example.org");
    assert.match(stdout, /^example\.org\..*\t192\.0\.2\.46$/m, stderr);
    await until("the log tells of it", () => /command=udp-associate .*remote=10.46.3.2:53 /.test(gateway!.output()));
  });

  run("SIGTERM ends the gateway with exit code 0, and the log has each relay type", async () => {
    assert.equal(await gateway!.stop(), 0);
    for (const type of "ABCD") assert.match(gateway!.output(), new RegExp(`relay=${type}`));
  });
}
