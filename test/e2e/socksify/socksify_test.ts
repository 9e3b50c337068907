import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { address, buildNetwork, whyNot } from "../../support/network/namespaces.ts";
import { type Program, shell, source, start } from "../../support/program/program.ts";
import { projectRoot, runtime, scriptCommand } from "../../support/program/runtime.ts";
import { skipped } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until } from "../../support/program/until.ts";

const skip = skipped("socksified programs", whyNot());
const folder = temporaryFolder("socksify");
const network = skip ? undefined : buildNetwork();
const servers: { readonly child: ChildProcess; readonly over: Promise<unknown> }[] = [];
let gateway: Program | undefined;
after(async () => {
  await gateway?.stop();
  for (const { child, over } of servers) {
    child.kill("SIGINT");
    await over; // PostgreSQL writes until then
  }
  network?.remove();
  if (network) rmSync(names, { recursive: true, force: true });
});

/** What the IPv6-only host takes for /etc. */
const names = `/etc/netns/${network?.name("s6")}`;
const preload = join(folder, "gate46-preload.mjs");
const programs = join(import.meta.dirname!, "programs");
const authority = join(folder, "authority.pem");

/**
 * How each runtime is told of the preload, and nothing else: the programs are as they would be without it. Those of Deno run
 * where it runs the tests, the others where Bun does.
 */
const runtimes = ([
  {
    name: "Deno",
    command: ["deno", "run", "-A", "--quiet", "--unstable-net", "--node-modules-dir=manual", "--preload", preload],
  },
  { name: "Bun", command: ["bun", "--preload", preload] },
  { name: "Node.js", command: ["node", "--import", preload] },
] as const).filter(({ name }) => (name === "Deno") === (runtime === "deno"));

function run(command: readonly string[], env: Record<string, string> = {}) {
  const via = `socks5://ann:p%40w@${address.gwC4}:1080`;
  return shell(["timeout", "60", ...network!.in("c4"), ...command], "", {
    GATE46_SOCKSIFY_VIA: via,
    NODE_EXTRA_CA_CERTS: authority,
    DENO_CERT: authority,
    NO_COLOR: "1",
    ...env,
  });
}

function serve([file, ...args]: readonly string[], errors: "inherit" | "ignore"): void {
  const child = spawn(file!, args, { stdio: ["ignore", "ignore", errors] });
  servers.push({ child, over: new Promise((resolve) => child.once("exit", resolve)) });
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync("openssl", args);
  assert.equal(status, 0, String(stderr));
}

/** A certificate of v6.test, by an authority of this test's own. */
function makeCertificate(): void {
  const at = (name: string) => join(folder, name);
  const key = ["-newkey", "rsa:2048", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    at("authority.key"),
    "-out",
    authority,
    "-days",
    "2",
    "-subj",
    "/CN=authority",
  );
  openssl("req", ...key, "-keyout", at("key.pem"), "-out", at("request.pem"), "-subj", "/CN=v6.test");
  writeFileSync(at("extensions"), "subjectAltName=DNS:v6.test\nbasicConstraints=CA:FALSE\n");
  const by = ["-CA", authority, "-CAkey", at("authority.key"), "-CAcreateserial", "-extfile", at("extensions")];
  openssl("x509", "-req", "-in", at("request.pem"), ...by, "-days", "2", "-out", at("certificate.pem"));
}

async function setUp(): Promise<void> {
  if (gateway) return;
  const made = spawnSync("sh", [join(projectRoot, "compile.sh"), "preload"], { env: { ...process.env, DIST: folder } });
  assert.equal(made.status, 0, String(made.stderr));
  makeCertificate();
  const keys = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const server = scriptCommand("test/e2e/socksify/programs/server.mjs");
  serve([...network!.in("s6"), ...server, address.s6, ...keys], "inherit");
  gateway = await start(
    source,
    ["--listen=:1080", "--from=10.46.0.0/16", "--user=ann:p@w", "--admin=off"],
    network!.in("gw"),
  );
  await until("the server answers", async () => {
    const { code } = await shell([...network!.in("s6"), "curl", "-s", "-o", "/dev/null", `http://[${address.s6}]/`]);
    return code === 0;
  });
}

/** Why a program cannot be run by `command`, or false. */
function whyNotOn(command: string): string | false {
  const { status, stdout } = spawnSync(command, ["--version"]);
  if (status !== 0) return `${command} is missing`;
  const [, version] = /^v(\d+)/.exec(String(stdout)) ?? []; // as Node.js says it
  return Number(version) < 20 && `${command} is of version ${version}, older than 20`;
}

const postgres = spawnSync("sh", ["-c", "ls -d /usr/lib/postgresql/*/bin"]).stdout.toString().trim().split("\n").at(-1);
let postgresStarted = false;

