import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { after, test } from "node:test";
import { whyNot } from "../../support/network/namespaces.ts";
import { run, shell, start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

/** Two machines that have nothing but link-local addresses for each other, fe80::1 and fe80::2, each at its eth0. */
const skip = skipped("link_local_test.ts", whyNot());
const machine = (name: "gw" | "client") => `g46-${process.pid}-link-${name}`;
const within = (name: "gw" | "client") => ["ip", "netns", "exec", machine(name)];
const servers: ChildProcess[] = [];
after(() => {
  for (const server of servers) server.kill("SIGKILL");
  if (!skip) { for (const name of ["gw", "client"] as const) spawnSync("ip", ["netns", "del", machine(name)]); }
});

/** Sends back what comes, at 127.0.0.1:7. */
const echo = `
import socket, threading
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 7))
def datagrams():
    while True:
        data, peer = u.recvfrom(65536); u.sendto(data, peer)
threading.Thread(target=datagrams, daemon=True).start()
t = socket.create_server(("127.0.0.1", 7))
while True:
    peer = t.accept()[0]; peer.sendall(peer.recv(100)); peer.close()
`;

/** All three commands, by the gateway at port argv[1]. */
const client = `
import socket, sys
zone = socket.if_nametoindex("eth0"); gateway = ("fe80::1", int(sys.argv[1]), 0, zone)
local = b"\\x01\\x7f\\x00\\x00\\x01\\x00\\x07"
def ask(command, destination):
    s = socket.socket(socket.AF_INET6)
    s.settimeout(20); s.connect(gateway); s.sendall(b"\\x05\\x01\\x00"); s.recv(2)
    s.sendall(bytes([5, command, 0]) + destination)
    return s, reply(s)
def reply(s):
    head = s.recv(4, socket.MSG_WAITALL); rest = s.recv(6 if head[3] == 1 else 18, socket.MSG_WAITALL)
    if head[1]: print("reply", head[1]); sys.exit()
    return socket.inet_ntop(socket.AF_INET if head[3] == 1 else socket.AF_INET6, rest[:-2]), int.from_bytes(rest[-2:], "big")
s, _ = ask(1, local); s.sendall(b"connected"); print(s.recv(100).decode())
s, (host, port) = ask(3, b"\\x01" + bytes(6))
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); u.settimeout(20); u.bind(("fe80::2", 0, 0, zone))
u.sendto(bytes(3) + local + b"associated", (host, port, 0, zone)); print(host, u.recv(100)[10:].decode())
s, (host, port) = ask(2, b"\\x04" + bytes(18))
p = socket.socket(socket.AF_INET6); p.settimeout(20); p.connect((host, port, 0, zone)); p.sendall(b"bound")
print(host, reply(s)[0], s.recv(100).decode())
`;

/** Says of every name that it is 127.0.0.1, at fe80::2 port 53. */
const nameServer = `
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("fe80::2", 53, 0, socket.if_nametoindex("eth0")))
while True:
    query, peer = s.recvfrom(2000)
    end = 12
    while query[end]: end += query[end] + 1
    four = query[end + 2] == 1
    header = query[:2] + b"\\x84\\x00" + b"\\x00\\x01" + bytes([0, four]) + b"\\x00" * 4
    answer = b"\\xc0\\x0c\\x00\\x01\\x00\\x01\\x00\\x00\\x00\\x3c\\x00\\x04\\x7f\\x00\\x00\\x01" if four else b""
    s.sendto(header + query[12:end + 5] + answer, peer)
`;

/** CONNECT and ASSOCIATE to a name, by a gateway on this machine at port argv[1]. */
const named = `
import socket, sys
echo = b"\\x03\\x09echo.test\\x00\\x07"
def ask(command, destination):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20); s.sendall(b"\\x05\\x01\\x00"); s.recv(2)
    s.sendall(bytes([5, command, 0]) + destination)
    head = s.recv(10, socket.MSG_WAITALL)
    if head[1]: print("reply", head[1]); sys.exit()
    return s, int.from_bytes(head[8:], "big")
s, _ = ask(1, echo); s.sendall(b"connected"); print(s.recv(100).decode())
s, port = ask(3, b"\\x01" + bytes(6))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(20)
u.sendto(bytes(3) + echo + b"associated", ("127.0.0.1", port)); print(u.recv(100)[10:].decode())
`;

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args);
  if (status !== 0) throw new Error(`Cannot ip ${args.join(" ")}: ${stderr}`);
}

