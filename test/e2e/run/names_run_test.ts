import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { asNobodyInParticular, whyNoOwnNetwork } from "../../support/network/own_network.ts";
import { programs, shell } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const noMounts = process.getuid?.() !== 0
  ? "mounts need root"
  : spawnSync("unshare", ["-m", "true"]).status !== 0 && "unshare -m";
const skip = skipped("names of gate46 run", whyNoOwnNetwork()),
  noHost = skipped("a host's services of names", skip || noMounts);
const folder = temporaryFolder("run-names");
chmodSync(folder, 0o777);

/** Asks by hand: the code of the answer, and how many records it has. */
const asking = `
import socket, struct
def ask(server, name, kind, stream=False):
    query = struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l) + struct.pack("!BHH", 0, kind, 1)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as s:
        s.settimeout(20); s.connect((server, 53)); s.sendall(struct.pack("!H", len(query)) * stream + query)
        answer = s.recv(4096)[2 * stream:]
    head = struct.unpack("!6H", answer[:12])
    return f"{head[1] & 15}:{head[3]}"
`;

/** Stands for nscd(8): says each time what it is asked for. */
const nscd = `
import os, socket, sys
os.makedirs("/run/nscd", exist_ok=True)
if os.path.exists("/run/nscd/socket"): os.remove("/run/nscd/socket")
s = socket.socket(socket.AF_UNIX); s.bind("/run/nscd/socket"); os.chmod("/run/nscd/socket", 0o666); s.listen()
while True:
    c, _ = s.accept(); print("nscd", sys.argv[1], c.recv(999)[12:].decode(errors="replace").strip("\\0"), flush=True); c.close()
`;

for (const target of programs) {
  describe(`names of gate46 run, ${target.name}`, { skip }, () => {
    test("every DNS server address answers: A, AAAA and PTR records, empty answers for other types, NXDOMAIN", async () => {
      const script = `${asking}
A, PTR, TXT, AAAA, SRV, SVCB, HTTPS = 1, 12, 16, 28, 33, 64, 65
for server in ("192.0.2.53", "2001:db8::53", "127.0.0.53"):
    print(*[ask(server, "six.test", kind) for kind in (A, AAAA, TXT, SRV, SVCB, HTTPS)], end=" ")
    print(*[ask(server, name, PTR) for name in ("1.0.18.198.in-addr.arpa", "9.9.18.198.in-addr.arpa", "1.2.0.192.in-addr.arpa")])
print(*[ask("192.0.2.53", name, kind, True) for name, kind in (("six.test", HTTPS), ("SIX.test", A), ("localhost", A), ("a.localhost", AAAA), ("printer.local", A), ("lone", A))])
`;
      const flags = ["--via=socks5://127.0.0.1:1", "--", "python3", "-c", script];
      const { stdout, stderr } = await shell([...asNobodyInParticular, ...target.command, "run", ...flags]);
      const line = "0:1 0:1 0:0 0:0 0:0 0:0 0:1 3:0 3:0\n";
      assert.equal(stdout, `${line.repeat(3)}0:0 0:1 0:1 0:1 3:0 0:1\n`, stderr);
    });

    test("no resolver service of this host is asked, also after its restart; no search domain applies", {
      skip: noHost,
    }, async () => {
      const file = (name: string, text: string) => {
        writeFileSync(join(folder, name), text);
        return join(folder, name);
      };
      const run = [...asNobodyInParticular, ...target.command, "run", "--dns-log", "--via=socks5://127.0.0.1:1", "--"];
      const script = `
        set -e; cd ${folder}; rm -f begun goes; mkfifo -m 666 begun goes
        mount -t tmpfs tmpfs /run; mkdir /run/systemd
        mount --bind ${file("resolv.conf", "nameserver fe80::1%eth0\nsearch corp.test\n")} /etc/resolv.conf
        mount --bind ${file("nsswitch.conf", "hosts: files resolve [!UNAVAIL=return] dns\n")} /etc/nsswitch.conf
        start() { python3 ${file("nscd.py", nscd)} "$1" & nscd=$!; until [ -S /run/nscd/socket ]; do sleep 0.02; done; }
        trap 'kill $nscd' EXIT
        start outside; getent ahosts localhost >/dev/null
        kill $nscd; rm -r /run/nscd/socket; start inside
        "$@" sh -c 'getent ahostsv4 lone; echo >begun; read x <goes; getent ahostsv4 six.test; cat /etc/resolv.conf' &
        run=$!; read x <begun; kill $nscd; rm /run/nscd/socket; start again; echo >goes; wait $run`;
      const { stdout, stderr, code } = await shell(["unshare", "-m", "sh", "-c", script, "sh", ...run]);
      const said = stdout.split("\n").filter((line) => line && !/DGRAM|RAW/.test(line)).map((line) => line.trim());
      assert.equal(code, 0, stderr);
      assert.ok(said.includes("nscd outside localhost"), "whoever is outside asks it");
      const given = said.filter((line) => !/^nscd/.test(line) || /^nscd (?!outside).*(hosts|lone|six)/.test(line));
      assert.deepEqual(given.map((line) => line.replace(/\s+/g, " ")), [
        ...["198.18.0.1 STREAM lone", "198.18.0.2 STREAM six.test", "nameserver 10.46.46.46", "search ."],
      ]);
      assert.deepEqual([...new Set(Array.from(stderr.matchAll(/name=(\S+)/g), ([, name]) => name))], [
        "lone",
        "six.test",
      ]);
    });
  });
}
