import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { asNobodyInParticular, whyNoOwnNetwork } from "../../support/network/own_network.ts";
import { type Ended, programs, shell, type Target } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("gate46 run", whyNoOwnNetwork());
const folder = temporaryFolder("run-test");
chmodSync(folder, 0o777);

/** Has IPv6 alone; what it is told it says again, and then what the test wants. */
let server: Server, tcp: number, udp: number;
const datagrams = createSocket("udp6");
const heard: string[] = [];

before(async () => {
  server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    let said = "";
    socket.on("data", (bytes) => said += bytes).on("error", () => {});
    socket.on("end", () => {
      heard.push(said);
      socket.end(`HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nsix\n`);
    });
    socket.once("data", () => /^GET/.test(said) && socket.end("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nsix\n"));
  });
  await new Promise<void>((resolve) => server.listen({ host: "::1", port: 0, ipv6Only: true }, resolve));
  tcp = (server.address() as { port: number }).port;
  datagrams.on("message", (bytes, { address, port }) => datagrams.send(bytes, port, address));
  await new Promise<void>((resolve) => datagrams.bind(0, "::1", resolve));
  udp = datagrams.address().port;
});
after(() => {
  server?.close();
  ipv4?.close();
  try {
    datagrams.close();
  } catch {
    // It was never bound.
  }
});

const names = ["--host", "six.test=::1"];

/** Each way to run a program, with what is before its flags. */
const ways: readonly Target[] = programs.flatMap((target) =>
  ["namespace", "seccomp"].map((mode) => ({
    name: `${target.name}, ${mode}`,
    command: [...target.command, "run", `--mode=${mode}`],
  }))
);

function inRun(
  target: Target,
  command: readonly string[],
  flags: readonly string[] = names,
  input = "",
): Promise<Ended> {
  return shell([...asNobodyInParticular, ...target.command, ...flags, "--", ...command], input);
}

/** As Python says it, line by line. */
function python(target: Target, script: string, flags?: readonly string[]): Promise<Ended> {
  const head = "import errno, os, socket, sys\ndef tell(*words): print(*words, flush=True)\n";
  return inRun(target, ["python3", "-c", head + script], flags);
}

const attempt = `
def attempt(host, port, family=socket.AF_INET):
    s = socket.socket(family); s.settimeout(30)
    try: s.connect((host, port)); return "connected"
    except socket.gaierror as e: return "no name"
    except OSError as e: return errno.errorcode.get(e.errno, str(e))
`;

