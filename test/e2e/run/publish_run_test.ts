import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { asNobodyInParticular, whyNoOwnNetwork } from "../../support/network/own_network.ts";
import { programs, shell, type Target } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until, within } from "../../support/program/until.ts";

const skip = skipped("gate46 run --publish", whyNoOwnNetwork());
const folder = temporaryFolder("publish-run");
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** Listens on its own loopback, of IPv4 alone on port 80 and of IPv6 alone on port 81; says again what it hears, until its input ends. */
const server = `
import socket, socketserver, sys, threading
class Say(socketserver.BaseRequestHandler):
    def handle(self):
        if isinstance(self.request, tuple): self.request[1].sendto(b"udp " + self.request[0], self.client_address)
        else:
            self.request.sendall(b"tcp " + self.request.recv(99) + b" from " + self.client_address[0].encode())
def serve(kind, host, port):
    kind = type("Server", (kind,), {"address_family": socket.AF_INET6 if ":" in host else socket.AF_INET, "request_queue_size": 99})
    threading.Thread(target=kind((host, port), Say).serve_forever, daemon=True).start()
for kind in (socketserver.ThreadingTCPServer, socketserver.ThreadingUDPServer):
    serve(kind, "127.0.0.1", 2080); serve(kind, "::1", 2081)
print("listens", flush=True)
sys.stdin.read()
`;

async function serving(target: Target, flags: readonly string[], listeners: number) {
  const [command, ...before] = asNobodyInParticular;
  const args = [...before, ...target.command, "run", "--log-level=info", ...flags, "--", "python3", "-c", server];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  children.push(child);
  let said = "", told = "";
  child.stdout!.on("data", (bytes) => said += bytes);
  child.stderr!.on("data", (bytes) => told += bytes);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  await until("the server", () => {
    if (child.exitCode !== null) throw new Error(told);
    return said.includes("listens");
  });
  const found = () => [...told.matchAll(/published on=(\S+):(\d+) port=(\d+)( udp)?/g)];
  await until("the ports", () => found().length === listeners);
  const ports = new Map(found().map(([, host, outside, inside, udp]) => [`${host} ${inside}${udp ?? ""}`, +outside!]));
  return { ports, told: () => told, end: () => (child.stdin!.end(), ended) };
}

function ask(host: string, port: number, text: string): Promise<string> {
  return within(
    `an answer to ${text}`,
    new Promise((resolve, reject) => {
      let answer = "";
      const socket = createConnection({ host, port });
      socket.on("connect", () => socket.write(text)).on("data", (bytes) => answer += bytes);
      socket.on("close", () => resolve(answer)).on("error", reject);
    }),
  );
}

/** Asks again, as a client of UDP does: which family the program listens on is found out by what is lost. */
async function askByDatagram(host: string, port: number, text: string): Promise<string> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  let answer: string | undefined;
  socket.once("message", (bytes) => answer = String(bytes));
  await until(`an answer to ${text}`, () => {
    socket.send(text, port, host);
    return answer !== undefined;
  });
  socket.close();
  return answer!;
}

for (const target of programs) {
  describe(`gate46 run --publish, ${target.name}`, { skip }, () => {
    test("ports of the program are reachable on this host's loopback, by TCP and UDP, IPv4 and IPv6", async () => {
      const published = ["0:2080", "127.0.0.1:0:2081", "[::1]:0:2080/udp", "127.0.0.1:0:2081/udp"];
      const { ports, told, end } = await serving(target, published.map((port) => `--publish=${port}`), 5);
      assert.deepEqual([...ports.keys()], [
        ...["127.0.0.1 2080", "[::1] 2080", "127.0.0.1 2081", "[::1] 2080 udp", "127.0.0.1 2081 udp"],
      ], told());
      assert.equal(ports.get("127.0.0.1 2080"), ports.get("[::1] 2080"), "one port for both");
      assert.equal(await ask("127.0.0.1", ports.get("127.0.0.1 2080")!, "a"), "tcp a from 127.0.0.1");
      assert.equal(await ask("::1", ports.get("[::1] 2080")!, "b"), "tcp b from 127.0.0.1");
      assert.equal(await ask("127.0.0.1", ports.get("127.0.0.1 2081")!, "c"), "tcp c from ::1");
      assert.equal(await askByDatagram("::1", ports.get("[::1] 2080 udp")!, "d"), "udp d");
      assert.equal(await askByDatagram("127.0.0.1", ports.get("127.0.0.1 2081 udp")!, "e"), "udp e");
      const many = Array.from({ length: 50 }, (_, i) => ask("127.0.0.1", ports.get("127.0.0.1 2080")!, `${i}`));
      assert.deepEqual(await Promise.all(many), many.map((_, i) => `tcp ${i} from 127.0.0.1`));
      assert.equal(await end(), 0, told());
    });

    test("a published port without a listener inside does not reach this host's own listener", async () => {
      const outside = createServer((socket) => socket.end("this host")).unref();
      await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
      const { port } = outside.address() as { port: number };
      const { ports, end } = await serving(target, [`--publish=0:${port}`], 2);
      assert.equal(await ask("127.0.0.1", ports.get(`127.0.0.1 ${port}`)!, "?"), "");
      await end();
      outside.close();
    });

    test("a port in use is an error in one line, and the program does not start", async () => {
      const taken = createServer().unref();
      await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
      const { port } = taken.address() as { port: number };
      const file = join(folder, `ran-${target.name.replace(/\W/g, "")}`);
      const { stderr, code } = await shell([...target.command, "run", `--publish=${port}`, "--", "touch", file]);
      assert.equal(
        stderr,
        `gate46: Cannot listen for --publish on 127.0.0.1:${port}: the port is taken (EADDRINUSE); choose another\n`,
      );
      assert.deepEqual([code, existsSync(file)], [1, false]);
      taken.close();
    });
  });
}
