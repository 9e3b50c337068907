import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { address, buildNetwork, whyNot } from "../../support/network/namespaces.ts";
import { asNobodyInParticular, whyNoOwnNetwork } from "../../support/network/own_network.ts";
import { programs, shell, source, start } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("gate46 run between hosts", whyNot() || whyNoOwnNetwork());
const network = skip ? undefined : buildNetwork();
const children: ReturnType<typeof spawn>[] = [];
const folder = temporaryFolder("run-hosts");
chmodSync(folder, 0o777);
after(() => {
  for (const child of children) child.kill("SIGKILL");
  network?.remove();
});

/** Says of TCP and of UDP who came. */
const whoCame = (host: string) => `
import socket, socketserver, threading
class Tcp(socketserver.ThreadingTCPServer): address_family = socket.AF_INET6 if ":" in "${host}" else socket.AF_INET; allow_reuse_address = True
class Udp(socketserver.ThreadingUDPServer): address_family = Tcp.address_family
class Say(socketserver.BaseRequestHandler):
    def handle(self):
        if isinstance(self.request, tuple): self.request[1].sendto(b"udp of ${host}\\n", self.client_address)
        else: self.request.sendall(b"tcp of ${host}\\n")
threading.Thread(target=Udp(("${host}", 46), Say).serve_forever).start()
Tcp(("${host}", 46), Say).serve_forever()
`;

/** All IPv4, and all TCP and UDP of IPv6, that leaves by eth0: a line of addresses and ports for each packet. */
const watch = (file: string) => `
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)); s.bind(("eth0", 3)); f = open("${file}", "w", 1); f.write("watching\\n")
while True:
    p, where = s.recvfrom(2048)
    if where[2] != 4: continue
    if where[1] == 0x800: at = (p[0] & 15) * 4; f.write(f"{socket.inet_ntoa(p[16:20])} {p[9]} {struct.unpack('!H', p[at + 2:at + 4])[0]}\\n")
    elif where[1] == 0x86dd and p[6] in (6, 17): f.write(f"{socket.inet_ntop(socket.AF_INET6, p[24:40])} {p[6]}\\n")
`;

const client = `
import socket
for name in ("v4.test", "v6.test"):
    for family in (socket.AF_INET, socket.AF_INET6):
        address = socket.getaddrinfo(name, 46, family, socket.SOCK_STREAM)[0][4]
        with socket.socket(family) as s: s.settimeout(30); s.connect(address); print(family.name, name, s.recv(99).decode(), end="")
        with socket.socket(family, socket.SOCK_DGRAM) as s: s.settimeout(30); s.sendto(b"?", address); print(family.name, name, s.recv(99).decode(), end="")
for host, family in (("${address.s4}", socket.AF_INET), ("${address.s6}", socket.AF_INET6)):
    with socket.socket(family) as s: s.settimeout(30); s.connect((host, 46)); print("literal", s.recv(99).decode(), end="")
for port in (9, 46):
    try: socket.create_connection(("no-such-name.test" if port == 46 else "v6.test", port), 30)
    except OSError as e: print(type(e).__name__, e.errno)
socket.getaddrinfo("only-asked.test", 80)
`;

/** Each way to run a program, with what is before its flags. */
const ways = programs.flatMap(({ name, command }) =>
  ["namespace", "seccomp"].map((mode) => ({ name: `${name}, ${mode}`, command: [...command, "run", `--mode=${mode}`] }))
);

/** Asks DNS servers and hosts by all that there is, twice: its gateway is killed between. Says the number of who started it, then when it is done. */
const clientLeft = (go: string, done: string) => `
import os, socket, time
os.environ["RES_OPTIONS"] = "timeout:1 attempts:1"
def attempt(make, send):
    try:
        with make() as s: s.settimeout(0.1); send(s); s.recv(99)
    except OSError: pass
def all():
    for host in ("${address.s4}", "${address.s6}", "192.0.2.53", "2001:db8::53"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for port in (46, 53):
            attempt(lambda: socket.socket(family, socket.SOCK_DGRAM), lambda s: s.sendto(b"\\0\\7\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\2v4\\4test\\0\\0\\1\\0\\1", (host, port)))
            attempt(lambda: socket.socket(family), lambda s: s.connect((host, port)))
    try: socket.getaddrinfo("v4.test", 46)
    except OSError: pass
all()
print(os.getppid(), flush=True)
while not os.path.exists("${go}"): time.sleep(0.02)
all()
open("${done}", "w").close()
`;

