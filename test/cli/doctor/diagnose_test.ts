import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Certificate } from "../../../src/admin/certificates.ts";
import { diagnose } from "../../../src/cli/doctor/diagnose.ts";
import type { Finding } from "../../../src/cli/doctor/findings/finding.ts";
import type { KeytabKey } from "../../../src/cli/files/keytab.ts";
import { parseConfig } from "../../../src/config/config.ts";
import type { RawOptions } from "../../../src/config/source.ts";
import type { ServerState } from "../../../src/dns/servers/dns_probe.ts";
import { type HostChanges, hostView } from "../../support/memory/host_view.ts";

interface Case {
  readonly host?: HostChanges;
  readonly flags?: RawOptions;
  readonly online?: boolean;
  readonly secretFiles?: readonly string[];
  readonly certificates?: readonly Certificate[];
  readonly keys?: readonly KeytabKey[];
}

/** Each finding as one text. */
async function found(
  { host, flags = {}, online = false, secretFiles = [], certificates = [], keys }: Case,
): Promise<readonly string[]> {
  const question = { config: parseConfig(flags), secretFiles, certificates, keys, online };
  return (await diagnose(hostView(host), question)).map(text);
}

function text({ level, about, says, change }: Finding): string {
  return `${level} ${about}: ${says}${change === undefined ? "" : ` -> ${change}`}`;
}

const lan = ["127.0.0.1", "::1", "10.0.0.1"];
const failing = { ms: 5_000, hosts: [], failure: "nothing within 5000 ms" };
const server = (name: string, state: ServerState) => ({ name, probe: () => Promise.resolve(state) });
const limits = (descriptors: string) => ({
  "/proc/self/limits": `Max open files    ${descriptors}    ${descriptors}   files\n`,
});
const kernel = hostView().kernel!;
const overTls = { listen: ["socks5s://127.0.0.1:1080"], tlsCert: "cert.pem", tlsKey: "key.pem" };
/** Of a year, or as long as is said, with so many days yet. */
const certificate = (option: string, days: number, life = 365) => {
  const until = hostView().now + days * 86_400_000;
  return { option, from: until - life * 86_400_000, until };
};

test("doctor reports no problem on a healthy host", async () => {
  assert.deepEqual(await found({}), [
    "ok IPv4: leaves from 192.0.2.1",
    "ok IPv6: leaves from 2001:db8::1",
    "ok DNS: the system's resolver (192.0.2.53) answers in 3 ms",
    "ok engine: linux, on bun 1.4.5 and Linux 6.1.0",
    "ok listen: 127.0.0.1:1080 is free",
    "ok listen: [::1]:1080 is free",
    "ok admin: 127.0.0.1:10846 is free",
    "ok descriptors: 1048576 may be open: enough for 10000 sessions",
    "ok memory: 7813 MiB of this host: enough for 10000 sessions",
    "ok sysctl: no kernel setting is too low",
    "ok run: gate46 run can start programs, each in a network of its own",
    "ok clock: 2027-01-01T00:00:00.000Z",
  ]);
});

const keys = [18, 17].map((enctype) => ({ principal: "rcmd/gw@A", kvno: 2, enctype }));
const clock = "note GSSAPI: tickets are taken within 5 minutes of this clock, which says 2027-01-01T00:00:00.000Z -> " +
  "set this clock and the KDC's by NTP";

