import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  buildChain,
  chainAddress as address,
  type ChainHost,
  SERVER_NAME,
} from "../../support/network/chain_namespaces.ts";
import { whyNot } from "../../support/network/namespaces.ts";
import { type Program, programs, shell, source, start } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("network namespaces", whyNot());
const folder = mkdtempSync(join(tmpdir(), "gate46-"));
const network = skip ? undefined : buildChain();
const servers: ChildProcess[] = [];
after(() => {
  for (const server of servers) server.kill("SIGKILL");
  network?.remove();
  rmSync(folder, { recursive: true });
});

function within(host: ChainHost, ...command: string[]) {
  return shell([...network!.in(host), ...command]);
}

function serve(host: ChainHost, ...command: string[]): void {
  const [file, ...args] = [...network!.in(host), ...command];
  servers.push(spawn(file!, args, { stdio: "ignore" }));
}

const udpEcho = `
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("${address.s}", 5353))
while True:
    data, peer = s.recvfrom(65536)
    s.sendto(data, peer)
`;

if (network) {
  writeFileSync(join(folder, "hello"), "hello");
  serve("s", "/usr/bin/python3", "-m", "http.server", "80", "--bind", address.s, "--directory", folder);
  serve("s", "/usr/bin/python3", "-c", udpEcho);
  await until(
    "the server answers",
    async () => (await within("s", "curl", "-s", `http://[${address.s}]/hello`)).code === 0,
  );
}

const url = { g2: `socks5://hop:two@[${address.g2}]:1080`, g3: `socks5://hop:three@${address.g3}:1080` } as const;
const common = ["--admin=off", "--dial-timeout=60s", "--probe-interval=1s", "--probe-timeout=60s"];

/** What a client in `c` does through g1, or who listens beside it; every command by an unmodified or a plain program. */
const curl = (host: string, port = 1080) =>
  within("c", "curl", "-sS", "--max-time", "60", "--proxy", `socks5h://${address.g1}:${port}`, `http://${host}/hello`);

const udp = (host: string, port = 1080) =>
  within(
    "c",
    "/usr/bin/python3",
    "-c",
    `
import socks, socket
u = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM); u.set_proxy(socks.SOCKS5, "${address.g1}", ${port})
u.settimeout(60); data = b"x" * 1000
for i in range(3):
    u.sendto(data, ("${host}", 5353)); got = u.recvfrom(65536)
    print(got[0] == data, got[1][0])
`,
  );

/** Asks for BIND, tells where the last gateway listens, then who came, and what that one says; answers it. */
const bind = (host: string, port: number) => `
import socket, struct, sys
s = socket.create_connection(("${address.g1}", ${port})); s.settimeout(60)
s.sendall(b"\\x05\\x01\\x00"); assert s.recv(2) == b"\\x05\\x00"
s.sendall(b"\\x05\\x02\\x00\\x04" + socket.inet_pton(socket.AF_INET6, "${host}") + b"\\x00\\x00")
def reply():
    head = s.recv(4, socket.MSG_WAITALL)
    size = 4 if head[3] == 1 else 16
    host = s.recv(size, socket.MSG_WAITALL); port, = struct.unpack("!H", s.recv(2, socket.MSG_WAITALL))
    print(head[1], socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, host), port, flush=True)
reply(); reply()
print(s.recv(100).decode(), flush=True); s.sendall(b"answer"); s.close()
`;