/** A server of this test's own, with a password, on the IPv6-only host. */
async function startPostgres(): Promise<void> {
  if (postgresStarted) return;
  postgresStarted = true;
  const data = join(folder, "postgres"), password = join(folder, "password");
  writeFileSync(password, "secret\n", { mode: 0o644 });
  chmodSync(folder, 0o755);
  assert.equal(spawnSync("install", ["-d", "-o", "postgres", data]).status, 0);
  const as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"];
  const made = spawnSync(as[0]!, [
    ...as.slice(1),
    `${postgres}/initdb`,
    "-D",
    data,
    "-A",
    "scram-sha-256",
    `--pwfile=${password}`,
  ]);
  assert.equal(made.status, 0, String(made.stderr));
  writeFileSync(join(data, "pg_hba.conf"), "host all all ::/0 scram-sha-256\n");
  const options = { listen_addresses: address.s6, unix_socket_directories: "", fsync: "off" };
  const flags = Object.entries(options).flatMap(([option, value]) => ["-c", `${option}=${value}`]);
  serve([...network!.in("s6"), ...as, `${postgres}/postgres`, "-D", data, ...flags], "ignore");
  await until("PostgreSQL answers", () => {
    const [file, ...args] = [...network!.in("s6"), `${postgres}/pg_isready`, "-q", "-h", address.s6];
    return spawnSync(file!, args).status === 0;
  });
}

