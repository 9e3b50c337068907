import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { asNobodyInParticular, whyNoOwnNetwork } from "../../support/network/own_network.ts";
import { programs, shell } from "../../support/program/program.ts";
import { skipped, slow } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const skip = skipped("programs in gate46 run", whyNoOwnNetwork());
const folder = temporaryFolder("run-matrix");
chmodSync(folder, 0o777);

/** A program, what it needs of this host, and what it says where all is well: it reaches six.test, which has IPv6 only, and four.test. */
interface Row {
  readonly name: string;
  readonly needs: readonly string[];
  /** For a shell, which has $SIX, $FOUR, $SIXHOST, $SIXPORT, $UDP and $SSH. */
  readonly script: string;
  readonly says: string;
  readonly slow?: true;
  /** Makes it first; false where that cannot be. */
  readonly build?: () => boolean;
}

const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const built = (command: string, args: readonly string[], env: Record<string, string> = {}) =>
  spawnSync(command, args, { env: { ...process.env, ...env } }).status === 0;

/** Types A to D: both families of sockets to both hosts. */
const ALL = "four six four six\n";

const c = `
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <stdlib.h>
#include <arpa/inet.h>
int main(int c, char **v) {
  struct sockaddr_in a = { AF_INET, htons(atoi(v[2])) };
  inet_pton(AF_INET, v[1], &a.sin_addr);
  int s = socket(AF_INET, SOCK_STREAM, 0), n, all = 0;
  if (connect(s, (void *)&a, sizeof a) || write(s, "GET / HTTP/1.0\\r\\n\\r\\n", 18) < 0) { perror("connect"); return 1; }
  char b[999]; while ((n = read(s, b + all, sizeof b - 1 - all)) > 0) all += n;
  b[all] = 0; char *body = strstr(b, "\\r\\n\\r\\n"); puts(body ? body + 4 : b); return 0;
}
`;

const go = `package main
import ("context"; "fmt"; "io"; "net"; "net/http"; "os"; "time")
func main() {
	for _, network := range []string{"tcp4", "tcp6"} {
		for _, host := range []string{os.Getenv("FOUR"), os.Getenv("SIX")} {
			dial := func(c context.Context, _, to string) (net.Conn, error) { return (&net.Dialer{}).DialContext(c, network, to) }
			answer, err := (&http.Client{Transport: &http.Transport{DialContext: dial}}).Get("http://" + host + "/")
			if err != nil { fmt.Println(err); return }
			body, _ := io.ReadAll(answer.Body)
			fmt.Print(string(body), " ")
		}
	}
	for _, network := range []string{"udp4", "udp6"} {
		s, err := net.Dial(network, os.Getenv("UDP"))
		if err != nil { fmt.Println(err); return }
		s.SetDeadline(time.Now().Add(20 * time.Second)); s.Write([]byte(network)); b := make([]byte, 99); n, _ := s.Read(b); fmt.Print(string(b[:n]), " ")
	}
	fmt.Println()
}
`;

const pythonHead = `
import asyncio, os, socket
def host(name): h, p = os.environ[name].rsplit(":", 1); return h, int(p)
GET = b"GET / HTTP/1.0\\r\\n\\r\\n"
both = [(family, host(name)) for family in (socket.AF_INET, socket.AF_INET6) for name in ("FOUR", "SIX")]
`;

const blocking = `${pythonHead}
for family, where in both:
    s = socket.socket(family); s.settimeout(20); s.connect(socket.getaddrinfo(*where, family)[0][4]); s.sendall(GET)
    print(b"".join(iter(lambda: s.recv(999), b"")).decode().split()[-1], end=" ")
for family in (socket.AF_INET, socket.AF_INET6):
    s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(20); s.sendto(b"udp", socket.getaddrinfo(*host("UDP"), family)[0][4]); print(s.recv(99).decode(), end=" ")
print()
`;

const asynchronous = `${pythonHead}
class Echo(asyncio.DatagramProtocol):
    def __init__(self): self.answer = asyncio.get_running_loop().create_future()
    def connection_made(self, transport): transport.sendto(b"udp")
    def datagram_received(self, data, _): self.answer.set_result(data.decode())
async def get(family, where):
    reader, writer = await asyncio.open_connection(*where, family=family)
    writer.write(GET)
    return (await reader.read()).decode().split()[-1]
async def send(family):
    _, echo = await asyncio.get_running_loop().create_datagram_endpoint(Echo, remote_addr=host("UDP"), family=family)
    return await echo.answer
async def main():
    print(*await asyncio.gather(*[get(*one) for one in both], *[send(family) for family in (socket.AF_INET, socket.AF_INET6)]), "")
asyncio.run(asyncio.wait_for(main(), 30))
`;

