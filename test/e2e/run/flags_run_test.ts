import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { asNobodyInParticular, whyNoOwnNetwork } from "../../support/network/own_network.ts";
import { type Ended, programs, shell, type Target } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const skip = skipped("gate46 run's flags", whyNoOwnNetwork());
const folder = temporaryFolder("run-flags");
chmodSync(folder, 0o777);

/** Has IPv6 alone. */
let server: Server, port: number;
before(async () => {
  server = createServer((socket) => socket.end("six\n").on("error", () => {}));
  await new Promise<void>((resolve) => server.listen({ host: "::1", port: 0, ipv6Only: true }, resolve));
  port = (server.address() as { port: number }).port;
});
after(() => void server?.close());

function run(target: Target, args: readonly string[], input = ""): Promise<Ended> {
  return shell([...asNobodyInParticular, "SHELL=/bin/sh", ...target.command, "run", ...args], input);
}

for (const target of programs) {
  describe(`flags of gate46 run, ${target.name}`, { skip }, () => {
    test("--shell, or no program, runs the user's shell; --shell with a program is an error", async () => {
      const script = "echo $0 $$; exit 4\n";
      for (const flags of [["--shell"], []]) {
        const { stdout, stderr, code } = await run(target, flags, script);
        assert.match(stdout, /^\/bin\/sh \d+\n$/, stderr);
        assert.equal(code, 4);
      }
      const { stderr, code } = await run(target, ["--shell", "--", "true"]);
      assert.deepEqual([stderr, code], [
        "gate46: Cannot run a shell and a program: say --shell or a command\n",
        2,
      ]);
    });

    test("--dns-log logs each query and its answer, and nothing else", async () => {
      const file = join(folder, `names-${target.name.replace(/\W/g, "")}`);
      const script = `getent ahostsv4 six.test >/dev/null; getent hosts no-such.invalid; getent hosts 198.18.0.1
        python3 -c 'import socket; print(socket.create_connection(("six.test", ${port})).recv(9).decode(), end="")'`;
      const { stdout, stderr } = await run(
        target,
        ["--host", "six.test=::1", "--dns-log", "--log-file", file, "--", "sh", "-c", script],
      );
      assert.equal(stderr, "");
      assert.match(stdout, /^198\.18\.0\.1 +six\.test\nsix\n$/);
      const said = readFileSync(file, "utf8").trim().split("\n").map((line) => line.replace(/^\S+ info name /, ""));
      assert.deepEqual([...new Set(said)].sort(), [
        "name=1.0.18.198.in-addr.arpa type=PTR rcode=NOERROR answer=six.test",
        "name=no-such.invalid type=A rcode=NXDOMAIN",
        "name=no-such.invalid type=AAAA rcode=NXDOMAIN",
        "name=six.test type=A rcode=NOERROR answer=198.18.0.1",
        "name=six.test type=AAAA rcode=NOERROR answer=fd46:198:18::1",
      ]);
    });

    test("the session log has the options of serve: level, format, file", async () => {
      const file = join(folder, `sessions-${target.name.replace(/\W/g, "")}`);
      writeFileSync(file, "");
      chmodSync(file, 0o666);
      const client = `import socket; socket.create_connection(("six.test", ${port})).recv(9)`;
      const flags = ["--host=six.test=::1", "--log-level=info", "--log-format=json", `--log-file=${file}`];
      const { stderr } = await run(target, [...flags, "--", "python3", "-c", client]);
      assert.equal(stderr, "");
      const [line] = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
      assert.equal(JSON.stringify(line).includes(`"six.test:${port}"`), true, JSON.stringify(line));
    });

    test("--direct bypasses the gateways, and all other traffic uses them", async () => {
      const asked: string[] = [];
      const gateway = createServer((socket) => {
        let said = "";
        socket.on("error", () => {}).once("data", () => socket.write("\x05\x00", "latin1"));
        socket.on("data", (bytes) => {
          said += bytes.toString("latin1");
          const name = /(other|six)\.test/.exec(said)?.[0];
          if (name === undefined) return;
          asked.push(name);
          socket.end("\x05\x04\x00\x01\0\0\0\0\0\0", "latin1");
        });
      });
      await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
      const via = `socks5://127.0.0.1:${(gateway.address() as { port: number }).port}`;
      const client = `
import socket
for name in ("six.test", "other.test"):
    try: print(socket.create_connection((name, ${port}), 30).recv(9).decode(), end="")
    except OSError as e: print(name, e.errno)
`;
      const flags = ["--via", via, "--host", "six.test=::1", "--direct", "six.test,192.0.2.0/24"];
      const { stdout, stderr } = await run(target, [...flags, "--", "python3", "-c", client]);
      assert.equal(stdout, "six\nother.test 113\n", stderr);
      assert.deepEqual([...new Set(asked)], ["other.test"]);
      gateway.close();
    });

    test("an unreachable gateway of --via is reported on standard error", async () => {
      const client = `
import socket
try: socket.create_connection(("192.0.2.7", 80), 30)
except OSError: pass
`;
      const { stderr } = await run(target, ["--via=socks5://127.0.0.1:1", "--", "python3", "-c", client]);
      assert.match(stderr, /upstream down upstream=socks5:\/\/127\.0\.0\.1:1 .*refused/);
    });
  });
}
