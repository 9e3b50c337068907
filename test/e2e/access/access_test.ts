import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Command, Reply } from "../../../src/protocol/codes.ts";
import { commandOf } from "../../support/program/command.ts";
import { source, start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { greeting, readReply, request } from "../../support/wire/socks.ts";
import { echoServer, Tcp } from "../../support/wire/tcp.ts";

const noUnix = skipped("access_test.ts", process.platform === "win32" && "no unix sockets");

for (const target of targets) {
  test(
    `${target.name}: [[access]] gives a unix socket no authentication and its own rules`,
    { skip: noUnix },
    async () => {
      const folder = temporaryFolder("access"), file = join(folder, "gate46.toml"), path = join(folder, "s.sock");
      const echo = await echoServer("127.0.0.1");
      writeFileSync(join(folder, "local"), "127.0.0.1 # this machine\n");
      writeFileSync(
        file,
        `default = "deny"\n[[users]]\nname = "ann"\npassword = "pw"\nmax_rate = 5\n` +
          `[[access]]\nlistener = "unix:${path}"\nauth = "none"\nbandwidth = "1G"\n` +
          `[[rules]]\naction = "allow"\nlistener = "unix:${path}"\nto_file = "local"\nmax_sessions = 1\n`,
      );
      const flags = [`--config=${file}`, `--listen=unix:${path}`];
      const gateway = await start(target, [...flags, "--listen=127.0.0.1:0", "--admin=off"]);
      assert.match(gateway.output(), /s\.sock.*none,username/);
      const unix = gateway.addrs.find((addr) => addr.unix !== undefined)!;
      const tcp = gateway.addrs.find((addr) => addr.unix === undefined)!;
      const stranger = await Tcp.to(tcp);
      stranger.write(greeting);
      assert.deepEqual([...await stranger.read(2)], [5, 0xff]);
      stranger.close();
      const askUnix = async () => {
        const client = await Tcp.to(unix);
        client.write(greeting);
        assert.deepEqual([...await client.read(2)], [5, 0]);
        client.write(request(Command.Connect, echo.addr.host, echo.addr.port));
        return { client, reply: (await readReply(client)).reply };
      };
      const first = await askUnix(), second = await askUnix(); // of whichever workers
      assert.deepEqual([first.reply, second.reply], [Reply.Succeeded, Reply.NotAllowed]);
      for (const { client } of [first, second]) client.close();
      assert.equal(await gateway.stop(), 0);
      await echo.close();
      if (target !== source) return; // the rest is the same there
      const explained = async (listener: string, ...user: readonly string[]) => {
        const asked = ["--listen=127.0.0.1:1080", "--client=127.0.0.1", `--listener=${listener}`, ...user];
        const { code, stdout } = await commandOf(target, ["explain", ...flags, ...asked, "connect", "127.0.0.1:80"]);
        return [code, ...stdout.trim().split("\n").slice(1).map((line) => line.trim())];
      };
      assert.deepEqual(await explained(`unix:${path}`), [
        0,
        "access[0]: at most 1000000000 bytes a second each way",
        "1. 127.0.0.1:80  allow: rules[0], at most 1 session",
      ]);
      assert.deepEqual(await explained("127.0.0.1:1080", "--user=ann"), [
        1,
        "user ann: at most 5 new sessions a second",
        "deny: denied by default, wherever it goes",
      ]);
      assert.deepEqual(
        (await explained("127.0.0.1:1080", "--auth-exempt=127.0.0.0/8"))[1],
        "deny: denied by default, wherever it goes",
      );
      assert.deepEqual(await explained("127.0.0.1:1080"), [
        1,
        "deny: the gateway requires a username and password; give --user",
      ]);
    },
  );
}
