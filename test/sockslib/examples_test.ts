import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { afterwards } from "../support/program/afterwards.ts";
import { type Program, shell, source, start } from "../support/program/program.ts";
import { projectRoot, scriptCommand } from "../support/program/runtime.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";
import { until } from "../support/program/until.ts";

const example = (name: string) => scriptCommand(`examples/${name}/main.ts`);
const tried = new Set<string>();

/** An example that goes on by itself: what it has said so far, and how to end it. */
function running(name: string, ...args: string[]) {
  const [file, ...rest] = [...example(name), ...args];
  const child = spawn(file!, rest);
  afterwards(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  const ended = new Promise((resolve) => child.on("close", resolve));
  const says = async (pattern: RegExp) => {
    await until(`${name} says ${pattern}`, () => pattern.test(output) || (child.exitCode !== null && fail()));
    return pattern.exec(output)!;
  };
  const fail = () => {
    throw new Error(`Cannot wait for ${name}: it said ${output}`);
  };
  return { says, ended, end: () => child.stdin.end() };
}

describe("The examples", { timeout: 100_000 }, () => {
  let gateway: Program, via: string;
  before(async () => {
    gateway = await start(source, ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.1"]);
    via = `socks5://127.0.0.1:${gateway.addrs[0]!.port}`;
  });
  after(() => gateway.signal("SIGKILL"));

  test("client", async () => {
    tried.add("client");
    const server = createServer((_request, response) => response.end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const { stdout, stderr } = await shell([...example("client"), via, "localhost", String(port)]);
    assert.match(stdout, /hello/, stderr);
    server.close();
  });

  test("bind", async () => {
    tried.add("bind");
    const program = running("bind", via);
    const [, host, port] = await program.says(/connects to (\S+) (\d+)/);
    const peer = connect(Number(port), host).end("good morning");
    peer.on("error", () => {});
    await program.says(/the peer says good morning/);
    await program.ended;
  });

  test("udp", async () => {
    tried.add("udp");
    const echo = createSocket("udp4");
    echo.on("message", (payload, { address, port }) => echo.send(payload, port, address));
    await new Promise<void>((resolve) => echo.bind(0, "127.0.0.1", resolve));
    const { port } = echo.address();
    const { stdout, stderr } = await shell([...example("udp"), via, "127.0.0.1", String(port), "good morning"]);
    assert.equal(stdout, `${port}: good morning\n`, stderr);
    echo.close();
  });

  test("fake-addresses: a restart keeps them", async () => {
    tried.add("fake-addresses");
    const file = join(temporaryFolder("fake"), "names");
    const once = async (...names: string[]) => (await shell([...example("fake-addresses"), file, ...names])).stdout;
    const first = await once("example.org", "example.net", "192.0.2.1");
    assert.match(
      first,
      /^198\.18\.\S+ fd46:198:18::\S+ example\.org\n198\.18\.\S+ \S+ example\.net\n192\.0\.2\.1 is an address/,
    );
    assert.equal(await once("example.net"), `${first.split("\n")[1]}\n`);
  });

  test("embedded-gateway", async () => {
    tried.add("embedded-gateway");
    const program = running("embedded-gateway");
    const [, host, port] = await program.says(/listening on (\S+) (\d+)/);
    const { stderr } = await shell([...example("client"), `socks5://${host}:${port}`, "nosuch.invalid", "80"]);
    assert.match(stderr, /ReplyError/);
    await program.says(/nosuch\.invalid refused/);
    program.end();
    await program.ended;
  });

  test("every example has a test", () => {
    const folders = readdirSync(join(projectRoot, "examples"), { withFileTypes: true });
    assert.deepEqual(folders.filter((entry) => entry.isDirectory()).map(({ name }) => name).sort(), [...tried].sort());
  });
});