/** What is otherwise, and what is found that would not be found where all is well. */
const table: readonly (readonly [name: string, otherwise: Case, ...expected: string[]])[] = [
  [
    "an admin endpoint for other hosts without a token",
    { flags: { admin: "0.0.0.0:10846" } },
    "ok admin: 0.0.0.0:10846 is free",
    "note sense: --admin 0.0.0.0:10846 is for others too, and there is no --admin-token-file: only /healthz and /readyz answer; the page, /metrics and /api are refused",
  ],
  [
    "valid certificates",
    { certificates: [certificate("tls-cert", 15), certificate("tls-client-ca", 0.5, 1)] },
    "ok TLS: --tls-cert holds until 2027-01-16T00:00:00.000Z",
    "ok TLS: --tls-client-ca holds until 2027-01-01T12:00:00.000Z",
  ],
  [
    "expired certificates, and certificates that expire soon",
    { certificates: [certificate("via-ca", 0), certificate("tls-cert", 13), certificate("dns-ca", 0.2, 1)] },
    "problem TLS: --via-ca expired at 2027-01-01T00:00:00.000Z -> renew the certificate, then reload",
    "note TLS: --tls-cert expires at 2027-01-14T00:00:00.000Z -> renew the certificate, then reload",
    "note TLS: --dns-ca expires at 2027-01-01T04:48:00.000Z -> renew the certificate, then reload",
  ],
  [
    "TLS by OpenSSL",
    { flags: overTls },
    "ok TLS: by libssl.so.3 (OpenSSL 3.0.17 1 Jul 2025)",
  ],
  [
    "TLS to an upstream without OpenSSL",
    { flags: { via: ["https://192.0.2.9"] }, host: { libssl: undefined } },
    "note TLS: by bun 1.4.5, in one thread and at several times the processor: there is no OpenSSL 3 or 1.1 -> " +
    "install libssl3 (Debian, Alpine), openssl-libs (Fedora) or libopenssl3 (OpenWrt)",
  ],
  [
    "TLS on the portable engine",
    { flags: { ...overTls, engine: "portable" } },
    "ok engine: portable, as --engine says, on bun 1.4.5",
    "ok TLS: by bun 1.4.5",
  ],
  [
    "no IPv6 at all",
    { host: { addrs: lan, from: { ipv4: "10.0.0.1" } } },
    "note IPv6: no address: IPv6 destinations cannot be reached, but by --nat64 or --via",
  ],
  [
    "IPv6 switched off",
    {
      host: { addrs: lan, from: { ipv4: "10.0.0.1" }, files: { "/proc/sys/net/ipv6/conf/all/disable_ipv6": "1\n" } },
    },
    "note IPv6: switched off (net.ipv6.conf.all.disable_ipv6 is 1): no relay type but A -> " +
    "sysctl -w net.ipv6.conf.all.disable_ipv6=0, if IPv6 is wanted",
  ],
  [
    "no default route",
    { host: { from: { ipv6: "2001:db8::1" } } },
    "note IPv4: no default route: only the networks of 192.0.2.1 can be reached -> " +
    "a default route, if IPv4 destinations elsewhere are wanted",
  ],
  [
    "no route",
    { host: { addrs: ["127.0.0.1", "::1", "fe80::1"], from: {} } },
    "note IPv4: no address: IPv4 destinations cannot be reached, but by --nat64 or --via",
    "note IPv6: no address: IPv6 destinations cannot be reached, but by --nat64 or --via",
    "problem families: neither IPv4 nor IPv6 leads anywhere -> an address and a route of either family",
  ],
  [
    "an upstream on this host and no route",
    { host: { addrs: ["127.0.0.1"], from: {} }, flags: { via: ["socks5://127.0.0.1:9050"] } },
    "note IPv4: no address: IPv4 destinations cannot be reached, but by --nat64 or --via",
    "note IPv6: no address: IPv6 destinations cannot be reached, but by --nat64 or --via",
  ],
  [
    "an --outgoing of another host",
    { flags: { outgoing: ["192.0.2.99"] } },
    "problem families: --outgoing 192.0.2.99 is not an address of this host -> one of those that it has",
  ],
  [
    "prefixes, one of which is not this host's",
    {
      flags: { outgoing: ["2001:db8:1::/64"], listen: ["127.0.0.1:1080?outgoing=2001:db8:2::/64"] },
      host: {
        files: {
          "/proc/net/ipv6_route": "20010db8000100000000000000000000 40 00000000000000000000000000000000 00 " +
            "00000000000000000000000000000000 00000400 00000001 00000000 80200001       lo\n",
        },
      },
    },
    "ok families: --outgoing 2001:db8:1::/64: its addresses are this host's",
    "problem families: outgoing 2001:db8:2::/64 of --listen 127.0.0.1:1080: no answer to its addresses would come here " +
    "-> ip -6 route add local 2001:db8:2::/64 dev lo",
  ],
  [
    "mark and interface of a listener without the capability",
    { flags: { listen: ["127.0.0.1:1080?mark=3&interface=wan7"] } },
    "problem rights: mark 3 of --listen 127.0.0.1:1080 needs CAP_NET_ADMIN -> " +
    "AmbientCapabilities=CAP_NET_ADMIN in the unit",
    "problem rights: interface wan7 of --listen 127.0.0.1:1080: there is none of that name -> one that ip link lists",
  ],
  [
    "--online, and both families answer",
    { online: true, host: { cannotConnect: () => Promise.resolve(undefined) } },
    "ok IPv4: 193.0.14.129 answers, a root name server",
    "ok IPv6: 2001:7fd::1 answers, a root name server",
  ],
  [
    "--online, and one family does not answer",
    {
      online: true,
      host: { cannotConnect: ({ host }) => Promise.resolve(host.includes(":") ? "ETIMEDOUT" : undefined) },
    },
    "ok IPv4: 193.0.14.129 answers, a root name server",
    "note IPv6: 2001:7fd::1, a root name server, does not answer: ETIMEDOUT -> " +
    "routes, or a firewall between here and there",
  ],
  [
    "--online, and nothing answers",
    {
      online: true,
      host: { from: { ipv4: "192.0.2.1" }, addrs: lan, cannotConnect: () => Promise.resolve("ETIMEDOUT") },
    },
    "note IPv4: 193.0.14.129, a root name server, does not answer: ETIMEDOUT -> " +
    "routes, or a firewall between here and there",
    "note IPv6: no address: IPv6 destinations cannot be reached, but by --nat64 or --via",
    "problem families: no host on the Internet answers -> routes, or a firewall between here and there",
  ],
  [
    "a resolver that does not answer",
    { host: { resolve: () => Promise.resolve(failing) } },
    "problem DNS: the system's resolver (192.0.2.53) does not answer: nothing within 5000 ms; names cannot be " +
    "resolved -> /etc/resolv.conf, or --dns",
  ],
  [
    "no resolver",
    { host: { resolve: () => Promise.resolve(failing), files: { "/etc/resolv.conf": undefined } } },
    "problem DNS: the system's resolver does not answer: nothing within 5000 ms; names cannot be resolved -> " +
    "a nameserver in /etc/resolv.conf, or --dns",
  ],
  [
    "names that only getaddrinfo resolves",
    { host: { files: { "/etc/nsswitch.conf": "hosts: files ldap dns\n" } } },
    "note DNS: nsswitch.conf has for hosts what only getaddrinfo knows, whose threads names can hold that nobody " +
    "answers for -> 'hosts: files dns' there, or --dns",
  ],
  [
    "a slow resolver",
    { host: { resolve: () => Promise.resolve({ ms: 900, hosts: [] }) } },
    "note DNS: the system's resolver (192.0.2.53) answers, but in 900 ms -> one that is nearer, or --dns with its cache",
  ],
  [
    "DNS servers of which one answers",
    {
      host: {
        servers: [server("a", { ms: 1, failure: "SERVFAIL" }), server("b", { ms: 4 }), server("c", { ms: 700 })],
      },
    },
    "note DNS: a does not answer: SERVFAIL -> its address, or what is between here and there",
    "ok DNS: b answers in 4 ms",
    "note DNS: c answers, but in 700 ms -> one that is nearer",
  ],
  [
    "a DNS server that refuses",
    { host: { servers: [server("a", { ms: 1, refuses: true })] } },
    "note DNS: a answers, but refuses: it resolves names of its own only, or not for this host -> " +
    "one that resolves all names, where that is wanted, or whom it resolves for",
  ],
  [
    "DNS servers of which none answers",
    { host: { servers: [server("a", { ms: 1, failure: "SERVFAIL" })], resolve: () => Promise.resolve(failing) } },
    "note DNS: a does not answer: SERVFAIL -> its address, or what is between here and there",
    "problem DNS: no --dns server answers: names cannot be resolved -> --dns",
  ],
  [
    "a NAT64 on a host without IPv4",
    {
      host: {
        addrs: ["127.0.0.1", "::1", "2001:db8::1"],
        from: { ipv6: "2001:db8::1" },
        resolve: () => Promise.resolve({ ms: 3, hosts: ["192.0.0.170", "64:ff9b::c000:aa"] }),
      },
    },
    "note IPv4: no address: IPv4 destinations cannot be reached, but by --nat64 or --via",
    "note NAT64: the network has one at 64:ff9b::/96, and this host no IPv4: IPv4 literals lead nowhere -> --nat64 auto",
  ],
  [
    "a NAT64 that is not needed",
    { host: { resolve: () => Promise.resolve({ ms: 3, hosts: ["64:ff9b::c000:aa"] }) } },
    "ok NAT64: the network has one at 64:ff9b::/96; IPv4 goes directly",
  ],
  [
    "a NAT64 in use",
    {
      flags: { nat64: "auto" },
      host: { resolve: () => Promise.resolve({ ms: 3, hosts: ["64:ff9b::c000:aa"] }) },
    },
    "ok NAT64: the network has one at 64:ff9b::/96",
  ],
  [
    "--nat64 auto without NAT64 in the network",
    { flags: { nat64: "auto" } },
    "note NAT64: --nat64 auto, but the network tells of none -> --nat64 PREFIX, where there is one all the same",
  ],
  [
    "an old kernel",
    { host: { kernel: { ...kernel, segmentation: false, aggregation: false, steering: false } } },
    "note engine: without UDP segmentation (Linux 4.18): datagrams are sent one by one",
    "note engine: without UDP aggregation (Linux 5.0): datagrams are received one by one",
    "note engine: without steering of shared ports (Linux 4.5): an upgrade may refuse a client or two",
  ],
  [
    "a container's filter",
    { host: { kernel: { ...kernel, accept4: false, recvmmsg: false, sendmmsg: false } } },
    "note engine: without accept4: each client costs two calls more",
    "note engine: without recvmmsg: each datagram that comes costs a call",
    "note engine: without sendmmsg: each datagram that leaves costs a call",
  ],
  [
    "a kernel with few features",
    { host: { kernel: { ...kernel, splice: false, sharedPorts: false } } },
    "note engine: without splice: bytes are copied, which costs twice the processor",
    "note engine: without shared ports (Linux 3.9): workers accept from one socket, and an upgrade cannot take it over",
  ],
  ["--engine portable", { flags: { engine: "portable" } }, "ok engine: portable, as --engine says, on bun 1.4.5"],
  [
    "no libc",
    { host: { kernel: undefined } },
    "note engine: portable, since libc cannot be called from here: slower, and without --workers, --mark, --interface",
  ],
  [
    "no libc, but --engine linux",
    { host: { kernel: undefined }, flags: { engine: "linux" } },
    "problem engine: --engine linux cannot run: libc cannot be called from here -> --engine auto",
  ],
  [
    "a kernel without epoll",
    { host: { kernel: { ...kernel, epoll: false } }, flags: { engine: "linux" } },
    "problem engine: --engine linux cannot run: the kernel, or a container's filter, refuses epoll or eventfd -> --engine auto",
  ],
  [
    "a port in use by another program",
    {
      host: {
        cannotListen: ({ port }) => Promise.resolve(port === 10846 ? "address-in-use" : undefined),
        holder: () => ({ pid: 7, name: "prometheus" }),
      },
    },
    "problem admin: 127.0.0.1:10846 is in use by prometheus, process 7 -> another port, or end that program",
  ],
  [
    "a port in use by an unknown program",
    { host: { cannotListen: ({ port }) => Promise.resolve(port === 10846 ? "address-in-use" : undefined) } },
    "problem admin: 127.0.0.1:10846 is in use -> another port, or end the program that has it (ss -ltnp)",
  ],
  [
    "a UDP port in use by another program",
    {
      host: {
        cannotListen: (_, udp) => Promise.resolve(udp ? "address-in-use" : undefined),
        holder: (_, udp) => udp ? { pid: 7, name: "dnsmasq" } : undefined,
      },
      flags: { forward: ["udp://127.0.0.1:53=[2001:db8::53]:53"] },
    },
    "problem listen: udp://127.0.0.1:53 is in use by dnsmasq, process 7 -> another port, or end that program",
  ],
  [
    "a --fake-dns port in use by another server",
    {
      host: {
        cannotListen: ({ port }) => Promise.resolve(port === 53 ? "address-in-use" : undefined),
        holder: () => ({ pid: 7, name: "dnsmasq" }),
      },
      flags: { listen: ["transparent://127.0.0.1:1081"], from: ["127.0.0.0/8"], fakeDns: ["127.0.0.1:53"] },
    },
    "ok listen: 127.0.0.1:1081 is free",
    "ok listen: udp://127.0.0.1:1081 is free",
    "problem fake DNS: udp://127.0.0.1:53 is in use by dnsmasq, process 7 -> another port, or end that program",
    "problem fake DNS: 127.0.0.1:53 is in use by dnsmasq, process 7 -> another port, or end that program",
  ],
  [
    "a free UDP port",
    { flags: { forward: ["udp://127.0.0.1:53=[2001:db8::53]:53"] } },
    "ok listen: udp://127.0.0.1:53 is free",
  ],
  [
    "a gateway that is already running",
    {
      flags: { admin: "off", listen: ["127.0.0.1:1080"] },
      host: {
        cannotListen: () => Promise.resolve("address-in-use"),
        holder: () => ({ pid: 7, name: "gate46" }),
      },
    },
    "note listen: 127.0.0.1:1080 is in use by gate46, process 7 -> nothing, where that is this very gateway",
  ],
  [
    "a gateway to take over from",
    {
      flags: { admin: "off", listen: ["127.0.0.1:1080"], takeOver: "7" },
      host: { cannotListen: () => Promise.resolve("address-in-use"), holder: () => ({ pid: 7, name: "x" }) },
    },
    "ok listen: 127.0.0.1:1080 is taken over from process 7",
  ],
  [
    "a privileged port",
    {
      flags: { listen: ["127.0.0.1:80"], admin: "off" },
      host: { cannotListen: () => Promise.resolve("permission-denied") },
    },
    "problem listen: 127.0.0.1:80 cannot be listened on by this user -> " +
    "a port from 1024 on, CAP_NET_BIND_SERVICE, or net.ipv4.ip_unprivileged_port_start",
  ],
  [
    "an address of another host",
    {
      flags: { listen: ["192.0.2.9:1080"], from: ["192.0.2.0/24"], admin: "off" },
      host: { cannotListen: () => Promise.resolve("address-not-available") },
    },
    "problem listen: 192.0.2.9:1080 is not an address of this host -> an address that it has, or --free-bind",
  ],
  [
    "an address of another host with net.ipv4.ip_nonlocal_bind",
    { flags: { listen: ["192.0.2.9:1080"], from: ["192.0.2.0/24"], admin: "off" } },
    "note listen: 192.0.2.9:1080 is free, but no address of this host: net.ipv4.ip_nonlocal_bind lets it listen there",
  ],
  [
    "an address that may appear later",
    {
      flags: { listen: ["192.0.2.9:1080"], from: ["192.0.2.0/24"], admin: "off", freeBind: true },
      host: { cannotListen: () => Promise.resolve("address-not-available") },
    },
    "note listen: 192.0.2.9:1080 is not an address of this host yet, and --free-bind listens there",
  ],
  [
    "no IPv6 for an optional listener",
    { host: { cannotListen: ({ host }) => Promise.resolve(host === "::1" ? "address-not-available" : undefined) } },
    "note listen: [::1]:1080 is left out: this host has no such address",
  ],
  [
    "no IPv6 for a listener on all addresses",
    {
      flags: { listen: [":1080"], from: ["10.0.0.0/8"], admin: "off" },
      host: { cannotListen: ({ host }) => Promise.resolve(host === "::" ? "family-not-supported" : undefined) },
    },
    "ok listen: 0.0.0.0:1080 is free",
  ],
  [
    "a port that cannot be opened for another reason",
    {
      flags: { listen: ["127.0.0.1:80"], admin: "off" },
      host: { cannotListen: () => Promise.resolve("no-descriptors") },
    },
    "problem listen: 127.0.0.1:80 cannot be listened on: no-descriptors",
  ],
  [
    "few descriptors",
    { host: { files: limits("1024") } },
    "note descriptors: 1024 may be open: enough for 462 of 10000 sessions, then accepting pauses -> " +
    "LimitNOFILE=60100 in the unit, ulimit -n 60100, or a lower --max-sessions",
  ],
  [
    "enough descriptors unless all sessions are busy",
    { host: { files: limits("30000") } },
    "note descriptors: 30000 may be open: 10000 sessions want up to 60100 when all move bytes at once -> " +
    "LimitNOFILE=60100 in the unit, ulimit -n 60100, or a lower --max-sessions",
  ],
  [
    "very few descriptors",
    { host: { files: limits("64") } },
    "problem descriptors: 64 may be open: not enough for one session -> " +
    "LimitNOFILE=60100 in the unit, ulimit -n 60100, or a lower --max-sessions",
  ],
  [
    "unlimited descriptors",
    { host: { files: limits("unlimited") } },
    "ok descriptors: unlimited may be open: enough for 10000 sessions",
  ],
  [
    "little memory for this service",
    { host: { files: { "/sys/fs/cgroup/system.slice/gate46.service/memory.max": "134217728\n" } } },
    "note memory: 128 MiB of this control group: 10000 sessions may want 463 MiB -> " +
    "a limit of 463 MiB, or a lower --max-sessions",
  ],
  [
    "a container's limit",
    { host: { files: { "/sys/fs/cgroup/memory.max": "1073741824\n" } } },
    "ok memory: 1024 MiB of this control group: enough for 10000 sessions",
  ],
  [
    "no memory limit",
    { host: { files: { "/sys/fs/cgroup/memory.max": "max\n" } } },
  ],
  [
    "a small host",
    { host: { files: { "/proc/meminfo": "MemTotal:  120000 kB\n" } } },
    "note memory: 117 MiB of this host: 10000 sessions may want 463 MiB -> a lower --max-sessions",
  ],
  [
    "low kernel settings",
    {
      host: {
        files: {
          "/proc/sys/net/core/somaxconn": "128\n",
          "/proc/sys/net/core/rmem_max": "212992\n",
          "/proc/sys/net/core/wmem_max": "212992\n",
          "/proc/sys/net/ipv4/ip_local_port_range": "60000\t60999\n",
          "/proc/sys/net/ipv4/tcp_fin_timeout": "300\n",
        },
      },
    },
    "note sysctl: net.core.somaxconn is 128: clients that come at one time are refused -> sysctl -w net.core.somaxconn=1024",
    "note sysctl: net.core.rmem_max is 212992: UDP datagrams of a burst are lost on the way in -> " +
    "sysctl -w net.core.rmem_max=1048576",
    "note sysctl: net.core.wmem_max is 212992: UDP datagrams of a burst are lost on the way out -> " +
    "sysctl -w net.core.wmem_max=1048576",
    "note sysctl: net.ipv4.ip_local_port_range has 1000 ports: at most so many of 10000 sessions can go to one " +
    'destination -> sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
    "note sysctl: net.ipv4.tcp_fin_timeout is 300 s: ports are held long -> sysctl -w net.ipv4.tcp_fin_timeout=60",
  ],
  [
    "--install-rules without the capability",
    { flags: { listen: ["transparent://:1081"], from: ["192.168.1.0/24"], fakeDns: [":53"], installRules: true } },
    "ok listen: [::]:1081 is free",
    "ok listen: udp://[::]:1081 is free",
    "ok fake DNS: udp://[::]:53 is free",
    "ok fake DNS: [::]:53 is free",
    "problem rights: --install-rules needs CAP_NET_ADMIN -> AmbientCapabilities=CAP_NET_ADMIN in the unit",
  ],
  [
    "--mark without the capability",
    { flags: { mark: "3" } },
    "problem rights: --mark needs CAP_NET_ADMIN -> AmbientCapabilities=CAP_NET_ADMIN in the unit",
  ],
  [
    "--mark and --interface with the capability",
    {
      flags: { mark: "3", interface: "eth0" },
      host: { files: { "/proc/self/status": "CapEff:\t0000000000003000\n" } },
    },
  ],
  ["--mark as root, without information on capabilities", {
    flags: { mark: "3" },
    host: { root: true, files: { "/proc/self/status": undefined } },
  }],
  [
    "a missing --interface",
    { flags: { interface: "wan7" } },
    "problem rights: --interface wan7: there is none of that name -> one that ip link lists",
  ],
  [
    "--interface without the capability",
    { flags: { interface: "eth0" } },
    "note rights: --interface needs CAP_NET_RAW before Linux 5.7 -> AmbientCapabilities=CAP_NET_RAW in the unit",
  ],
  [
    "no user namespaces for unprivileged users",
    { host: { files: { "/proc/sys/kernel/unprivileged_userns_clone": "0\n" } } },
    "note run: gate46 run may be refused: users may have no namespaces -> sysctl -w kernel.unprivileged_userns_clone=1",
  ],
  [
    "no user namespaces, as root",
    {
      host: {
        files: {
          "/proc/sys/user/max_user_namespaces": "0\n",
          "/proc/self/status": "CapEff:\t000001ffffffffff\nSeccomp:\t2\n",
        },
      },
    },
  ],
  [
    "AppArmor without capabilities in user namespaces",
    { host: { files: { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n" } } },
    "note run: gate46 run may be refused: AppArmor gives users no capabilities in namespaces -> sysctl -w " +
    "kernel.apparmor_restrict_unprivileged_userns=0, or a profile for gate46 that has userns",
  ],
  [
    "a container's filter",
    { host: { files: { "/proc/self/status": "CapEff:\t0000000000000000\nSeccomp:\t2\n" } } },
    "note run: gate46 run may be refused: a filter of system calls is around this process, as a container's -> start the " +
    "container with --security-opt seccomp=unconfined, or with --cap-add SYS_ADMIN",
  ],
  [
    "a container's seccomp filter, and a kernel with seccomp notifications",
    {
      host: {
        files: {
          "/proc/self/status": "CapEff:\t0000000000000000\nSeccomp:\t2\n",
          "/proc/sys/kernel/seccomp/actions_avail": "kill_process trap errno user_notif allow\n",
        },
      },
    },
    "note run: gate46 run answers the system calls of programs (--mode seccomp): a filter of system calls is around this " +
    "process, as a container's -> start the container with --security-opt seccomp=unconfined, or with --cap-add SYS_ADMIN",
  ],
  [
    "secret files that every user can read",
    {
      secretFiles: ["/etc/users", "/etc/gate46.toml", "/etc/token", "/etc/users"],
      host: { mode: (path) => path === "/etc/token" ? 0o100600 : 0o100644 },
    },
    "note secrets: /etc/users is readable by all users of this host -> chmod o-r /etc/users",
    "note secrets: /etc/gate46.toml is readable by all users of this host -> chmod o-r /etc/gate46.toml",
  ],
  [
    "secret files with safe modes",
    { secretFiles: ["/etc/users"] },
    "ok secrets: no secret file is readable by all users",
  ],
  [
    "a keytab",
    { keys, flags: { gssapiKeytab: "keytab", gssapiReplayCache: "/replay" } },
    "ok GSSAPI: the library lets clients in by the keytab",
    "ok GSSAPI: rcmd/gw@A, kvno 2: aes256-cts-hmac-sha1-96, aes128-cts-hmac-sha1-96",
    "ok GSSAPI: the replay cache /replay can be written",
    clock,
  ],
  [
    "a keytab without a library, and an unwritable replay cache",
    {
      keys: keys.slice(0, 1),
      flags: { gssapiKeytab: "keytab", gssapiReplayCache: "/replay" },
      host: { cannotAccept: () => "Cannot use --gssapi-keytab: it is not here", cannotWrite: () => "EACCES" },
    },
    "problem GSSAPI: Cannot use --gssapi-keytab: it is not here -> " +
    "apt-get install libgssapi-krb5-2 (Debian), apk add krb5-libs (Alpine), or the keytab",
    "ok GSSAPI: rcmd/gw@A, kvno 2: aes256-cts-hmac-sha1-96",
    "problem GSSAPI: the replay cache /replay cannot be written: EACCES -> a file in a folder of this user",
    clock,
  ],
  [
    "a clock with a wrong time",
    { host: { now: 0 } },
    "note clock: it says 1970-01-01T00:00:00.000Z, which is past -> set the clock by NTP, or certificates of tls:// and https:// servers fail",
  ],
];

describe("doctor", () => {
  for (const [name, otherwise, ...expected] of table) {
    test(`reports: ${name}`, async () => {
      const usual = new Set(await found({}));
      const unusual = (await found(otherwise)).filter((one) => !usual.has(one) && !/^ok IPv\d: leaves/.test(one));
      assert.deepEqual(unusual, expected);
    });
  }

  test("makes fewer checks without /proc", async () => {
    const host: HostChanges = { platform: "darwin", kernel: undefined, read: () => undefined };
    const about = new Set((await found({ host })).map((one) => one.split(":")[0]));
    assert.deepEqual([...about], ["ok IPv4", "ok IPv6", "ok DNS", "note engine", "ok listen", "ok admin", "ok clock"]);
    assert.ok((await found({ host })).some((one) => one.startsWith("note engine: portable, since this is darwin")));
  });

  test("makes no connection by default", async () => {
    await found({}); // whose host rejects
  });
});
