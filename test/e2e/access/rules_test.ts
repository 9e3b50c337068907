import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { commandOf } from "../../support/program/command.ts";
import { programs, run, shell, source, start } from "../../support/program/program.ts";
import { credentials, readReply, request } from "../../support/wire/socks.ts";
import { echoServer, Tcp } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const folder = temporaryFolder("rules");
const server = await echoServer("127.0.0.1");
after(() => server.close());

const SECRET = "hunter2";
const toml = `
listen = "127.0.0.1:0"
admin = "off"
log_level = "debug"

[[users]]
name = "ann"
password_file = "secrets/ann"

[[users]]
name = "bob"
password = "${SECRET}"

[[rules]]
name = "not by name"
action = "deny"
names = ["LocalHost.", "*.ads.test"]

[[rules]]
name = "ann's tests"
action = "allow"
users = "ann"
to = "127.0.0.0/8"
ports = ${server.addr.port}

[[rules]]
action = "deny"
commands = "udp-associate"
users = "bob"

[[rules]]
action = "allow" # which opens nothing that is closed
`;
mkdirSync(join(folder, "secrets"));
writeFileSync(join(folder, "secrets/ann"), `${SECRET}\n`, { mode: 0o600 });
const file = written("gate46.toml", toml);

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

async function asked(target: Tcp, user: string, command: Command, host: string, port: number): Promise<number> {
  target.write(Uint8Array.of(5, 1, 2));
  target.write(credentials(user, SECRET));
  assert.deepEqual(await target.read(4), Uint8Array.of(5, 2, 1, 0));
  target.write(request(command, host, port));
  return (await readReply(target)).reply;
}

