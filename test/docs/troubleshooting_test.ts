import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { column, quoted } from "../support/docs/markdown.ts";
import { type Program, shell, source, start } from "../support/program/program.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";

const text = readFileSync(join(projectRoot, "docs/troubleshooting.md"), "utf8");
const has = async (program: string) => (await shell(["sh", "-c", `command -v ${program}`])).code === 0;
const why = async (program: string) =>
  skipped(`troubleshooting_test.ts, ${program}`, !await has(program) && `${program} is not here`);
const [noCurl, noNcat, noJava] = [await why("curl"), await why("ncat"), await why("java")];

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("docs/troubleshooting.md quotes the errors of clients", () => {
  let open: number, asking: number, nobody: number;
  const gateways: Program[] = [];
  before(async () => {
    const flags = ["--listen=127.0.0.1:0", "--admin=off", "--allow=127.0.0.1"];
    gateways.push(await start(source, flags), await start(source, [...flags, "--user=ann:secret"]));
    [open, asking] = gateways.map(({ addrs }) => addrs[0]!.port) as [number, number];
    nobody = await freePort();
  });
  after(() => gateways.forEach((gateway) => gateway.signal("SIGKILL")));

  /** What the table of that column promises, and nothing of `said` has. */
  const unsaid = (name: string, said: readonly string[], but: readonly string[] = []) =>
    column(text, name).map((cell) => quoted(cell)[0]!).filter((row) =>
      !but.includes(row) && !said.some((line) => line.includes(row))
    );

  test("curl", { skip: noCurl }, async () => {
    const to = (port: number, ...more: string[]) => ["--socks5-hostname", `127.0.0.1:${port}`, ...more];
    const refused = `http://127.0.0.1:${nobody}/`;
    const said = await Promise.all([
      to(open, "http://127.0.0.2/"),
      to(open, "http://nosuch.invalid/"),
      to(open, refused),
      to(asking, refused),
      to(asking, "--proxy-user", "ann:wrong", refused),
      ["--socks5", `127.0.0.1:${open}`, "http://nosuch.invalid/"],
      ["--socks4a", `127.0.0.1:${open}`, refused],
      ["--proxytunnel", "--proxy", `http://127.0.0.1:${open}`, "http://127.0.0.2/"],
      ["--proxytunnel", "--proxy", `http://127.0.0.1:${open}`, refused],
      to(nobody, refused),
    ].map(async (args) => (await shell(["curl", "-sS", "--max-time", "20", ...args])).stderr));
    assert.deepEqual(unsaid("curl says", said), [], said.join(""));
  });

  test("ncat, as ssh shows it", { skip: noNcat }, async () => {
    const ask = async (port: number, ...where: string[]) => {
      const how = ["--proxy", `127.0.0.1:${port}`, "--proxy-type", "socks5", "--proxy-dns", "remote"];
      return (await shell(["ncat", ...how, ...where])).stderr;
    };
    const said = await Promise.all([
      ask(open, "127.0.0.2", "22"),
      ask(open, "nosuch.invalid", "22"),
      ask(open, "127.0.0.1", String(nobody)),
      ask(asking, "127.0.0.1", "22"),
    ]);
    assert.deepEqual(unsaid("ssh shows", said), [], said.join(""));
  });

  test("Java", { skip: noJava, timeout: 60_000 }, async () => {
    const file = join(temporaryFolder("java"), "Say.java");
    writeFileSync(file, JAVA);
    const rows = [
      `${open},127.0.0.2,80`,
      `${open},nosuch.invalid,80`,
      `${open},127.0.0.1,${nobody}`,
      `${asking},127.0.0.1,80`,
      `${nobody},127.0.0.1,80`,
    ];
    const { stdout, stderr } = await shell(["java", file, ...rows]);
    const late = "java.net.SocketException: SOCKS: TTL expired"; // which needs a host that does not answer
    assert.deepEqual(unsaid("Java throws", stdout.split("\n"), [late]), [], stdout + stderr);
  });
});

const JAVA = `import java.net.*;
public class Say {
  public static void main(String[] rows) throws Exception {
    for (String row : rows) {
      String[] parts = row.split(",");
      InetSocketAddress at = new InetSocketAddress("127.0.0.1", Integer.parseInt(parts[0]));
      try (Socket socket = new Socket(new Proxy(Proxy.Type.SOCKS, at))) {
        socket.connect(InetSocketAddress.createUnresolved(parts[1], Integer.parseInt(parts[2])), 20000);
      } catch (Exception error) {
        System.out.println(error);
      }
    }
  }
}
`;