describe("gate46 run on an IPv4-only host", { skip }, () => {
  test("types A to D by TCP and UDP through a remote gateway, and no other traffic leaves", async () => {
    const { in: within } = network!;
    for (const host of ["s4", "s6"] as const) {
      const [command, ...args] = within(host) as [string, ...string[]];
      children.push(spawn(command, [...args, "python3", "-c", whoCame(address[host])], { stdio: "ignore" }));
      await until(`${host}'s server`, () => {
        return spawnSync(command, [...args, "ss", "-lntuH", "sport", "=", ":46"]).stdout.toString().trim().split("\n")
          .length === 2;
      });
    }
    const flags = [`--listen=${address.gwC4}:0`, "--admin=off", "--open", "--allow=10.46.0.0/16", "--allow=fd46::/16"];
    const gateway = await start(source, flags, within("gw"));
    const { port } = gateway.addrs[0]!;
    for (const target of ways) {
      const { seen, stop } = await watching(`types-${target.name}`);
      const { stdout, stderr } = await shell([
        ...within("c4"),
        ...asNobodyInParticular,
        ...target.command,
        ...[`--via=socks5://${address.gwC4}:${port}`, "--", "python3", "-c", client],
      ]);
      const lines = (["v4.test", "v6.test"] as const).flatMap((name) => {
        const host = name === "v4.test" ? address.s4 : address.s6;
        return ["AF_INET", "AF_INET6"].flatMap((family) =>
          ["tcp", "udp"].map((how) => `${family} ${name} ${how} of ${host}`)
        );
      });
      const literals = [`literal tcp of ${address.s4}`, `literal tcp of ${address.s6}`];
      const refused = ["ConnectionRefusedError 111", "OSError 113", ""];
      assert.equal(stdout, [...lines, ...literals, ...refused].join("\n"), `${target.name}: ${stderr}`);
      checkSeen(stop(seen), port, target.name);
    }
    await gateway.stop();
  });

  test("an unprivileged shell clones a repository from an IPv6-only host", async () => {
    const { in: within } = network!;
    const work = join(folder, "work"), git = ["git", "-c", "user.name=ann", "-c", "user.email=ann@v6.test", "-C", work];
    for (
      const args of [["git", "init", "-q", work], [
        ...git,
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "from the other side",
      ]]
    ) {
      assert.equal(spawnSync(args[0]!, args.slice(1)).status, 0);
    }
    const [command, ...args] = within("s6") as [string, ...string[]];
    const daemon = [
      "git",
      "-c",
      "safe.directory=*",
      "daemon",
      `--listen=${address.s6}`,
      `--base-path=${folder}`,
      "--export-all",
    ];
    children.push(spawn(command, [...args, ...daemon], { stdio: "ignore" }));
    await until("git's server", () => {
      return spawnSync(command, [...args, "ss", "-lntH", "sport", "=", ":9418"]).stdout.toString().trim() !== "";
    });
    const gateway = await start(source, [`--listen=${address.gwC4}:0`, "--admin=off", "--open"], within("gw"));
    const { port } = gateway.addrs[0]!;
    for (const target of programs) {
      const clone = join(folder, `clone-${target.name.replace(/\W/g, "")}`);
      const { stdout, stderr } = await shell([
        ...[...within("c4"), ...asNobodyInParticular, "SHELL=/bin/sh", ...target.command],
        ...["run", `--via=socks5://${address.gwC4}:${port}`, "--shell"],
      ], `git clone -q git://v6.test/work ${clone} && git -C ${clone} log --format=%s\n`);
      assert.equal(stdout, "from the other side\n", stderr);
    }
    await gateway.stop();
  });

  test("all traffic goes to the gateway, and none leaves after the supervisor is killed", async () => {
    const { in: within } = network!;
    const flags = [`--listen=${address.gwC4}:0`, "--admin=off", "--open"];
    const gateway = await start(source, flags, within("gw"));
    const { port } = gateway.addrs[0]!;
    for (const target of ways) {
      const { seen, stop } = await watching(`killed-${target.name}`);
      const [go, done] = [join(folder, `go-${children.length}`), join(folder, `done-${children.length}`)];
      const [command, ...args] = within("c4") as [string, ...string[]];
      const run = [`--via=socks5://${address.gwC4}:${port}`, "--", "python3", "-c", clientLeft(go, done)];
      const child = spawn(command, [...args, ...asNobodyInParticular, ...target.command, ...run], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      children.push(child);
      let said = "";
      child.stdout!.on("data", (bytes) => said += bytes);
      await until("the program", () => said.includes("\n"));
      const gone = new Promise((resolve) => child.once("exit", resolve));
      process.kill(Number(said), "SIGKILL");
      await gone;
      writeFileSync(go, "");
      await until("what it tries alone", () => existsSync(done));
      checkSeen(stop(seen), port, target.name);
    }
    await gateway.stop();
  });
});

/** Writes down what leaves the host; `stop` gives all of it. */
async function watching(name: string) {
  const seen = join(folder, name.replace(/\W/g, ""));
  const [command, ...args] = network!.in("c4") as [string, ...string[]];
  const watcher = spawn(command, [...args, "python3", "-c", watch(seen)], { stdio: "ignore" });
  children.push(watcher);
  await until("the watcher", () => existsSync(seen) && readFileSync(seen, "utf8") !== "");
  const stop = (file: string) => {
    watcher.kill("SIGKILL");
    return readFileSync(file, "utf8").split("\n").slice(1).filter(Boolean);
  };
  return { seen, stop };
}

function checkSeen(lines: readonly string[], port: number, name: string): void {
  const others = lines.filter((line) => !line.startsWith(`${address.gwC4} `));
  assert.deepEqual(others, [], `${name}: nobody but the gateway is spoken to`);
  assert.deepEqual(lines.filter((line) => line.endsWith(" 53")), [], `${name}: no DNS server is asked`);
  assert.ok(lines.includes(`${address.gwC4} 6 ${port}`), "the watcher sees");
}