for (const target of ways) {
  describe(`gate46 run, ${target.name}`, { skip }, () => {
    test("programs without proxy support reach an IPv6-only server by its name", async () => {
      writeFileSync(join(folder, "c.c"), staticClient);
      const built = spawnSync("gcc", ["-static", "-o", join(folder, "client"), join(folder, "c.c")]).status === 0;
      const { stdout, code, stderr } = await inRun(target, [
        "sh",
        "-c",
        `curl -4 -sS http://six.test:${tcp}/; curl -6 -sS http://six.test:${tcp}/
         python3 -c 'import urllib.request as u; print(u.urlopen("http://six.test:${tcp}/").read().decode(), end="")'
         ${built ? `${join(folder, "client")} 198.18.0.1 ${tcp}` : "echo six"}
         getent ahostsv4 six.test | head -1
         (curl -sS http://six.test:${tcp}/)`,
      ]);
      assert.equal(stderr, "");
      assert.equal(code, 0);
      assert.match(stdout, /^(six\n){4}198\.18\.\d+\.\d+ +STREAM six\.test\nsix\n$/);
    });

    test("datagrams reach a server by its name, and answers come from the address that the program sent to", async () => {
      const { stdout, stderr } = await python(
        target,
        `
for family, kind, proto, name, addr in sorted(socket.getaddrinfo("six.test", ${udp}, 0, socket.SOCK_DGRAM), reverse=True):
    s = socket.socket(family, kind); s.settimeout(30)
    for size in (0, 1, 1201, 20000):
        s.sendto(b"x" * size, addr); data, peer = s.recvfrom(65536); tell(family.name, len(data), peer[:2] == addr[:2])
`,
      );
      const sizes = (family: string) => [0, 1, 1201, 20000].map((size) => `${family} ${size} True\n`).join("");
      assert.equal(stdout, sizes("AF_INET6") + sizes("AF_INET"), stderr);
    });

    test("connect() fails with the same errors as without a gateway", async () => {
      const closed = await closedPort();
      const { stdout, stderr } = await python(
        target,
        `${attempt}
tell(attempt("six.test", ${closed})); tell(attempt("no-such-name.invalid", 80))
tell(attempt("198.18.99.99", 80)); tell(attempt("fd46:198:18::9999", 80, socket.AF_INET6))
tell(attempt("127.0.0.1", ${closed})); tell(attempt("::1", ${closed}, socket.AF_INET6)); tell(attempt("::1", ${tcp}, socket.AF_INET6))
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); tell(attempt(*s.getsockname()))
`,
      );
      const lines = ["ECONNREFUSED", "no name", "EHOSTUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "ECONNREFUSED"];
      assert.equal(stdout, [...lines, "connected", "connected", ""].join("\n"), stderr);
    });

    test("the program's exit code, signal, input, descriptors, user and limits are unchanged", async () => {
      const asked = [
        "sh",
        "-c",
        `cat; id -u; ulimit -n; umask; pwd; grep -E 'SigBlk|CapEff|CapPrm' /proc/self/status
        sed -n 's/^SigIgn.*\\(.......\\)/\\1/p' /proc/self/status; exit 42`,
      ];
      const itself = await shell([...asNobodyInParticular, ...asked], "hello\n");
      const { stdout, code } = await inRun(target, asked, [], "hello\n");
      assert.deepEqual([stdout, code], [itself.stdout, itself.code]);
      const shellCommand = [...target.command, "--"].join(" ");
      const sh = (script: string) => shell([...asNobodyInParticular, "bash", "-c", script]);
      assert.equal((await sh(`${shellCommand} sh -c 'kill -TERM $$'; echo $?`)).stdout, "143\n");
      const crashed = await sh(`${shellCommand} sh -c 'ulimit -c 0; kill -SEGV $$'; echo $?`);
      assert.deepEqual([crashed.stdout, /panic|Bun has crashed/.test(crashed.stderr)], ["139\n", false]);
      assert.equal((await sh(`${shellCommand} /no/such/program 2>&1; echo $?`)).stdout.split("\n").at(-2), "127");
      assert.equal((await sh(`${shellCommand} /etc/passwd 2>&1; echo $?`)).stdout.split("\n").at(-2), "126");
      assert.equal((await sh(`${shellCommand} cat <(echo through a pipe)`)).stdout, "through a pipe\n");
      assert.equal((await sh(`${shellCommand} sh -c 'cat <&7' 7< <(echo seven)`)).stdout, "seven\n");
    });

    test("a daemon of the program keeps its network after the program's end, and its data arrives", async () => {
      heard.length = 0;
      const { stdout, code } = await inRun(target, [
        "sh",
        "-c",
        `(exec python3 -c 'import socket, sys; sys.stdin.read(); s = socket.create_connection(("six.test", ${tcp})); s.sendall(b"from a daemon"); s.close()' \
          <"$0" >/dev/null 2>&1) & echo left; exit 3`,
        "/dev/null",
      ]);
      assert.deepEqual([stdout, code], ["left\n", 3]);
      await until("the daemon's words", () => heard.includes("from a daemon"));
    });

    test("SIGTERM goes to the program, and after the supervisor is killed no traffic leaves", async () => {
      const [command, ...before] = asNobodyInParticular;
      const args = [...before, ...target.command, ...names, "--"];
      const script = `trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.1; done`;
      const told = spawn(command, [...args, "sh", "-c", script]);
      let said = "";
      told.stdout.on("data", (bytes) => said += bytes);
      await until("the program", () => said.includes("ready"));
      process.kill(told.pid!, "SIGTERM");
      const code = await new Promise((resolve) => told.once("close", resolve));
      assert.deepEqual([said, code], ["ready\ntold\n", 5]);

      const out = join(folder, `out-${target.name.replace(/\W/g, "")}`);
      const killed = spawn(command, [
        ...args,
        "python3",
        "-c",
        `
import os, socket, time
print(os.getppid(), flush=True)
while not os.path.exists("${out}.go"): time.sleep(0.02)
s = socket.socket(); s.settimeout(1)
try: s.connect(("127.0.0.1", ${await loopbackPort()})); r = "out"
except OSError as e: r = "nowhere"
open("${out}", "w").write(r)
`,
      ], { stdio: ["ignore", "pipe", "inherit"] });
      let first = "";
      killed.stdout.on("data", (bytes) => first += bytes);
      await until("the program", () => first.includes("\n"));
      const gone = new Promise((resolve) => killed.once("exit", resolve));
      process.kill(Number(first), "SIGKILL");
      await gone;
      writeFileSync(`${out}.go`, "");
      await until("its word", () => existsSync(out) && readFileSync(out, "utf8") !== "");
      assert.equal(readFileSync(out, "utf8"), "nowhere");
    });

    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      test(`after the program's end, ${signal} ends the wait for its background processes`, async () => {
        const [command, ...before] = asNobodyInParticular;
        const left = "sleep 1000 </dev/null >/dev/null 2>&1 & echo $!; exit 6";
        const run = spawn(command, [...before, ...target.command, ...names, "--", "sh", "-c", left]);
        let said = "", told = "";
        run.stdout.on("data", (bytes) => said += bytes);
        run.stderr.on("data", (bytes) => told += bytes);
        await until("it tells why it still runs", () => told.includes("the program has ended"));
        process.kill(run.pid!, signal);
        const code = await new Promise((resolve) => run.once("close", resolve));
        process.kill(Number(said), "SIGKILL");
        assert.equal(code, 6);
      });
    }

    test("the session log has the program's destination", async () => {
      const { stderr } = await inRun(target, ["curl", "-s", `http://six.test:${tcp}/`], [...names, "--verbose"]);
      assert.match(
        stderr,
        new RegExp(`session .*protocol=transparent command=connect destination=six\\.test:${tcp} .*"00 succeeded"`),
      );
    });
  });
}

/** A port of [::1] and of 127.0.0.1 where nobody listens. */
async function closedPort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "::", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

let ipv4: Server | undefined;
/** A port of this host's 127.0.0.1 where somebody listens. */
async function loopbackPort(): Promise<number> {
  if (!ipv4) {
    ipv4 = createServer((socket) => socket.destroy()).unref();
    await new Promise<void>((resolve) => ipv4!.listen(0, "127.0.0.1", resolve));
  }
  return (ipv4.address() as { port: number }).port;
}

const staticClient = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
int main(int c, char **v) {
  struct sockaddr_in a = { AF_INET, htons(atoi(v[2])) };
  inet_pton(AF_INET, v[1], &a.sin_addr);
  int s = socket(AF_INET, SOCK_STREAM, 0), n, all = 0;
  if (connect(s, (void *)&a, sizeof a) || write(s, "GET / HTTP/1.0\\r\\n\\r\\n", 18) < 0) { perror("connect"); return 1; }
  char b[999]; while ((n = read(s, b + all, sizeof b - 1 - all)) > 0) all += n;
  b[all] = 0; char *body = strstr(b, "\\r\\n\\r\\n"); fputs(body ? body + 4 : b, stdout); return 0;
}
`;
