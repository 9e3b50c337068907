import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { test } from "node:test";
import { programs, shell, source, start, workers } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";

const skip = skipped(
  "clients_test.ts",
  await shell(["curl", "--version"]).then(({ code }) => code !== 0, () => true) && "no curl",
);
const flags = ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.0/8", "--allow=::1"];

async function serve(body: Uint8Array | string): Promise<{ server: Server; port: number }> {
  const server = createServer((_, response) => void response.end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as { port: number }).port };
}

for (const target of programs) {
  test(
    `${target.name}: curl uses SOCKS4 and SOCKS4A with --socks4, and cannot without --socks4`,
    { skip },
    async () => {
      const { server, port } = await serve("hello");
      const gateway = await start(target, [...flags, "--socks4"]);
      const closed = await start(target, flags);
      const curl = (kind: string, { addrs }: typeof gateway, host: string) =>
        shell([
          "curl",
          "-sS",
          "--max-time",
          "20",
          `--${kind}`,
          `127.0.0.1:${addrs[0]!.port}`,
          `http://${host}:${port}/`,
        ]);
      assert.equal((await curl("socks4", gateway, "127.0.0.1")).stdout, "hello");
      assert.equal((await curl("socks4a", gateway, "localhost")).stdout, "hello");
      assert.equal((await curl("socks5", gateway, "127.0.0.1")).stdout, "hello");
      assert.notEqual((await curl("socks4", closed, "127.0.0.1")).code, 0);
      for (const one of [gateway, closed]) assert.equal(await one.stop(), 0);
      server.close();
    },
  );
}

test("--session-bandwidth limits a download of curl", { skip }, async () => {
  const { server, port } = await serve(new Uint8Array(3_000_000));
  const gateway = await start(source, [...flags, "--session-bandwidth=2M"]);
  const { stdout } = await shell([
    "curl",
    "-sS",
    "-o",
    "/dev/null",
    "--max-time",
    "30",
    "-w",
    "%{speed_download}",
    "--socks5",
    `127.0.0.1:${gateway.addrs[0]!.port}`,
    `http://127.0.0.1:${port}/`,
  ]);
  const speed = Number(stdout);
  assert.ok(speed > 0 && speed < 2_500_000, `${speed} bytes a second`);
  assert.equal(await gateway.stop(), 0);
  server.close();
});

test("--max-sessions-per-client applies across workers", { skip }, async () => {
  const { server, port } = await serve("hello");
  const gateway = await start(source, [...flags, "--max-sessions-per-client=1", ...workers(source, 2)]);
  const results = await Promise.all(Array.from({ length: 8 }, () =>
    shell([
      "curl",
      "-sS",
      "--max-time",
      "20",
      "--socks5",
      `127.0.0.1:${gateway.addrs[0]!.port}`,
      `http://127.0.0.1:${port}/`,
    ])));
  assert.ok(results.some(({ stdout }) => stdout === "hello"));
  assert.equal(await gateway.stop(), 0);
  const turnedAway = gateway.output().match(/client turned away .*reason=too-many-sessions-of-client/g)?.length ?? 0;
  assert.equal(turnedAway, results.filter(({ code }) => code !== 0).length);
  server.close();
});
