import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterwards } from "../program/afterwards.ts";
import { kill } from "../program/kill.ts";
import { type Ended, shell, source } from "../program/program.ts";
import { temporaryFolder } from "../program/temporary_folder.ts";
import { until } from "../program/until.ts";

/**
 * The network that recipes are about: a gateway of both families between a client and a server that have IPv4 only, and a
 * client and a server that have IPv6 only, with addresses that are for documentation (RFC 5737, RFC 3849). Clients know the
 * gateway's name alone, and the gateway the servers'.
 */
const links = [
  ["c4", "192.0.2.1/24", "192.0.2.2/24"],
  ["c6", "2001:db8:2::1/64", "2001:db8:2::2/64"],
  ["s4", "198.51.100.1/24", "198.51.100.2/24"],
  ["s6", "2001:db8:4::1/64", "2001:db8:4::2/64"],
] as const;
const hosts = ["gw", ...links.map(([host]) => host)];
const names = {
  gw: "198.51.100.2 example.org\n2001:db8:4::2 example.org ipv6only.example\n" +
    "198.51.100.2 github.example registry.example old.example ftp.example\n2001:db8:4::2 service.example shop.example\n",
  c4: "192.0.2.1 gw.example shop.example\n",
  c6: "2001:db8:2::1 gw.example\n",
} as Readonly<Record<string, string>>;

const resolvers = { c4: "192.0.2.1", c6: "2001:db8:2::1" } as Readonly<Record<string, string>>;

/** A web server that says which address it sees, and one for FTP; both say so when they listen. */
const web = `
import http.server, socket, sys
class Says(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("hello " + self.client_address[0] + "\\n").encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = Server((sys.argv[1], 80), Says)
print("ready", flush=True)
server.serve_forever()
`;
const ftp = `
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
a = DummyAuthorizer(); a.add_anonymous(sys.argv[2]); FTPHandler.authorizer = a
server = FTPServer((sys.argv[1], 21), FTPHandler)
print("ready", flush=True)
server.serve_forever()
`;
const servers = { web, ftp };

/** Of labs, so that one has its own while another is slow to end. */
let count = 0;

/** The hosts of one document, and its folder, in which all that it says is run. */
export class Lab {
  readonly folder = temporaryFolder("docs");
  readonly #tag = `${process.pid}-${++count}`;
  readonly #started: ChildProcess[] = [];
  readonly #path: string;
  #built = false;
  readonly #forget = afterwards(() => this.end());

  constructor() {
    const bin = join(this.folder, ".bin");
    mkdirSync(bin);
    this.#path = `${bin}:${process.env.PATH}`;
    const program = join(bin, "gate46");
    writeFileSync(program, `#!/bin/sh\nexec ${source.command.map((word) => `'${word}'`).join(" ")} "$@"\n`);
    chmodSync(program, 0o755);
  }

  write(path: string, content: string): void {
    writeFileSync(join(this.folder, path), content);
  }

  /** Starts a server on port 80 or 21 of both servers' hosts. */
  async serve(which: keyof typeof servers): Promise<void> {
    const script = `.${which}.py`;
    this.write(script, servers[which]);
    for (const [host, , far] of links.slice(2)) {
      await this.start(`exec /usr/bin/python3 -W ignore ${script} ${far.split("/")[0]} .`, host, "ready");
    }
  }

  /** Runs a script to its end, on a host of the network or, without one, here. */
  async run(script: string, host?: string): Promise<Ended> {
    return await shell(this.#command(script, host), "", this.#environment());
  }

  /** Has a script run until the end, and waits until its output says `ready`. */
  async start(script: string, host: string, ready: string): Promise<void> {
    const [file, ...args] = this.#command(script, host);
    const child = spawn(file!, args, { env: { ...process.env, ...this.#environment() }, detached: true });
    this.#started.push(child);
    let output = "", ended = false;
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text) => output += text);
    }
    child.on("exit", () => ended = true);
    await until(`${script.trim()} says ${ready}`, () => {
      if (ended && !output.includes(ready)) throw new Error(`Cannot start ${script.trim()}: ${output}`);
      return output.includes(ready);
    });
  }

  end(): void {
    for (const { pid } of this.#started) if (pid !== undefined) kill(-pid, "SIGKILL");
    if (this.#built) {
      for (const host of hosts) {
        const name = this.#name(host);
        spawnSync("ip", ["netns", "pids", name]).stdout?.toString().split("\n").filter(Boolean)
          .forEach((pid) => kill(Number(pid), "SIGKILL"));
        spawnSync("ip", ["netns", "del", name]);
        rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
      }
    }
    this.#forget();
  }

  #command(script: string, host: string | undefined): readonly string[] {
    const here = ["sh", "-euc", `cd '${this.folder}'\n${script}`];
    if (host === undefined) return here;
    if (!this.#built) this.#build();
    return ["ip", "netns", "exec", this.#name(host), ...here];
  }

  #environment(): Record<string, string> {
    return { PATH: this.#path, HOME: this.folder, GATE46_WORKERS: "1" };
  }

  #name(host: string): string {
    return `g46d-${this.#tag}-${host}`;
  }

  #build(): void {
    this.#built = true;
    for (const host of hosts) {
      const folder = `/etc/netns/${this.#name(host)}`;
      ip("netns", "add", this.#name(host));
      ip("-n", this.#name(host), "link", "set", "lo", "up");
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/hosts`, `127.0.0.1 localhost\n::1 localhost\n${names[host] ?? ""}`);
      writeFileSync(`${folder}/resolv.conf`, `nameserver ${resolvers[host] ?? "127.0.0.1"}\n`); // nobody, but where a recipe starts one
    }
    for (const [host, near, far] of links) {
      const device = `d${host}-${this.#tag}`.slice(0, 15), gw = this.#name("gw"), other = this.#name(host);
      const nodad = near.includes(":") ? ["nodad"] : [];
      ip("link", "add", device, "netns", gw, "type", "veth", "peer", "name", "eth0", "netns", other);
      ip("-n", gw, "addr", "add", near, "dev", device, ...nodad);
      ip("-n", other, "addr", "add", far, "dev", "eth0", ...nodad);
      ip("-n", gw, "link", "set", device, "up");
      ip("-n", other, "link", "set", "eth0", "up");
    }
  }
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args);
  if (status !== 0) throw new Error(`Cannot ip ${args.join(" ")}: ${stderr}`);
}