function serve(name: "gw" | "client", script: string): void {
  const [file, ...args] = [...within(name), "/usr/bin/python3", "-c", script];
  servers.push(spawn(file!, args, { stdio: "ignore" }));
}

if (!skip) {
  for (const name of ["gw", "client"] as const) ip("netns", "add", machine(name));
  const peer = ["peer", "name", "eth0", "netns", machine("client")];
  ip("link", "add", "eth0", "netns", machine("gw"), "type", "veth", ...peer);
  for (const [name, addr] of [["gw", "fe80::1/64"], ["client", "fe80::2/64"]] as const) {
    for (const device of ["lo", "eth0"]) ip("-n", machine(name), "link", "set", device, "up");
    ip("-n", machine(name), "addr", "add", addr, "dev", "eth0", "nodad");
  }
  serve("gw", echo);
  serve("client", nameServer);
  const hears = ["/usr/bin/python3", "-c", 'import socket; socket.create_connection(("127.0.0.1", 7))'];
  await until("the echo answers", async () => (await shell([...within("gw"), ...hears])).code === 0);
}

const allow = ["--admin=off", "--allow=127.0.0.0/8", "--allow=fe80::/10"];
const ask = (port: number) => shell([...within("client"), "/usr/bin/python3", "-c", client, String(port)]);
const answers = "connected\nfe80::1 associated\nfe80::1 fe80::2 bound\n";

for (const target of targets) {
  test(`${target.name}: a client with a link-local address can use all three commands`, { skip }, async () => {
    const gateway = await start(target, ["--listen=[::]:0", "--from=fe80::/10", ...allow], within("gw"));
    const { stdout, stderr } = await ask(gateway.addrs[0]!.port);
    assert.equal(stdout, answers, stderr);
    assert.equal(await gateway.stop(), 0);
  });

  test(`${target.name}: --listen, --dns and --via accept a zone index such as %eth0`, { skip }, async () => {
    const gateway = await start(
      target,
      ["--listen=[fe80::1%eth0]:0", "--from=fe80::/10", "--dns=fe80::2%eth0", ...allow],
      within("gw"),
    );
    const { host, port } = gateway.addrs[0]!;
    assert.equal(host, "fe80::1%eth0");
    const { stdout, stderr } = await ask(port);
    assert.equal(stdout, answers, stderr);
    const via = `--via=socks5://[fe80::1%eth0]:${port}`;
    const near = await start(target, ["--listen=127.0.0.1:0", "--admin=off", via], within("client"));
    const script = ["/usr/bin/python3", "-c", named, String(near.addrs[0]!.port)];
    const through = await shell([...within("client"), ...script]);
    assert.equal(through.stdout, "connected\nassociated\n", through.stderr + near.output() + gateway.output());
    assert.equal(await near.stop(), 0);
    assert.equal(await gateway.stop(), 0);
  });

  test(`${target.name}: a missing interface is an error in one line`, { skip }, async () => {
    const refused = run(target, ["--listen=[fe80::1%nope]:1080", "--from=fe80::/10", "--admin=off"]);
    const { code, stderr } = await refused;
    assert.equal(code, 1);
    assert.match(stderr, /^gate46: Cannot listen for --listen on \[fe80::1%nope\]:1080: .+\n$/);
  });
}
