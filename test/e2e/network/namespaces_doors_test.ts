import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { address, buildNetwork, type Host, whyNot } from "../../support/network/namespaces.ts";
import { type Program, shell, start, targets, workers } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";
import { certificatesFor, hasOpenssl } from "../../support/tls/certificates.ts";

const skip = skipped("namespaces_doors_test.ts", whyNot() || (!hasOpenssl && "openssl is missing"));
const folder = mkdtempSync(join(tmpdir(), "gate46-"));
const path = (name: string) => join(folder, name);
const network = skip ? undefined : buildNetwork();
const servers: ChildProcess[] = [];
after(() => {
  for (const server of servers) server.kill("SIGKILL");
  network?.remove();
  rmSync(folder, { recursive: true });
});

/** Says whom the PROXY header names, before whom it serves has said anything. */
const greeter = (host: string) => `
import socket, socketserver
class Greeter(socketserver.StreamRequestHandler):
    def handle(self):
        said = self.rfile.readline().decode().split()
        self.wfile.write(f"you are {said[2]}\\n".encode())
class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6 if ":" in "${host}" else socket.AF_INET
    allow_reuse_address = True
Server(("${host}", 2000), Greeter).serve_forever()
`;

/** Says what it was asked. */
const udpEcho = (host: string) => `
import socket
s = socket.socket(socket.AF_INET6 if ":" in "${host}" else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("${host}", 5353))
while True: s.sendto(*s.recvfrom(65536))
`;

/** Asks `at`, from `own` if it says so, and prints what comes from there and nowhere else. */
const ask = (at: string, port: number, own = "") => `
import socket
for i in range(8):
    s = socket.socket(socket.AF_INET6 if ":" in "${at}" else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(10)
    if "${own}": s.bind(("${own}", 0))
    s.connect(("${at}", ${port}))
    for text in (b"one", b"", b"x" * 1200):
        s.send(text)
        assert s.recv(65536) == text
print("answered")
`;

/** A web server of one family, with and without TLS. */
const web = (host: string) => `
import http.server, os, socket, ssl, threading
os.chdir("${folder}")
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in "${host}" else socket.AF_INET
plain, secure = (Server(("${host}", port), http.server.SimpleHTTPRequestHandler) for port in (80, 443))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
secure.socket = context.wrap_socket(secure.socket, server_side=True)
threading.Thread(target=secure.serve_forever, daemon=True).start()
plain.serve_forever()
`;

function within(host: Host, ...command: string[]) {
  return shell([...network!.in(host), ...command]);
}

const rules = `[[rules]]\naction = "allow"\nnames = ["v4.test", "v6.test"]\n
[[forwards]]\nlisten = ":2004"\nto = "v4.test:2000"\nproxy_protocol = 1
[[forwards]]\nlisten = ":2006"\nto = "[${address.s6}]:2000"\nproxy_protocol = 1\nidle_timeout = "1m"\n
[[forwards]]\nlisten = ":2014"\nto = "[${address.s6}]:80"\nvia = "socks5://127.0.0.1:1081"
[[forwards]]\nlisten = "udp://:2014"\nto = "[${address.s6}]:5353"\nvia = "socks5://127.0.0.1:1081"\n`;

const curl = ["curl", "-sS", "--max-time", "20", "--cacert", path("ca.pem")];

if (network) {
  const { ca, cert, key } = certificatesFor("DNS:v4.test", "DNS:v6.test", "DNS:dual.test");
  for (const [name, text] of Object.entries({ ca, cert, key })) writeFileSync(path(`${name}.pem`), text);
  writeFileSync(path("hello"), "hello");
  writeFileSync(path("rules.toml"), rules);
  for (const host of ["s4", "s6"] as const) {
    for (const code of [web(address[host]), greeter(address[host]), udpEcho(address[host])]) {
      const [file, ...args] = [...network.in(host), "python3", "-c", code];
      servers.push(spawn(file!, args, { stdio: "ignore" }));
    }
    const literal = host === "s6" ? `[${address.s6}]` : address.s4;
    await until(`${host} answers`, async () => (await within(host, ...curl, `http://${literal}/hello`)).code === 0);
  }
}

