import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import process from "node:process";
import { whyNot } from "../../support/network/namespaces.ts";
import { shell, start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("system_names_test.ts", whyNot());
const name = `g46-${process.pid}-names`;
const files = `/etc/netns/${name}`;
const inside = ["ip", "netns", "exec", name];
const SERVER = "10.46.5.1";

/**
 * DNS servers at 127.0.0.1 and 127.0.0.3 that are silent for `dead…` and know all other names, of which the first does not know
 * `moved…`; and a destination that says hello.
 */
const world = `
import socket, threading
def serve(ip):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((ip, 53))
    while True:
        query, peer = s.recvfrom(2000)
        name = query[13:13 + query[12]]
        if name.startswith(b"dead"): continue
        end = 12
        while query[end]: end += query[end] + 1
        known = query[end + 2] == 1 and not (ip == "127.0.0.1" and name.startswith(b"moved"))
        a = b"\\xc0\\x0c\\x00\\x01\\x00\\x01\\x00\\x00\\x00\\x01\\x00\\x04" + socket.inet_aton("${SERVER}") if known else b""
        head = query[:2] + (b"\\x81\\x83" if name.startswith(b"moved") and not known else b"\\x81\\x80")
        s.sendto(head + b"\\x00\\x01\\x00" + bytes([1 if known else 0]) + bytes(4) + query[12:end + 5] + a, peer)
for ip in ("127.0.0.1", "127.0.0.3"): threading.Thread(target=serve, args=(ip,), daemon=True).start()
l = socket.create_server(("${SERVER}", 80), backlog=100)
print("serves", flush=True)
while True: l.accept()[0].sendall(b"hello")
`;

/** Asks for the names it is told from the address it is told; prints the reply to each, but for dead ones. */
const client = `
import socket, struct, sys
port, source, names = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
kept = []
def connect(name):
    s = socket.create_connection(("127.0.0.1", port), source_address=(source, 0)); s.settimeout(60); kept.append(s)
    s.sendall(b"\\x05\\x01\\x00"); s.recv(2)
    s.sendall(b"\\x05\\x01\\x00\\x03" + bytes([len(name)]) + name.encode() + struct.pack(">H", 80))
    return s
for name in names:
    s = connect(name)
    if not name.startswith("dead"): print(s.recv(10)[1], flush=True)
print("done", flush=True)
sys.stdin.read()
`;

describe("The system's resolver in a network namespace", { skip }, () => {
  let serving: ChildProcess | undefined;
  const resolvConf = (text: string) => writeFileSync(`${files}/resolv.conf`, text);

  before(async () => {
    const ip = (...args: readonly string[]) => {
      const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
      assert.equal(status, 0, `ip ${args.join(" ")}: ${stderr}`);
    };
    mkdirSync(files, { recursive: true });
    writeFileSync(`${files}/nsswitch.conf`, "hosts: files dns\n");
    writeFileSync(`${files}/hosts`, `127.0.0.1 localhost\n${SERVER} written.test\n`);
    resolvConf("nameserver 127.0.0.1\n");
    ip("netns", "add", name);
    ip("-n", name, "link", "set", "lo", "up");
    ip("-n", name, "addr", "add", `${SERVER}/32`, "dev", "lo");
    serving = spawn(inside[0]!, [...inside.slice(1), "python3", "-c", world], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => serving!.stdout!.once("data", resolve));
  });
  after(() => {
    serving?.kill("SIGKILL");
    spawnSync("ip", ["netns", "del", name]);
    rmSync(files, { recursive: true, force: true });
  });

  const asking = (port: number, source: string, names: readonly string[]) => [
    ...inside,
    "python3",
    "-c",
    client,
    String(port),
    source,
    ...names,
  ];

  for (const target of targets) {
    test(
      `${target.name}: 100 unanswered names of one client do not delay other clients`,
      { timeout: 90_000 },
      async () => {
        resolvConf("nameserver 127.0.0.1\n");
        const program = await start(target, ["--listen=127.0.0.1:0", "--admin=off"], inside);
        const { port } = program.addrs[0]!;
        const dead = Array.from({ length: 100 }, (_, i) => `dead${i}.test`);
        const [file, ...args] = asking(port, "127.0.0.9", dead);
        const attacker = spawn(file!, args, { stdio: ["pipe", "pipe", "inherit"] });
        await new Promise((resolve) => attacker.stdout!.once("data", resolve));
        const { stdout } = await shell(asking(port, "127.0.0.2", ["live1.test", "live2.test", "written.test"]));
        assert.deepEqual(stdout.trim().split("\n"), ["0", "0", "0", "done"]);
        attacker.stdin!.end();
        attacker.kill("SIGKILL");

        const moved = async () => (await shell(asking(port, "127.0.0.2", ["moved.test"]))).stdout.trim().split("\n")[0];
        assert.equal(await moved(), "4", "no such name");
        resolvConf("nameserver 127.0.0.3\n");
        await until("the other server is asked", async () => await moved() === "0");
        assert.equal(await program.stop(), 0);
      },
    );
  }
});