for (const target of programs) {
  const name = (what: string) => `rules, ${target.name}: ${what}`;

  test(name("rules of a file apply by user, by name and by address, and the log names the rule"), async () => {
    const gateway = await start(target, ["--config", file, "--listen=127.0.0.1:0", "--admin=off"]);
    const { port } = server.addr;
    const rows = [
      ["ann", Command.Connect, "127.0.0.1", port, Reply.Succeeded, undefined],
      ["ann", Command.Connect, "::ffff:127.0.0.1", port, Reply.Succeeded, undefined],
      ["ann", Command.Connect, "127.0.0.1", port ^ 1, Reply.NotAllowed, "loopback destination 127.0.0.1"],
      ["ann", Command.Connect, "localhost", port, Reply.NotAllowed, "rules[0] 'not by name'"],
      ["ann", Command.Connect, "x.ADS.test", port, Reply.NotAllowed, "rules[0] 'not by name'"],
      ["bob", Command.Connect, "127.0.0.1", port, Reply.NotAllowed, "loopback destination 127.0.0.1"],
      ["bob", Command.Connect, "64:ff9b::7f00:1", port, Reply.NotAllowed, "loopback destination 64:ff9b::7f00:1"],
      ["bob", Command.UdpAssociate, "0.0.0.0", 0, Reply.NotAllowed, "rules[2]"],
      ["ann", Command.UdpAssociate, "0.0.0.0", 0, Reply.Succeeded, undefined],
      ["ann", Command.Connect, "127.0.0.1", gateway.addrs[0]!.port, Reply.NotAllowed, "own listener 127.0.0.1:"],
    ] as const;
    for (const [user, command, host, toPort, reply] of rows) {
      const client = await Tcp.to(gateway.addrs[0]!);
      assert.equal(await asked(client, user, command, host, toPort), reply, `${user} ${host}`);
      client.close();
    }
    assert.equal(await gateway.stop(), 0);
    const sessions = gateway.output().split("\n").filter((line) => line.includes(" info session "));
    rows.forEach(([user, , host, , , rule], i) => {
      const line = sessions.find((one) => one.includes(` id=${i + 1} `))!;
      assert.ok(line.includes(` user=${user} `), line);
      if (rule) assert.ok(line.includes(`detail="${rule}`) || line.includes(`detail=${rule}`), `${host}: ${line}`);
    });
    assert.ok(!gateway.output().includes(SECRET));
  });

  test(name("check reports a valid file or all its errors, and exits with 0 or 2"), async () => {
    assert.deepEqual(await commandOf(target, ["check", file]), { code: 0, stdout: `${file} is valid\n`, stderr: "" });
    const wrong = written("wrong.toml", `lisen = "x"\nfrom = "10.0.0.0/33"\n\n${"[[rules]]\n".repeat(2)}`);
    assert.deepEqual(await commandOf(target, ["check", wrong]), {
      code: 2,
      stdout: "",
      stderr: [
        `gate46: Cannot parse ${wrong} line 1: lisen is not known (did you mean listen?)`,
        `gate46: Cannot parse ${wrong} line 2: from: '10.0.0.0/33' is not a prefix (write 192.168.1.0/24 or 2001:db8::/64)`,
        `gate46: Cannot parse ${wrong} line 4: rules[0].action is missing`,
        `gate46: Cannot parse ${wrong} line 5: rules[1].action is missing`,
        "",
      ].join("\n"),
    });
    if (target !== source) return; // the rest is the same in an executable
    const orphan = written("orphan.toml", `[[users]]\nname = "ann"\npassword_file = "nowhere"\n`);
    const { code, stderr } = await commandOf(target, ["check", orphan]);
    assert.deepEqual([code, stderr], [2, `gate46: Cannot read ${join(folder, "nowhere")}: it is not there (ENOENT)\n`]);
    assert.equal((await commandOf(target, ["check", join(folder, "none.toml")])).code, 2);
    for (const [engine, exit] of [["portable", 2], ["auto", 1]] as const) {
      const device = written(
        "device.toml",
        `engine = "${engine}"\ninterface = "nope0"\nlisten = "127.0.0.1:0"\nadmin = "off"\n`,
      );
      for (const args of [["check", device], ["--config", device]]) {
        const { code, stderr } = await run(target, args);
        assert.equal(code, exit);
        assert.match(
          stderr,
          /gate46: Cannot (dial with --interface nope0: no such interface \(ENODEV\)|use --interface: only the Linux engine)/,
        );
      }
    }
    const portable = written("portable.toml", 'engine = "portable"\nworkers = 2\n');
    assert.deepEqual(await commandOf(target, ["check", portable]), {
      code: 2,
      stdout: "",
      stderr: "gate46: Cannot use --workers: only the Linux engine can\n",
    });
  });

  test(name("with a wrong file or variable the gateway does not start and exits with 2"), async () => {
    const wrong = written("typo.toml", "max_session = 5\n");
    const { code, stderr } = await run(target, ["--config", wrong]);
    assert.deepEqual([code, stderr], [
      2,
      `gate46: Cannot parse ${wrong} line 1: max_session is not known (did you mean max_sessions?)\n`,
    ]);
    const typo = await shell([...target.command], "", { GATE46_LOGLEVEL: "debug" });
    assert.deepEqual([typo.code, typo.stderr], [
      2,
      "gate46: Cannot use GATE46_LOGLEVEL: no such setting (did you mean GATE46_LOG_LEVEL?)\n",
    ]);
  });

  test(
    name(
      "config prints the effective configuration without secrets; flags override variables, and variables override the file",
    ),
    async () => {
      const variables = { GATE46_CONFIG: file, GATE46_LOG_LEVEL: "error", GATE46_DRAIN: "5s" };
      const { code, stdout } = await commandOf(target, ["config", "--drain=7s", "--user=eve:hunter2"], variables);
      assert.equal(code, 0);
      const lines = stdout.split("\n");
      for (
        const line of [
          `listen = ["127.0.0.1:0"] # ${file} line 2`,
          'log_level = "error" # GATE46_LOG_LEVEL',
          'drain = "7s" # --drain',
          'dial_timeout = "15s" # default',
          'name = "eve"',
          'names = [ "LocalHost.", "*.ads.test" ]',
        ]
      ) assert.ok(lines.includes(line), `${line} in\n${stdout}`);
      assert.ok(!stdout.includes(SECRET));
    },
  );

  test(name("explain prints the rule and the addresses, and exits with 0 if an address is allowed"), async () => {
    const ask = (...args: readonly string[]) =>
      commandOf(target, ["explain", "--config", file, "--client=192.0.2.7", ...args]);
    const port = server.addr.port;
    assert.deepEqual(await ask("--user=ann", "connect", `127.0.0.1:${port}`), {
      code: 0,
      stdout: `connect 127.0.0.1:${port} from 192.0.2.7 as ann\n` +
        `  1. 127.0.0.1:${port}  allow: rules[1] 'ann's tests'\n`,
      stderr: "",
    });
    assert.deepEqual(await ask("--user=bob", "connect", `127.0.0.1:${port}`), {
      code: 1,
      stdout: `connect 127.0.0.1:${port} from 192.0.2.7 as bob\n` +
        `   - 127.0.0.1:${port}  deny: loopback destination 127.0.0.1\n`,
      stderr: "",
    });
    if (target !== source) return; // the rest is the same in an executable
    assert.deepEqual(await ask("--user=ann", "connect", "a.ads.test:1"), {
      code: 1,
      stdout: "connect a.ads.test:1 from 192.0.2.7 as ann\n" +
        "deny: rules[0] 'not by name', before the name is resolved\n",
      stderr: "",
    });
    assert.deepEqual(await ask("--user=bob", "udp", "[2001:db8::1]:53"), {
      code: 1,
      stdout: "udp-associate [2001:db8::1]:53 from 192.0.2.7 as bob\ndeny: rules[2], wherever it goes\n",
      stderr: "",
    });
    assert.equal((await ask("--user=ann", "bind", "0.0.0.0:0")).code, 0);
    assert.equal((await ask("--user=eve", "connect", "192.0.2.1:1")).code, 1);
    assert.equal((await ask("--user=ann", "--from=10.0.0.0/8", "connect", "192.0.2.1:1")).code, 1);
    const doors = join(folder, "doors.toml");
    writeFileSync(
      doors,
      `listen = ["127.0.0.1:1080", "sni://127.0.0.1:443", "host://127.0.0.1:80"]
forward = "127.0.0.1:2222=192.0.2.9:22"
[[users]]
name = "ann"
password = "${SECRET}"
[[rules]]
name = "the shop"
action = "allow"
names = ".shop.test"
via = "socks5://192.0.2.1"
`,
    );
    const enter = async (...args: readonly string[]) => {
      const { code, stdout } = await commandOf(target, ["explain", "--config", doors, "--client=192.0.2.7", ...args]);
      return [code, ...stdout.trim().split("\n").map((line) => line.trim())];
    };
    const shop = "allow: rules[0] 'the shop', via socks5://192.0.2.1, where the name is resolved";
    assert.deepEqual(await enter("sni", "www.shop.test"), [
      0,
      "sni www.shop.test from 192.0.2.7 at 127.0.0.1:443",
      shop,
    ]);
    assert.deepEqual(await enter("host", "other.test"), [
      1,
      "host other.test from 192.0.2.7 at 127.0.0.1:80",
      "deny: no rule allows this name, before the name is resolved",
    ]);
    assert.deepEqual(await enter("sni", "192.0.2.1"), [
      1,
      "sni 192.0.2.1 from 192.0.2.7 at 127.0.0.1:443",
      "deny: Cannot go by name: the client asks for an address, not for a name",
    ]);
    assert.deepEqual(await enter("forward", "192.0.2.9:22"), [
      0,
      "forward 192.0.2.9:22 from 192.0.2.7 at 127.0.0.1:2222",
      "1. 192.0.2.9:22  allow: forward to 192.0.2.9:22",
    ]);
    for (const args of [["conect", "192.0.2.1:1"], ["connect", "192.0.2.1"], ["connect", "127.1:80"]]) {
      const { code, stderr } = await ask("--user=ann", ...args);
      assert.equal(code, 2);
      assert.match(stderr, /^gate46: Cannot explain:? '.*\n$/);
    }
  });
}
