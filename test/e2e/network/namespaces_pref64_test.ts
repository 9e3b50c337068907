import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { after, describe, test } from "node:test";
import { address, buildNetwork, type Host, whyNot } from "../../support/network/namespaces.ts";
import { executables, type Program, shell, source, start } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { until } from "../../support/program/until.ts";
import { whoCame } from "../../support/python/router_hosts.ts";

const skip = skipped("a NAT64 that a router announces", whyNot());
const network = skip ? undefined : buildNetwork();
const children: ReturnType<typeof spawn>[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  network?.remove();
});

/** 192.0.2.7 behind the prefix that the router announces. */
const BEHIND = "2001:db8:64::c000:207";

/** Announces 2001:db8:64::/96, by each datagram that comes, and to who asks. */
const router = `
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255); index = socket.if_nametoindex("eth0")
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, "ff02::2") + struct.pack("@I", index))
said = bytes([134, 0, 0, 0, 64, 0, 0, 0]) + bytes(8) + bytes([38, 2]) + struct.pack("!H", 1800) + socket.inet_pton(socket.AF_INET6, "2001:db8:64::")[:12]
print("ready", flush=True)
while True:
    if s.recvfrom(2048)[0][0] == 133: s.sendto(said, ("ff02::1", 0, 0, index))
`;

function within(host: Host, ...command: string[]): string {
  const [file, ...args] = [...network!.in(host), ...command] as [string, ...string[]];
  const { stdout, stderr, status } = spawnSync(file, args, { encoding: "utf8" });
  assert.equal(status, 0, `${command.join(" ")}: ${stderr}`);
  return stdout;
}

/** What SOCKS says of 192.0.2.7, and who is there. */
const client = (port: number) => `
import socket
s = socket.create_connection(("${address.gwC6}", ${port}), 30); f = s.makefile("rb"); s.sendall(b"\\5\\1\\0"); f.read(2)
s.sendall(b"\\5\\1\\0\\1" + socket.inet_aton("192.0.2.7") + b"\\0\\x2e"); head = f.read(4); f.read(6 if head[3] == 1 else 18)
print(head[1], f.read().decode(), end="")
`;

describe("a NAT64 prefix from router advertisements (RFC 8781)", { skip }, () => {
  test("IPv4 goes through the NAT64 prefix, with --nat64=auto and on an IPv6-only host by default", async () => {
    const device = within("gw", "ip", "-br", "link").split("\n").find((line) => line.startsWith("s6-"))!.split("@")[0]!;
    await until(
      "a link-local address",
      () => /fe80\S+/.test(within("s6", "ip", "-6", "addr", "show", "dev", "eth0", "-tentative")),
    );
    const linkLocal = /(fe80[^/\s]+)/.exec(within("s6", "ip", "-6", "addr", "show", "dev", "eth0"))![1]!;
    within("s6", "ip", "addr", "add", `${BEHIND}/128`, "dev", "lo");
    within("gw", "ip", "-6", "route", "add", "default", "via", linkLocal, "dev", device);
    const [command, ...args] = network!.in("s6") as [string, ...string[]];
    children.push(spawn(command, [...args, "python3", "-c", whoCame(BEHIND)], { stdio: "ignore" }));
    await until("the server", () => within("s6", "ss", "-lntuH", "sport", "=", ":46").trim().split("\n").length === 2);
    const announcing = spawn(command, [...args, "python3", "-c", router], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(announcing);
    await new Promise((resolve) => announcing.stdout!.once("data", resolve));
    const flags = [`--listen=[${address.gwC6}]:0`, "--admin=off", "--open", "--dns=[fd46:4::77]"]; // who answers nothing
    const reached = async (gateway: Program) => {
      const { port } = gateway.addrs[0]!;
      let said = "";
      await until("the prefix is known", async () => {
        said = (await shell([...network!.in("c6"), "python3", "-c", client(port)])).stdout;
        return said.startsWith("0 ");
      });
      assert.equal(said, `0 tcp of ${BEHIND}\n`);
    };
    const auto = await start(source, [...flags, "--nat64=auto"], network!.in("gw"));
    await reached(auto);
    await auto.stop();
    for (const host of ["c4", "s4"]) {
      const name = within("gw", "ip", "-br", "link").split("\n").find((line) => line.startsWith(`${host}-`))!.split(
        "@",
      )[0]!;
      within("gw", "ip", "-4", "addr", "flush", "dev", name);
    }
    for (const target of [source, ...executables]) {
      const gateway = await start(target, flags, network!.in("gw"));
      await reached(gateway);
      within("gw", "ip", "-6", "route", "add", "2001:db8:64::/96", "via", linkLocal, "dev", device);
      within("gw", "ip", "-6", "route", "del", "default"); // so the router is none that this host goes on by
      await until("nothing is taken of others than its routers", async () => {
        const { stdout } = await shell([...network!.in("c6"), "python3", "-c", client(gateway.addrs[0]!.port)]);
        return /^[34] /.test(stdout);
      });
      within("gw", "ip", "-6", "route", "add", "default", "via", linkLocal, "dev", device);
      within("gw", "ip", "-6", "route", "del", "2001:db8:64::/96");
      await gateway.stop();
    }
  });
});