const java = `import java.net.*;
import java.nio.*;
import java.nio.channels.*;
public class Reach {
  public static void main(String[] args) throws Exception {
    for (String where : new String[] { "FOUR", "SIX" })
      System.out.print(new String(new URL("http://" + System.getenv(where) + "/").openStream().readAllBytes()) + " ");
    SocketChannel channel = SocketChannel.open();
    channel.configureBlocking(false);
    Selector selector = Selector.open();
    channel.register(selector, SelectionKey.OP_CONNECT);
    channel.connect(new InetSocketAddress(System.getenv("SIXHOST"), Integer.parseInt(System.getenv("SIXPORT"))));
    selector.select(20000);
    System.out.println(channel.finishConnect() ? "nio" : "not yet");
  }
}
`;

const node = `
const [four, six] = [process.env.FOUR, process.env.SIX];
const get = (where, family) => new Promise((resolve, reject) => require("http").get("http://" + where + "/", { family }, (answer) => {
  let body = ""; answer.on("data", (b) => body += b).on("end", () => resolve(body));
}).on("error", reject));
(async () => console.log(await get(four, 4), await get(six, 4), await get(four, 6), await get(six, 6)))();
`;

const ofBoth = (command: string) => `${command.replaceAll("FAMILY", "4")}; ${command.replaceAll("FAMILY", "6")}; echo`;

const rows: readonly Row[] = [
  {
    name: "C, static, IPv4 only",
    needs: ["gcc", "getent"],
    build: () => built("gcc", ["-static", "-o", join(folder, "c"), file("c.c", c)]),
    script: `${join(folder, "c")} $(getent ahostsv4 six.test | sed -n '1s/ .*//p') $SIXPORT`,
    says: "six\n",
  },
  {
    name: "Go, static",
    needs: ["go"],
    slow: true, // which compiles its library first
    build: () =>
      built("go", ["build", "-o", join(folder, "go"), file("reach.go", go)], {
        HOME: folder,
        GOCACHE: join(folder, "cache"),
        GOFLAGS: "-mod=mod",
        CGO_ENABLED: "0",
      }),
    script: join(folder, "go"),
    says: `${ALL.trim()} udp4 udp6 \n`,
  },
  { name: "Python", needs: ["python3"], script: `python3 ${file("b.py", blocking)}`, says: `${ALL.trim()} udp udp \n` },
  {
    name: "Python's asyncio",
    needs: ["python3"],
    script: `python3 ${file("a.py", asynchronous)}`,
    says: `${ALL.trim()} udp udp \n`,
  },
  { name: "Java", needs: ["java"], script: `java ${file("Reach.java", java)}`, says: "four six nio\n" },
  { name: "Node.js", needs: ["node"], script: `node ${file("node.cjs", node)}`, says: ALL },
  {
    name: "curl",
    needs: ["curl"],
    script: ofBoth('curl -FAMILY -sS -w " " http://$FOUR/ http://$SIX/'),
    says: "four six four six \n",
  },
  {
    name: "wget",
    needs: ["wget"],
    script: ofBoth("wget -FAMILY -qO- http://$FOUR/ http://$SIX/"),
    says: "foursixfoursix\n",
  },
  {
    name: "git",
    needs: ["git"],
    build: repository,
    script: `rm -rf $OUT; git clone -q http://$SIX/repository.git $OUT; git -C $OUT log --format=%s`,
    says: "from the other side\n",
  },
  {
    name: "apt's http method",
    needs: ["/usr/lib/apt/methods/http"],
    script: `: >$OUT.apt; { printf '600 URI Acquire\\nURI: http://%s/\\nFilename: %s\\n\\n' $SIX $OUT.deb
      until grep -Eq '^(201|400) ' $OUT.apt; do sleep 0.05; done; } | /usr/lib/apt/methods/http >$OUT.apt
      grep -c '^201 URI Done' $OUT.apt; cat $OUT.deb; echo`,
    says: "1\nsix\n",
  },
  {
    name: "ssh",
    needs: ["ssh"],
    script:
      `ssh -v -F none -o BatchMode=yes -p $SSH six.test true 2>&1 | tr -d '\\r' | sed -n 's/.*banner line 0: //p'`,
    says: "a host with IPv6 only\n",
  },
  {
    name: "getent",
    needs: ["getent"],
    script:
      "getent ahostsv4 six.test | grep -c STREAM; getent ahostsv6 four.test | grep -c STREAM; getent hosts no.such.invalid; echo $?",
    says: "1\n1\n2\n",
  },
  {
    name: "host",
    needs: ["host"],
    script: "host six.test | sed 's/ address .*//'; host no.such.invalid | grep -c NXDOMAIN",
    says: "six.test has\nsix.test has IPv6\n1\n",
  },
  {
    name: "dig",
    needs: ["dig"],
    script: "dig +short six.test A six.test AAAA | wc -l; dig +tcp +noall +answer six.test HTTPS",
    says: "2\n",
  },
  {
    name: "a shell's children, and a daemon",
    needs: ["curl", "setsid"],
    script:
      `(sh -c 'curl -sS http://$SIX/ | cat'); setsid -f sh -c 'curl -sS http://$SIX/ >$OUT.one; mv $OUT.one $OUT.daemon'
      until [ -e $OUT.daemon ]; do sleep 0.05; done; cat $OUT.daemon; echo`,
    says: "sixsix\n",
  },
];