for (const { name, command } of runtimes) {
  const absent = skipped(`socksified programs on ${name}`, whyNotOn(command[0]));
  const program = (
    file: string,
    what: string,
    expected: string,
    options: { readonly skip?: string | false; readonly before?: () => Promise<void> } = {},
  ) =>
    test(`socksify, ${name}: ${what}`, { skip: skip || absent || options.skip || false }, async () => {
      await setUp();
      await options.before?.();
      const { code, stdout, stderr } = await run([...command, join(programs, file)]);
      assert.equal(stdout, expected, stderr);
      assert.equal(code, 0, stderr);
    });

  program(
    "fetch.mjs",
    "fetch by name and by address, redirected, 20 at a time, refused",
    [
      "GET http://v6.test/name 0",
      "GET http://[fd46:4::2]/literal 0",
      "POST http://v6.test/body 300000",
      "GET http://v6.test:8080/new 0",
      "true",
      { "Deno": "refused", "Bun": "ConnectionRefused", "Node.js": "ECONNREFUSED" }[name],
      "",
    ].join("\n"),
  );

  program(
    "http.mjs",
    "node:http and node:https: keep-alive, refused connections, a certificate of another name",
    [
      "GET http://v6.test/1 0 IPv4 80",
      "GET http://v6.test/2 0 IPv4 80",
      "GET https://v6.test/secure 0 IPv4 443",
      "ECONNREFUSED connect",
      "ECONNREFUSED connect",
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "",
    ].join("\n"),
  );

  program(
    "net.mjs",
    "node:net: the fake address, early bytes, half-close, the reply as an errno; STARTTLS; loopback",
    [
      "true 7 false",
      "early, written before it is connected, late",
      "ECONNREFUSED number connect true 99",
      "ENETUNREACH number connect true 99",
      "EHOSTUNREACH number connect true 99",
      "EHOSTUNREACH number connect true 99",
      "destroyed false",
      "true",
      "loopback true",
      "",
    ].join("\n"),
  );

  program(
    "dns.mjs",
    "node:dns, for each form of import",
    [
      "true true",
      "null true 4",
      "true true",
      "true",
      '0 [ "v6.test" ]',
      '{ address: "127.0.0.1", family: 4 } 127.0.0.1',
      "ENOTFOUND,getaddrinfo,not a name",
      "true string",
      "",
    ].join("\n").replaceAll('"', name === "Node.js" ? "'" : '"').replace(
      /\{ .* \}/,
      (text) => name === "Bun" ? text.replace("{ ", "{\n  ").replace(", ", ",\n  ").replace(" }", ",\n}") : text,
    ),
  );

  program(
    "udp.mjs",
    "node:dgram by name, 8,000 octets, connected to an address",
    [
      "name true 7 4 true",
      "8000",
      "literal 7",
      "",
    ].join("\n"),
  );

  program(
    "throwing.mjs",
    "an error in an event listener is an uncaught exception, once",
    "connect,early,message,sent\n",
  );

  program("ws.mjs", "ws: without TLS, with TLS, refused", "hello hello ECONNREFUSED\n", {
    skip: name === "Bun" && skipped("ws on Bun", "it is Bun's own, which connects below all that can be replaced"),
  });

  program("worker.mjs", "a worker thread", "early\n", {
    skip: name === "Deno" && skipped("workers on Deno", "it runs a preload in the main thread only"),
  });

  program("websocket.mjs", "the runtime's own WebSocket", "hello hello error\n", {
    skip: name === "Node.js" && spawnSync("node", ["-e", "WebSocket"]).status !== 0 &&
      skipped("WebSocket on Node.js", "this version has none"),
  });

  program("pg.mjs", "pg, to an IPv6-only PostgreSQL", "2,4,6,8,10\n6 1000000\nECONNREFUSED\n", {
    skip: skipped("pg", !skip && !postgres && "there is no PostgreSQL server here"),
    before: startPostgres,
  });

  if (name !== "Node.js") {
    program(
      `native_${name.toLowerCase()}.mjs`,
      `${name}'s own connect, TLS, resolver and UDP calls`,
      {
        Deno: [
          "early true 7",
          "GET https://v6.test/tls 0 true",
          "ConnectionRefused ECONNREFUSED",
          "Error EHOSTUNREACH",
          "AbortError",
          "datagram true 7",
          "",
        ],
        Bun: [
          "hello true 7 own",
          "GET https://v6.test/tls 0 true 443 own",
          "ECONNREFUSED",
          "datagram 7 true",
          "GET http://v6.test/bun 0",
          "GET http://v6.test/undici 0",
          "",
        ],
      }[name].join("\n"),
    );
  }

  test(`socksify, ${name}: through two gateways, the second IPv6-only, to a name that only the second resolves`, {
    skip: skip || absent,
  }, async () => {
    await setUp();
    mkdirSync(names, { recursive: true });
    writeFileSync(join(names, "hosts"), `${address.s6} inner.test\n`);
    const flags = [`--listen=[${address.s6}]:1080`, "--from=fd46::/16", "--admin=off"];
    const second = await start(source, flags, network!.in("s6"));
    try {
      const via = `socks5://ann:p%40w@${address.gwC4}:1080, socks5://[${address.s6}]:1080`;
      const { stdout, stderr } = await run([...command, join(programs, "chain.mjs")], { GATE46_SOCKSIFY_VIA: via });
      assert.equal(stdout, "http: GET http://inner.test/chain 0\nudp: datagram\n", stderr);
    } finally {
      await second.stop();
    }
  });

  test(`socksify, ${name}: hosts of GATE46_SOCKSIFY_DIRECT bypass the gateway`, { skip: skip || absent }, async () => {
    await setUp();
    const { stdout, stderr } = await run([...command, join(programs, "direct.mjs")], {
      GATE46_SOCKSIFY_DIRECT: `.direct.test, ${address.gwC4}/32`,
    });
    assert.equal(stdout, `ENOTFOUND\nECONNREFUSED\ntrue\n`, stderr);
  });

  test(`socksify, ${name}: without a gateway, or with wrong settings, the program does not start`, {
    skip: skip || absent,
  }, async () => {
    await setUp();
    for (const [via, direct, message] of wrongSettings) {
      const { code, stdout, stderr } = await run([...command, join(programs, "fetch.mjs")], {
        GATE46_SOCKSIFY_VIA: via,
        GATE46_SOCKSIFY_DIRECT: direct,
      });
      assert.equal(stdout, "");
      assert.notEqual(code, 0);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /secret/);
    }
  });
}

const wrongSettings = [
  ["", "", /Cannot socksify: GATE46_SOCKSIFY_VIA: Cannot go through no gateway/],
  ["ftp://ann:secret@192.0.2.1", "", /Cannot socksify: GATE46_SOCKSIFY_VIA: .*gateway 1: it is of the scheme 'ftp:'/],
  ["socks5://192.0.2.1,socks5://ann:secret@", "", /GATE46_SOCKSIFY_VIA: .*gateway 2: it is not an upstream/],
  ["socks5://192.0.2.1", "10.0.0.1/8", /GATE46_SOCKSIFY_DIRECT: '10\.0\.0\.1\/8' is not a name, address or prefix/],
] as const;

for (
  const [name, env, command] of [
    ["BUN_OPTIONS", { BUN_OPTIONS: `--preload ${preload}` }, ["bun"]],
    ["NODE_OPTIONS", { NODE_OPTIONS: `--import ${preload}` }, ["node"]],
  ] as const
) {
  if (runtime !== "bun") continue;
  const absent = skipped(name, whyNotOn(command[0]));
  test(`socksify: ${name} works with an unchanged command, also for child processes`, {
    skip: skip || absent,
  }, async () => {
    await setUp();
    const { stdout, stderr } = await run([...command, join(programs, "parent.mjs")], env);
    assert.equal(stdout, "GET http://v6.test/child 0\n", stderr);
  });
}
