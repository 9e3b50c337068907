import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { usersFileLine } from "../../../src/cli/files/users_file.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { command } from "../../support/program/command.ts";
import { programs, source, start } from "../../support/program/program.ts";
import { credentials, readReply, request } from "../../support/wire/socks.ts";
import { concat, listenTcp, Tcp } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const octets = (text: string) => new TextEncoder().encode(text);

/** What nobody may ever see, by who could say it. */
const secrets = {
  "a flag's user": "flag-Tr0ub4dor",
  "a user of the users file": "listed-Tr0ub4dor",
  "a user of the configuration": "inline-Tr0ub4dor",
  "a user's password file": "alone-Tr0ub4dor",
  "the admin token": "token-Tr0ub4dor-0123456789",
  "an upstream's URL": "upstream-Tr0ub4dor",
  "an upstream's password file": "upstream-alone-Tr0ub4dor",
  "a variable's upstream": "variable-Tr0ub4dor",
  "a client that is wrong": "wrong-Tr0ub4dor",
  "who asks with another token": "stranger-Tr0ub4dor",
  "a reload that is wrong": "reload-Tr0ub4dor",
} as const;

/** The forms of lines are the same code everywhere, and so are the commands. */
const formats = ["text", "json", "syslog"];
for (const target of programs) {
  for (const format of target === source ? formats.slice(0, 2) : formats.slice(2)) {
    test(`${target.name}: no secret is in a log of the format ${format} or in other output`, async () => {
      const folder = temporaryFolder("secrets");
      const file = (name: string, text: string) => {
        writeFileSync(join(folder, name), text, { mode: 0o600 });
        return join(folder, name);
      };
      const refusing = await listenTcp("127.0.0.1", ({ socket }) => {
        socket.once("data", () => {
          socket.write(Uint8Array.of(5, 2));
          socket.once("data", () => socket.end(Uint8Array.of(1, 1)));
        });
      });
      const proxy = await listenTcp("127.0.0.1", ({ socket }) => {
        socket.once("data", () => socket.end("HTTP/1.1 407 No\r\n\r\n"));
      });
      const listed = await usersFileLine("listed", octets(secrets["a user of the users file"]));
      file("users", `${listed}\n`);
      file("alone", secrets["a user's password file"]);
      file("upstream", secrets["an upstream's password file"]);
      const token = file("token", secrets["the admin token"]);
      const up = `127.0.0.1:${refusing.addr.port}`;
      const toml = `
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
admin_token_file = "token"
users_file = "users"
allow = "127.0.0.1"
log_level = "debug"
log_format = "${format}"

[[users]]
name = "inline"
password = "${secrets["a user of the configuration"]}"
[[users]]
name = "alone"
password_file = "alone"

[[upstreams]]
name = "far"
chains = ["socks5://u:${secrets["an upstream's URL"]}@${up}", "socks5://u@${up}?password-file=upstream"]
[[rules]]
action = "allow"
names = "far.example"
via = "far"
[[rules]]
action = "allow"
names = "web.example"
via = "http://u:${secrets["an upstream's URL"]}@127.0.0.1:${proxy.addr.port}"
`;
      const config = file("gate46.toml", toml);
      const variable = `GATE46_VIA=socks5://u:${secrets["a variable's upstream"]}@${up}`;
      const flags = [`--config=${config}`, `--user=flag:${secrets["a flag's user"]}`];
      const gateway = await start(target, flags, ["env", variable]);

      const attempt = async (name: string, password: string, host = "far.example") => {
        const client = await Tcp.to(gateway.addrs[0]!);
        client.write(concat(Uint8Array.of(5, 1, 2), credentials(name, password), request(Command.Connect, host, 80)));
        assert.deepEqual([...await client.read(2)], [5, 2]);
        const [, status] = await client.read(2);
        if (status === 0) await readReply(client);
        client.close();
        return status;
      };
      for (
        const [name, whose] of [
          ["flag", "a flag's user"],
          ["listed", "a user of the users file"],
          ["inline", "a user of the configuration"],
          ["alone", "a user's password file"],
        ] as const
      ) {
        for (const host of ["far.example", "web.example", "other.example"]) {
          assert.equal(await attempt(name, secrets[whose], host), 0, whose);
        }
      }
      assert.equal(await attempt("flag", secrets["a client that is wrong"]), 1);
      const garbage = await Tcp.to(gateway.addrs[0]!);
      garbage.write(concat(Uint8Array.of(5, 1, 2), octets(secrets["a client that is wrong"])));
      await garbage.end();

      let seen = "";
      const admin = `http://127.0.0.1:${gateway.admin!.port}`;
      for (const path of ["/", "/metrics", "/api/status", "/readyz", "/healthz", "/reload"]) {
        for (const whose of ["the admin token", "who asks with another token"] as const) {
          const answer = await fetch(`${admin}${path}`, {
            method: path === "/reload" ? "POST" : "GET",
            headers: { authorization: `Bearer ${secrets[whose]}` },
          });
          seen += JSON.stringify([...answer.headers]) + await answer.text();
        }
      }
      for (const wrong of ["pasword = '", "password = '", "password = 1\nname = '", "via = 'socks5://a:", "#\n'"]) {
        const before = gateway.output().split("not reloaded").length;
        file("gate46.toml", `${toml}\n[[users]]\n${wrong}${secrets["a reload that is wrong"]}@x`);
        gateway.signal("SIGHUP");
        await until("it is refused", () => gateway.output().split("not reloaded").length > before);
        const checked = await command(["check", config]);
        assert.equal(checked.code, 2);
        seen += checked.stderr + checked.stdout;
      }
      file("gate46.toml", toml);
      for (
        const args of [
          ["check", config],
          ["config", ...flags],
          ["sessions", `--config=${config}`, `--admin=127.0.0.1:${gateway.admin!.port}`, `--admin-token-file=${token}`],
          ["config", `--usr=x:${secrets["a flag's user"]}`],
          ["config", `--user=${secrets["a flag's user"]}`],
          ["config", "--via", `socks5://${secrets["an upstream's URL"]}@x`],
          ["config", "--via", `ftp://u:${secrets["an upstream's URL"]}@x`],
        ]
      ) {
        const { stdout, stderr } = await command(args);
        seen += stdout + stderr;
      }
      await gateway.stop();
      seen += gateway.output();
      assert.match(seen, /authentication-failed/);
      assert.match(seen, /upstream down/);
      const hash = listed.slice(listed.lastIndexOf("$"));
      for (const [whose, secret] of [...Object.entries(secrets), ["a hash", hash]] as const) {
        for (
          const form of [secret, Buffer.from(secret).toString("base64"), Buffer.from(`u:${secret}`).toString("base64")]
        ) {
          const at = seen.indexOf(form);
          assert.ok(at < 0, `that of ${whose}: ${seen.slice(Math.max(0, at - 200), at + 100)}`);
        }
      }
      refusing.close();
      proxy.close();
    });
  }
}