const isHere = (command: string) => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;

/** Those that are here, and could be made; others are skipped by name. */
const whyMissing = new Map(rows.map((row) => {
  const missing = row.needs.filter((command) => !isHere(command));
  const why = missing.length > 0 ? `${missing.join(" and ")} is not here` : false;
  return [
    row,
    skip || skipped(`${row.name} in gate46 run`, why) || (row.slow ? slow(`${row.name} in gate46 run`) : false),
  ];
}));

/** Bare, as a server without a program has it. */
function repository(): boolean {
  const work = join(folder, "work"), bare = join(folder, "served", "repository.git");
  const who = ["-c", "user.name=ann", "-c", "user.email=ann@six.test"];
  return [
    ["init", "-q", work],
    ["-C", work, ...who, "commit", "-q", "--allow-empty", "-m", "from the other side"],
    ["clone", "-q", "--bare", work, bare],
    ["-C", bare, "update-server-info"],
  ].every((args) => built("git", args));
}

let servers: readonly (HttpServer | Server)[] = [], environment: Record<string, string>;
const echo = createSocket("udp6");

before(async () => {
  if (skip) return;
  mkdirSync(join(folder, "served"));
  const web = (says: string) =>
    createHttpServer((request, response) => {
      const path = join(folder, "served", new URL(request.url!, "http://x").pathname);
      if (request.url === "/") return response.end(says);
      if (path.includes("..") || !existsSync(path) || !statSync(path).isFile()) return response.writeHead(404).end();
      response.end(readFileSync(path));
    });
  const banner = createServer((socket) => socket.on("error", () => {}).end("a host with IPv6 only\r\nSSH-2.0-x\r\n"));
  servers = [web("four"), web("six"), banner];
  const ports = await Promise.all(servers.map((server, i) =>
    new Promise<number>((resolve) => {
      const where = { host: i === 0 ? "127.0.0.1" : "::1", port: 0, ipv6Only: true };
      server.listen(where, () => resolve((server.address() as { port: number }).port));
    })
  ));
  echo.on("message", (bytes, { address, port }) => echo.send(bytes, port, address));
  await new Promise<void>((resolve) => echo.bind(0, "::1", resolve));
  environment = {
    FOUR: `four.test:${ports[0]}`,
    SIX: `six.test:${ports[1]}`,
    SIXHOST: "six.test",
    SIXPORT: `${ports[1]}`,
    SSH: `${ports[2]}`,
    UDP: `six.test:${echo.address().port}`,
  };
  for (const [row, why] of whyMissing) if (!why && row.build) assert.ok(row.build(), `Cannot make ${row.name}`);
});
after(() => {
  for (const server of servers) server.close();
  if (!skip) echo.close();
});

for (const target of programs) {
  describe(`programs in gate46 run, ${target.name}`, { skip }, () => {
    const said = new Map<Row, string>();

    /** One start for all of them. */
    before(async () => {
      const wanted = rows.filter((row) => !whyMissing.get(row));
      const out = join(folder, `out-${target.name.replace(/\W/g, "")}`);
      const scripts = wanted.map(({ script }, i) => file(`${i}.sh`, `OUT=${out}; export OUT\n${script}\n`));
      const all = scripts.map((path) => `timeout 60 sh ${path} </dev/null 2>&1; printf '\\0'`).join("\n");
      const flags = ["--host=six.test=::1", "--host=four.test=127.0.0.1"];
      const { stdout } = await shell(
        [...asNobodyInParticular, ...target.command, "run", ...flags, "--", "sh", "-c", all],
        "",
        environment,
      );
      stdout.split("\0").forEach((text, i) => i < wanted.length && said.set(wanted[i]!, text));
    });

    for (const row of rows) {
      test(`${row.name} reaches IPv4 and IPv6 hosts by name`, { skip: whyMissing.get(row)! }, () => {
        assert.equal(said.get(row), row.says);
      });
    }
  });
}