async function rendezvous(through = 1080): Promise<void> {
  const [file, ...args] = [...network!.in("c"), "/usr/bin/python3", "-c", bind(address.s, through)];
  const client = spawn(file!, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  client.stdout!.setEncoding("utf8").on("data", (text: string) => said += text);
  await until("the last gateway listens", () => said.includes("\n"));
  const [reply, host, port] = said.trim().split(" ");
  assert.deepEqual([reply, host], ["0", "fd47:4::1"]);
  const peer = await shell([...network!.in("s"), "ncat", "-6", "-w", "60", host!, port!], "question");
  assert.equal(peer.stdout, "answer", peer.stderr);
  await until("the client has heard", () => said.includes("question"));
  assert.match(said, /\n0 fd47:4::2 \d+\nquestion\n$/);
}

for (const target of programs) {
  const run = (what: string, body: () => Promise<void>) =>
    test(`chain in namespaces, ${target.name}: ${what}`, { skip, timeout: 110_000 }, async () => {
      try {
        await body();
      } catch (error) {
        for (const gateway of gateways.splice(0)) {
          gateway.signal("SIGKILL"); // whoever comes next listens where it did
          await gateway.exited;
          console.log(gateway.output());
        }
        throw error;
      }
    });
  const gateways: Program[] = [];
  const startAt = async (host: ChainHost, ...flags: string[]) => {
    const gateway = await start(target, [...common, ...flags], network!.in(host));
    gateways.push(gateway);
    // A password is tried by scrypt when it comes first, which a busy machine may take longer for than a probe or a request may.
    if (flags.some((flag) => flag.startsWith("--via"))) {
      await until("it is let in", () => /upstream up/.test(gateway.output()), 60_000);
    }
  };

  run("three gateways, each link of one family, each with --via for the next gateway only", async () => {
    await startAt("g3", `--listen=${address.g3}:1080`, "--user=hop:three");
    await startAt("g2", `--listen=[${address.g2}]:1080`, "--user=hop:two", `--via=${url.g3}`);
    await startAt("g1", `--listen=${address.g1}:1080`, "--from=10.47.1.0/24", `--via=${url.g2}`);
    for (const host of [`[${address.s}]`, SERVER_NAME]) {
      const { stdout, stderr } = await curl(host);
      assert.equal(stdout, "hello", stderr);
    }
  });

  run("UDP by address and by name", async () => {
    for (const host of [address.s, SERVER_NAME]) {
      const { stdout, stderr } = await udp(host);
      assert.equal(stdout, `True ${address.s}\n`.repeat(3), stderr);
    }
  });

  run("BIND: the last gateway accepts the peer", () => rendezvous());

  run(
    "the client gets the reply of the last gateway: 05 for a refused connection, 04 for an unknown name",
    async () => {
      assert.match((await curl(`[${address.s}]:9`)).stderr, /\(5\)/);
      assert.match((await curl("nowhere.invalid")).stderr, /\(4\)/);
    },
  );

  run("the first gateway has --via for both other gateways", async () => {
    const second = `socks5://hop:two@[${address.g2}]:1081`;
    await startAt("g2", `--listen=[${address.g2}]:1081`, "--user=hop:two");
    await startAt("g1", `--listen=${address.g1}:1081`, "--from=10.47.1.0/24", `--via=${second}`, `--via=${url.g3}`);
    const got = await curl(SERVER_NAME, 1081);
    assert.equal(got.stdout, "hello", got.stderr);
    const { stdout, stderr } = await udp(SERVER_NAME, 1081);
    assert.equal(stdout, `True ${address.s}\n`.repeat(3), stderr);
    await rendezvous(1081);
  });

  run("no credential is in any log", async () => {
    for (const gateway of gateways.splice(0)) {
      assert.equal(await gateway.stop(), 0);
      assert.doesNotMatch(gateway.output(), /hop:|:two|:three/);
      assert.match(gateway.output(), /relay=[BC]/);
    }
  });
}

/** Foreign gateways in the place of the second. */
const dante = `
logoutput: ${folder}/dante.log
internal: fd47:2::2 port = 1080
external: right
clientmethod: none
socksmethod: none
client pass { from: ::/0 to: ::/0 }
socks pass { from: 0/0 to: 0/0 command: bind connect udpassociate bindreply udpreply }
`;

for (
  const [name, command, commands] of [
    // microsocks ends both directions at the first end, so a peer of BIND that asks and then ends hears no answer.
    ["microsocks", ["microsocks", "-i", address.g2, "-p", "1080"], ["connect"]],
    ["dante", ["danted", "-f", `${folder}/danted.conf`], ["connect", "bind", "udp"]],
  ] as const
) {
  const what = `chain in namespaces: ${name} between two gate46 gateways, for ${commands.join(", ")}`;
  test(what, { skip, timeout: 110_000 }, async () => {
    const startAt = (host: "g1" | "g3", ...flags: string[]) =>
      start(source, [...common, `--listen=${address[host]}:1080`, ...flags], network!.in(host));
    writeFileSync(`${folder}/danted.conf`, dante);
    serve("g2", ...command);
    try {
      await startAt("g3", "--user=hop:three");
      const hops = [`--via=socks5://[${address.g2}]:1080`, `--via=${url.g3}`];
      const first = await startAt("g1", "--from=10.47.1.0/24", ...hops);
      await until(`${name} is up`, () => /upstream up/.test(first.output()), 60_000);
      const { stdout, stderr } = await curl(SERVER_NAME);
      assert.equal(stdout, "hello", stderr);
      assert.match((await curl(`[${address.s}]:9`)).stderr, /\(5\)/);
      const also: readonly string[] = commands;
      if (also.includes("bind")) await rendezvous();
      if (also.includes("udp")) {
        const { stdout, stderr } = await udp(SERVER_NAME);
        assert.equal(stdout, `True ${address.s}\n`.repeat(3), stderr);
      }
    } finally {
      for (const host of ["g1", "g2", "g3"] as const) network!.end(host);
    }
  });
}