for (const target of targets) {
  let gateway: Program | undefined;
  const name = (what: string) => `doors, ${target.name}: ${what}`;
  const run = (what: string, body: (gateway: Program) => Promise<void>) =>
    test(name(what), { skip }, async () => {
      const forwards = [
        "--forward=:8004=v4.test:80",
        "--forward=:8006=v6.test:80",
        "--forward=udp://:8004=v4.test:5353",
        "--forward=udp://:8006=v6.test:5353?idle-timeout=2s",
      ];
      const flags = [
        ...forwards,
        "--listen=sni://:443",
        "--listen=host://:80",
        `--config=${path("rules.toml")}`,
        "--admin=off",
        ...workers(target, 2),
      ];
      gateway ??= await start(target, flags, network!.in("gw"));
      await body(gateway);
    });
  const visit = (client: "c4" | "c6", url: string) => {
    const gate = client === "c4" ? address.gwC4 : `[${address.gwC6}]`;
    return within(client, ...curl, "--connect-to", `::${gate}:`, url);
  };

  for (
    const [type, client, server] of [["A", "c4", "v4"], ["B", "c4", "v6"], ["C", "c6", "v4"], [
      "D",
      "c6",
      "v6",
    ]] as const
  ) {
    run(
      `curl, relay type ${type}: by TLS server name and by HTTP Host, with the server's own certificate`,
      async () => {
        for (const scheme of ["https", "http"]) {
          const { stdout, stderr } = await visit(client, `${scheme}://${server}.test/hello`);
          assert.equal(stdout, "hello", stderr);
        }
      },
    );
  }

  for (const [type, client, server] of [["A", "c4", 4], ["B", "c4", 6], ["C", "c6", 4], ["D", "c6", 6]] as const) {
    const gate = client === "c4" ? address.gwC4 : address.gwC6, at = client === "c4" ? gate : `[${gate}]`;

    run(
      `a forward of relay type ${type} reaches its target, and the PROXY header has the client's address`,
      async (gateway) => {
        const { stdout, stderr } = await within(client, ...curl, `http://${at}:800${server}/hello`);
        assert.equal(stdout, "hello", stderr);
        assert.equal(
          (await within(client, "python3", "-c", ask(gate, Number(`800${server}`)))).stdout,
          "answered\n",
          "by UDP",
        );
        const nc = await within(
          client,
          "python3",
          "-c",
          `import socket; print(socket.create_connection(("${gate}", 200${server}), 10).makefile().read())`,
        );
        assert.equal(
          nc.stdout.trim(),
          `you are ${client === "c4" && server === 6 ? address.c4 : address[client]}`,
          nc.stderr,
        );
        await until(
          "the log has it",
          () => new RegExp(`protocol=forward command=forward destination=\\S+ .*relay=${type} `).test(gateway.output()),
        );
      },
    );
  }

  run("a name that no rule allows gets an error, and the log has the reason", async (gateway) => {
    const secure = await visit("c4", "https://dual.test/hello"), plain = await visit("c4", "http://dual.test/hello");
    assert.match(secure.stderr, /unrecognized.name/i);
    assert.equal(plain.stdout, "gate46: this host is not served here\n");
    const literal = await visit("c4", `https://${address.s4}/`);
    assert.match(literal.stderr, /unrecognized.name/i);
    await until("the log has it", () => (gateway.output().match(/no rule allows this name/g) ?? []).length >= 2);
    await until("the log has the other", () => /protocol=sni .*detail="Cannot go by name: /.test(gateway.output()));
  });

  run("UDP answers have the address that the client sent to as source, also where another is nearer", async () => {
    const { stdout, stderr } = await within("gw", "python3", "-c", ask(address.gwS4, 8006, address.gwC4));
    assert.equal(stdout, "answered\n", stderr);
  });

  run("connections and datagrams of a forward go through its chain", async (gateway) => {
    const next = await start(target, ["--listen=127.0.0.1:1081", "--admin=off"], network!.in("gw"));
    assert.equal((await within("c4", ...curl, `http://${address.gwC4}:2014/hello`)).stdout, "hello");
    assert.equal((await within("c4", "python3", "-c", ask(address.gwC4, 2014))).stdout, "answered\n", "by UDP");
    await until("the log has it", () => /protocol=forward .*via=socks5:\/\/127\.0\.0\.1:1081 /.test(gateway.output()));
    await until("and so has the other's", () => /command=connect .*relay=B /.test(next.output()));
    next.signal("SIGKILL");
    await next.exited;
  });

  run("an idle UDP flow ends, and is in the log", async (gateway) => {
    const line =
      /protocol=forward command=forward destination=v6\.test:5353 .*relay=B .*datagrams_up=3 datagrams_down=3 .*end=idle/;
    await until("the log has it", () => line.test(gateway.output()));
  });

  run("a reload opens and closes forwards", async (gateway) => {
    const asked = (port: number) => within("c4", ...curl, `http://${address.gwC4}:${port}/hello`);
    writeFileSync(path("rules.toml"), `${rules}[[forwards]]\nlisten = ":8007"\nto = "v6.test:80"\n`);
    gateway.signal("SIGHUP");
    await until("the other one is open", async () => (await asked(8007)).stdout === "hello");
    writeFileSync(path("rules.toml"), rules);
    gateway.signal("SIGHUP");
    await until("it is closed", async () => (await asked(8007)).code === 7);
    assert.equal((await asked(8006)).stdout, "hello");
  });

  test(name("SIGTERM ends the gateway with exit code 0"), { skip }, async () => {
    assert.equal(await gateway!.stop(), 0);
  });
}
