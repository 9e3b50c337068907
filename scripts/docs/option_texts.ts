import type { OptionKey } from "../../src/config/options.ts";

/** What docs/reference/options.md says of an option beyond its help: when to use it, what it costs, and flags that a test reads. */
export interface OptionText {
  readonly when: string;
  readonly cost: string;
  readonly example: string;
}

const nothing = "None.";

export const optionTexts: Readonly<Record<OptionKey, OptionText>> = {
  config: {
    when: "You need rules, upstreams or more than a few flags, or want to reload without a restart.",
    cost: "Paths in the file are relative to its folder.",
    example: "--config /etc/gate46/gate46.toml",
  },
  listen: {
    when: "Other hosts use the gateway, or one port should speak one protocol only, TLS, or a unix socket.",
    cost: "Beyond loopback gate46 requires users, a keytab, `--from` or `--open`.",
    example: "--listen :1080 --listen unix:/run/gate46/socks.sock --from 192.168.0.0/16",
  },
  forward: {
    when: "A client cannot speak SOCKS, and needs one fixed destination of the other family.",
    cost: 'Everybody who reaches the port reaches the destination. A rule with `commands = "forward"` can deny it.',
    example: "--forward [::]:2222=server.example:22",
  },
  tlsCert: {
    when: "A listener with TLS exists.",
    cost: "CPU time for each handshake, and for every byte.",
    example: "--listen socks5s://:1080 --from 192.168.0.0/16 --tls-cert cert.pem --tls-key key.pem",
  },
  tlsKey: {
    when: "Always together with `--tls-cert`.",
    cost: "Keep the file readable for the gateway's user only.",
    example: "--listen socks5s://:1080 --from 192.168.0.0/16 --tls-cert cert.pem --tls-key key.pem",
  },
  tlsClientCa: {
    when: "Clients authenticate by certificate.",
    cost: "gate46 does not check revocation: use short-lived certificates.",
    example:
      "--listen socks5s://:1080 --from 192.168.0.0/16 --tls-cert cert.pem --tls-key key.pem --tls-client-ca clients.pem",
  },
  admin: {
    when: "A scraper or a balancer on another host reads it, or the port is taken; `off` where nobody reads it.",
    cost: "Beyond loopback it shows only the probes and `/proxy.pac` until `--admin-token-file` is set.",
    example: "--admin 192.0.2.11:10846",
  },
  unixMode: {
    when: "A client under another user uses a `unix:` listener.",
    cost: "Every user that the mode admits counts as 127.0.0.1.",
    example: "--unix-mode 0660",
  },
  adminTokenFile: {
    when: "The admin endpoint is reachable from other hosts, or you want to end sessions, drain and reload by HTTP.",
    cost: "Scrapers need the token too.",
    example: "--admin-token-file admin.token",
  },
  metricsPerUser: {
    when: "You bill or watch single users.",
    cost: "Up to 100 users multiply the series of two metrics, and user names appear in `/metrics`.",
    example: "--metrics-per-user",
  },
  takeOver: {
    when: "You upgrade gate46 without refusing a client.",
    cost: "Both programs run until the old sessions have ended. Linux engine only; both need the same user.",
    example: "--take-over 4242",
  },
  watch: {
    when: "A configuration management tool, or Kubernetes, replaces the files.",
    cost: "A half-written file is refused and logged. Replace files by rename.",
    example: "--watch",
  },
  announce: {
    when: "Clients reach the gateway through NAT, a container's published port or a balancer, and use BIND or UDP.",
    cost: nothing,
    example: "--announce 198.51.100.7 --announce 2001:db8::7",
  },
  ports: {
    when: "A firewall or a container publishes a fixed range for BIND and UDP.",
    cost: "Each association and each BIND takes one port of the range. When all are taken, the reply is 01.",
    example: "--ports 40000-40999",
  },
  user: {
    when: "A test, or a throw-away gateway.",
    cost: "The password is visible in the process list. Use `--users-file` otherwise.",
    example: "--user ann:secret",
  },
  usersFile: {
    when: "Clients authenticate by password.",
    cost:
      "A login costs one scrypt hash, about 100 ms of a core. gate46 remembers logins, so that the next ones are cheap.",
    example: "--users-file users",
  },
  from: {
    when: "Clients have known addresses.",
    cost: "A client elsewhere is closed without an answer. An address can be shared, so it is weaker than a password.",
    example: "--from 192.168.0.0/16 --from 2001:db8::/48",
  },
  authExempt: {
    when: "Some clients cannot send a password: browsers by SOCKS5, devices.",
    cost: "Their sessions have no user name in rules, limits and log.",
    example: "--users-file users --auth-exempt 192.168.0.0/24",
  },
  gssapiKeytab: {
    when: "A Kerberos realm exists.",
    cost: "Each context costs 0.15 ms of a core, encryption more. The library libgssapi_krb5 must be installed.",
    example: "--gssapi-keytab gate46.keytab",
  },
  gssapiService: {
    when: "The keytab holds keys of other services.",
    cost: "Clients that ask for another service are refused.",
    example: "--gssapi-keytab gate46.keytab --gssapi-service rcmd",
  },
  gssapiProtection: {
    when: "Clients must encrypt (`confidentiality`), or old clients cannot protect (`none`).",
    cost: "A core moves 200 to 300 MB/s with integrity, and about 100 MB/s with confidentiality.",
    example: "--gssapi-keytab gate46.keytab --gssapi-protection confidentiality",
  },
  gssapiUser: {
    when: "Rules and limits should name `alice`, not `alice@EXAMPLE.ORG`.",
    cost: "The mapping of `krb5.conf` (`auth_to_local`) must be right: two principals can map to one name.",
    example: "--gssapi-keytab gate46.keytab --gssapi-user local",
  },
  gssapiFirst: {
    when: "Users and a keytab exist, and clients with a ticket should use it.",
    cost: "Stock curl offers GSSAPI even without a ticket, and then fails.",
    example: "--gssapi-keytab gate46.keytab --users-file users --gssapi-first",
  },
  gssapiNec: {
    when: "A client implements NEC's variant (curl's `--socks5-gssapi-nec`).",
    cost: "The variant does not protect the negotiated level. It needs the replay cache.",
    example: "--gssapi-keytab gate46.keytab --gssapi-nec --gssapi-replay-cache replay",
  },
  authCommand: {
    when: "Another system knows the users: PAM, LDAP, a database.",
    cost: "Four processes of the command, and a question for each user that is not in the cache.",
    example: "--auth-command /usr/local/lib/gate46-auth-pam",
  },
  authUrl: {
    when: "A web service knows the users.",
    cost: "An HTTP request for each user that is not in the cache. Use https:// beyond loopback.",
    example: "--auth-url https://auth.example/check",
  },
  authCache: {
    when: "A changed password must count sooner, or the other system must be asked less often.",
    cost: "A user who was removed elsewhere keeps access for this long.",
    example: "--auth-url https://auth.example/check --auth-cache 10s",
  },
  quotaFile: {
    when: "A user has a `quota`: the file keeps what users have moved over a restart.",
    cost: "A write every few seconds while these users move bytes.",
    example: "--quota-file /var/lib/gate46-quotas",
  },
  gssapiReplayCache: {
    when: "You accept NEC's variant or HTTP Negotiate, and want one cache for all gateways of a host.",
    cost: "A write to the file for each login.",
    example: "--gssapi-keytab gate46.keytab --gssapi-replay-cache replay",
  },
  proxyProtocolFrom: {
    when: "A balancer in front sends a PROXY header.",
    cost: "A connection from there without the header is refused.",
    example: "--listen 192.0.2.11:1080 --proxy-protocol-from 192.0.2.10 --from 192.168.0.0/16",
  },
  open: {
    when: "A network that is closed by other means, as a pod or a lab.",
    cost: "Everybody who reaches the port can use the gateway.",
    example: "--listen :1080 --open",
  },
  allow: {
    when: "Clients need a service on the gateway's own host, or a link-local address.",
    cost: "Services there see connections from the gateway itself, which many trust.",
    example: "--allow 127.0.0.1",
  },
  default: {
    when: "You list what is allowed, and want everything else refused.",
    cost: "A forgotten destination fails with reply 02; `gate46 explain` names the reason.",
    example: "--default deny --allow 203.0.113.0/24",
  },
  socks4: {
    when: "An old client speaks SOCKS4 or SOCKS4A.",
    cost: "SOCKS4 has no password and no IPv6 literals. It is served only where no password is required.",
    example: "--socks4",
  },
  udpInTcp: {
    when: "The network between client and gateway drops UDP, and the client is gate46 or hev-socks5-tunnel.",
    cost: "Datagrams wait behind lost TCP segments.",
    example: "--udp-in-tcp",
  },
  udpFilter: {
    when: "Peers of games or calls must reach the client first (endpoint-independent), or never (the strictest mode).",
    cost: "A loose filter lets strangers send datagrams to the client.",
    example: "--udp-filter address-and-port-dependent",
  },
  dns: {
    when: "The system's resolver is slow, filtered or wrong, or answers must be encrypted.",
    cost: "Only names without a dot still go to the system's resolver. `.local` fails.",
    example: "--dns tls://192.0.2.53#dns.example",
  },
  dnsCa: {
    when: "A `tls://` or `https://` server has a certificate of a private authority.",
    cost: "Only this authority counts then.",
    example: "--dns tls://192.0.2.53:8853 --dns-ca ca.pem",
  },
  host: {
    when: "A few names have fixed addresses, or you test.",
    cost: "The name is not resolved elsewhere.",
    example: "--host db.example=192.0.2.7,2001:db8::7",
  },
  prefer: {
    when: "One family is faster or cheaper.",
    cost: "The other family waits 250 ms where the preferred one is broken.",
    example: "--prefer ipv4",
  },
  only: {
    when: "One family must never be used.",
    cost: "Destinations of the other family are refused with reply 02.",
    example: "--only ipv6",
  },
  outgoing: {
    when: "The host has several addresses, and the destination must see a certain one.",
    cost: "Linux engine, or Bun. A prefix must be routed to this host.",
    example: "--outgoing 192.0.2.8 --outgoing 2001:db8:1::/64",
  },
  outgoingPer: {
    when: "A user or a client should keep one address of a prefix.",
    cost: nothing,
    example: "--outgoing 2001:db8:1::/64 --outgoing-per user",
  },
  nat64: {
    when: "The gateway's uplink is IPv6-only, with a NAT64.",
    cost: "`auto` asks one DNS question, every 10 minutes.",
    example: "--nat64 auto",
  },
  resolveCommands: {
    when: "Clients use tor-resolve, or the preload should report names that do not exist.",
    cost: "Clients can use the gateway as a resolver. The rules judge it.",
    example: "--resolve-commands",
  },
  fakeDns: {
    when: "gate46 runs on a router, and hosts without client software use it as their DNS server.",
    cost: "Every host that asks it gets fake addresses, which work only through this router.",
    example: "--listen transparent://:1081 --fake-dns :53 --from 192.168.1.0/24 --dns 192.0.2.53",
  },
  fakeDnsCheck: {
    when: "Programs need to know at once that a name does not exist.",
    cost: "One real DNS question for each new name.",
    example: "--listen transparent://:1081 --fake-dns :53 --fake-dns-check --from 192.168.1.0/24 --dns 192.0.2.53",
  },
  fakeDnsExclude: {
    when: "Some names must keep their real addresses: internal names, the names of VPN gateways.",
    cost: "These names do not cross between the families.",
    example:
      "--listen transparent://:1081 --fake-dns :53 --fake-dns-exclude .corp.example --from 192.168.1.0/24 --dns 192.0.2.53",
  },
  fakeIpv4: {
    when: "198.18.0.0/15 is used in your network.",
    cost: "A small pool holds few names.",
    example: "--fake-ipv4 10.200.0.0/16",
  },
  fakeIpv6: {
    when: "The clients' firewall or routes expect another prefix.",
    cost: nothing,
    example: "--fake-ipv6 fd00:46::/64",
  },
  fakeJournal: {
    when: "Clients keep names over a restart of the router.",
    cost: "A write for each new name.",
    example: "--fake-journal /var/lib/gate46-names",
  },
  installRules: {
    when: "gate46 should set up the routes and rules of the router itself.",
    cost: "CAP_NET_ADMIN. After `kill -9` the rules stay until the next start.",
    example: "--listen transparent://:1081 --fake-dns :53 --install-rules --from 192.168.1.0/24 --dns 192.0.2.53",
  },
  via: {
    when: "All traffic goes through another gateway.",
    cost: "One handshake more for each hop. Use a rule's `via` to send only some destinations.",
    example: "--via socks5://ann:secret@g1.example --via socks5://[2001:db8::1]:1080",
  },
  viaCa: {
    when: "The next gateway's certificate is of a private authority.",
    cost: "Only this authority counts then.",
    example: "--via socks5s://g1.example --via-ca gateways.pem",
  },
  viaCert: {
    when: "The next gateway requires a client certificate.",
    cost: nothing,
    example: "--via socks5s://g1.example --via-cert own.cert.pem --via-key own.key.pem",
  },
  viaKey: {
    when: "Always together with `--via-cert`.",
    cost: "Keep the file readable for the gateway's user only.",
    example: "--via socks5s://g1.example --via-cert own.cert.pem --via-key own.key.pem",
  },
  probeInterval: {
    when: "Failover must be faster, or probes disturb.",
    cost: "One connection to each chain in each interval. With 0, a client finds out that a chain is down.",
    example: "--via socks5://g1.example --probe-interval 30s",
  },
  probeTimeout: {
    when: "The upstream is far away.",
    cost: "A dead chain is found later.",
    example: "--via socks5://g1.example --probe-timeout 10s",
  },
  maxSessions: {
    when: "Memory or descriptors are scarce, or you serve more than 10,000 sessions.",
    cost: "About 13 KiB of memory and 2 descriptors for each idle session. `gate46 doctor` compares.",
    example: "--max-sessions 2000",
  },
  maxSessionsPerClient: {
    when: "One address must not take a quarter of the sessions, or a NAT hides many users.",
    cost: "Clients behind one address share it. Beyond it a connection is closed.",
    example: "--max-sessions-per-client 50",
  },
  maxSessionsPerUser: {
    when: "One account must not take all sessions.",
    cost: "Beyond it the reply is 02.",
    example: "--users-file users --max-sessions-per-user 200",
  },
  maxRate: {
    when: "Scanners or broken clients open connections in a loop.",
    cost: "A browser opens tens of connections in a second: 20 is a fair minimum.",
    example: "--max-rate 50",
  },
  maxFailures: {
    when: "Passwords are weak (lower it), or many users share one address (raise it).",
    cost: "Beyond it, new users at that address cannot log in for a minute.",
    example: "--users-file users --max-failures 5",
  },
  failuresExempt: {
    when: "A balancer without the PROXY protocol brings all clients from its own address.",
    cost: "Passwords can be guessed from there without a limit.",
    example: "--users-file users --failures-exempt 192.0.2.10",
  },
  sessionBandwidth: {
    when: "One download must not fill the link.",
    cost: "Datagrams beyond it are dropped, streams wait.",
    example: "--session-bandwidth 10M",
  },
  userBandwidth: {
    when: "One account must not fill the link.",
    cost: "As `--session-bandwidth`.",
    example: "--users-file users --user-bandwidth 50M",
  },
  maxUdpDestinations: {
    when: "Clients scan, or run a DHT.",
    cost: "Beyond it the association forgets the oldest destination.",
    example: "--max-udp-destinations 256",
  },
  handshakeTimeout: {
    when: "Clients are behind very slow links (raise it), or strangers hold connections (lower it).",
    cost: "Clients on slow links fail when it is short.",
    example: "--handshake-timeout 5s",
  },
  dialTimeout: {
    when: "Destinations are slow, or a client has a shorter timeout of its own.",
    cost: "A client waits that long for reply 06.",
    example: "--dial-timeout 10s",
  },
  bindTimeout: {
    when: "Active FTP servers answer late.",
    cost: "A BIND port stays open that long.",
    example: "--bind-timeout 1m",
  },
  idleTimeout: {
    when: "Long silent connections (SSH, IMAP IDLE, WebSocket) must stay.",
    cost: "Sessions of vanished clients stay too, each with 2 descriptors.",
    example: "--idle-timeout 1h",
  },
  udpIdleTimeout: {
    when: "A NAT-like memory for UDP must be longer or shorter.",
    cost: "Memory for each destination that is remembered.",
    example: "--udp-idle-timeout 2m",
  },
  drainDelay: {
    when: "A balancer asks `/readyz`.",
    cost: "gate46 ends that much later.",
    example: "--drain-delay 5s",
  },
  drain: {
    when: "Sessions are long, or a restart must be quick.",
    cost: "A restart takes that long while sessions run. systemd and Kubernetes need a longer stop timeout.",
    example: "--drain 2m",
  },
  engine: {
    when: "You suspect the Linux engine, or a sandbox forbids FFI.",
    cost: 'Bulk data costs 1.7 times the CPU. Features marked "Linux engine" are missing.',
    example: "--engine portable",
  },
  workers: {
    when: "A container has fewer cores than its node, or other programs need the cores.",
    cost: "About 11 MiB of memory for each.",
    example: "--workers 2",
  },
  busyPoll: {
    when: "Latency matters more than CPU time.",
    cost: "A core spins for that time after each event.",
    example: "--busy-poll 0.3ms",
  },
  mark: {
    when: "Policy routing (`ip rule`) selects the uplink.",
    cost: "CAP_NET_ADMIN.",
    example: "--mark 46",
  },
  interface: {
    when: "Traffic must leave through one interface, whatever the routes say.",
    cost: "Destinations that this interface cannot reach fail.",
    example: "--interface lo",
  },
  freeBind: {
    when: "Addresses come later: VRRP, keepalived, slow DHCP.",
    cost: "A mistyped address is not noticed at start.",
    example: "--listen 192.0.2.77:1080 --from 192.0.2.0/24 --free-bind",
  },
  tcpUserTimeout: {
    when: "Dead peers must be noticed before `--idle-timeout`.",
    cost: "Sessions end in short outages of the network.",
    example: "--tcp-user-timeout 1m",
  },
  logLevel: {
    when: "You search a fault (`debug`), or session lines are too many (`warning`).",
    cost: "`debug` also logs probes of balancers.",
    example: "--log-level warning",
  },
  logFormat: {
    when: "A collector reads JSON.",
    cost: nothing,
    example: "--log-format json",
  },
  otlp: {
    when: "An OpenTelemetry collector takes your metrics and logs.",
    cost: "As much CPU for each session as a line of the audit log.",
    example: "--otlp http://127.0.0.1:4318",
  },
  otlpInterval: {
    when: "Your collector wants fewer requests, or newer figures.",
    cost: nothing,
    example: "--otlp-interval 1m",
  },
  logFile: {
    when: "Neither journal nor container runtime keeps the log.",
    cost: "Set up logrotate. A full disk costs lines.",
    example: "--log-file gate46.log",
  },
  logSessions: {
    when: "Privacy, or very many sessions; `audit` where each session must be documented.",
    cost: "Sessions without a line cannot be traced later.",
    example: "--log-sessions failed",
  },
  logSample: {
    when: "A flood of failures must not fill the log (lower it), or you need each line (`off`).",
    cost: "`off` lets a stranger write any number of lines.",
    example: "--log-sample 5",
  },
  logClients: {
    when: "Privacy rules forbid whole addresses.",
    cost: "Abuse reports cannot be traced to one client.",
    example: "--log-clients prefix",
  },
};
