import assert from "node:assert/strict";
import { chmodSync, chownSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { parse } from "yaml";
import { options } from "../../src/config/options.ts";
import { Command, Reply } from "../../src/protocol/codes.ts";
import { buildImage, type Image, whyNoContainers, writeBundle } from "../support/network/container.ts";
import { run, shell, source, start } from "../support/program/program.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped, slow } from "../support/program/skipped.ts";
import { credentials, readReply, request } from "../support/wire/socks.ts";
import { echoServer, Tcp } from "../support/wire/tcp.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";
import { until } from "../support/program/until.ts";

interface Compose {
  readonly services: {
    readonly gate46: {
      readonly build: { readonly context: string; readonly dockerfile: string };
      readonly read_only: boolean;
      readonly cap_drop: readonly string[];
      readonly security_opt: readonly string[];
      readonly environment: Readonly<Record<string, string>>;
      readonly secrets: readonly string[];
      readonly ports: readonly string[];
      readonly ulimits: { readonly nofile: number };
      readonly stop_grace_period: string;
    };
  };
  readonly secrets: Readonly<Record<string, unknown>>;
}

const folder = join(projectRoot, "scripts/deploy/docker");
const dockerfile = readFileSync(join(folder, "Dockerfile"), "utf8");
const { services: { gate46: service }, secrets } = parse(readFileSync(join(folder, "compose.yaml"), "utf8")) as Compose;
const inProject = (path: string) => JSON.parse(readFileSync(join(projectRoot, path), "utf8"));

test("the Dockerfile names the versions that the project has", () => {
  const { dependencies: { bun, deno } } = inProject("scripts/toolchain/package.json");
  assert.equal(/^ARG BASE=docker\.io\/oven\/bun:(.+)-slim$/m.exec(dockerfile)?.[1], bun);
  assert.equal(/denoland\/deno:debian-(\S+)/.exec(dockerfile)?.[1], deno);
  assert.equal(/^ARG VERSION=(.+)$/m.exec(dockerfile)?.[1], inProject("package.json").version);
});

test("the context of the Dockerfile holds what its scripts import", () => {
  const held = readFileSync(join(folder, "Dockerfile.dockerignore"), "utf8").match(/(?<=^!).+/gm)!;
  const scripts = held.filter((path) => path.endsWith(".ts")), imports: string[] = [];
  for (const script of scripts) {
    const code = readFileSync(join(projectRoot, script), "utf8");
    for (const [path] of code.matchAll(/(?<= from ")\.[^"]+/g)) imports.push(join(dirname(script), path));
  }
  assert.ok(imports.includes("package.json"));
  assert.deepEqual(imports.filter((path) => !held.some((one) => path === one || path.startsWith(`${one}/`))), []);
});

/** The variables of compose.yaml as they reach the program, a file of users where the secret would be. */
function composeEnvironment(users: string): Record<string, string> {
  return { ...service.environment, GATE46_USERS_FILE: users, GATE46_ANNOUNCE: "192.0.2.1,2001:db8::1" };
}

test("compose.yaml says what gate46 understands, and gives it the time to drain", async () => {
  const users = join(temporaryFolder("compose"), "users");
  writeFileSync(users, "");
  const environment = composeEnvironment(users);
  const { code, stdout, stderr } = await shell([...source.command, "config"], "", environment);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const name of Object.keys(environment)) assert.ok(stdout.includes(`# ${name}`), `${name} is not a variable`);
  assert.equal(join(folder, service.build.context), projectRoot);
  assert.equal(join(projectRoot, service.build.dockerfile), join(folder, "Dockerfile"));
  assert.deepEqual(service.secrets, Object.keys(secrets));
  assert.equal(service.environment.GATE46_USERS_FILE, `/run/secrets/${service.secrets[0]}`);
  const ports = service.environment.GATE46_PORTS;
  assert.deepEqual(service.ports, ["1080:1080", `${ports}:${ports}/tcp`, `${ports}:${ports}/udp`]);
  const drain = Number(/longer than --drain \((\d+)s\)/.exec(readFileSync(join(folder, "compose.yaml"), "utf8"))![1]);
  assert.deepEqual(options.drain.fallback, [`${drain}s`]);
  assert.ok(parseInt(service.stop_grace_period) > drain);
});

const skip = slow("container_test.ts") || skipped("container_test.ts", whyNoContainers());
const denort = process.env.DENORT_BIN && dirname(process.env.DENORT_BIN);
const skipDeno = skip || skipped("container_test.ts, deno", denort ? false : "there is no denort to build it with");

for (const [runtime, skip_, given] of [["bun", skip, undefined], ["deno", skipDeno, denort]] as const) {
  test(
    `the image of the Dockerfile, ${runtime}: the executable, its libraries and notices; it serves, reloads, drains with nothing but compose.yaml gives it`,
    {
      skip: skip_,
      timeout: 600_000, // it builds the image
    },
    async () => {
      const image = buildImage(given);
      try {
        assert.deepEqual(filesOf(image.root).filter((path) => !/\/lib(64)?\/.*\.so\.\d+$/.test(path)).sort(), [
          "/usr/local/bin/gate46",
          "/usr/share/doc/gate46/LICENSE",
          "/usr/share/doc/gate46/notices.txt",
        ]);
        assert.match(image.config.User, /^[1-9]\d+:[1-9]\d+$/);
        assert.equal(image.config.StopSignal, "SIGTERM");
        assert.equal(image.config.Labels["org.opencontainers.image.version"], inProject("package.json").version);
        assert.deepEqual(Object.keys(image.config.ExposedPorts), ["1080/tcp"]);
        await serveIn(image);
      } finally {
        image.remove();
      }
    },
  );
}

function filesOf(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
}

/** Runs the image as compose.yaml does, and proves that it is confined so and does its work. */
async function serveIn(image: Image): Promise<void> {
  const bundle = temporaryFolder("bundle");
  const name = `gate46-${process.pid}`;
  const users = join(bundle, "users"), hosts = join(bundle, "hosts");
  const hash = async (password: string) => (await run(source, ["hash-password", "ann"], `${password}\n`)).stdout;
  writeFileSync(users, await hash("one"));
  const [uid, gid] = image.config.User.split(":").map(Number);
  chownSync(users, uid!, gid!);
  chmodSync(users, 0o400);
  writeFileSync(hosts, "127.0.0.1 localhost echo.test\n");
  const secret = service.environment.GATE46_USERS_FILE!;
  writeBundle(bundle, image, {
    environment: {
      ...composeEnvironment(secret),
      GATE46_LISTEN: "127.0.0.1:0",
      GATE46_ADMIN: "127.0.0.1:0",
      GATE46_ALLOW: "127.0.0.1",
      GATE46_TEST_HASTE: "5",
    },
    readOnly: service.read_only,
    capabilities: service.cap_drop.includes("ALL") ? [] : ["CAP_NET_RAW"],
    noNewPrivileges: service.security_opt.includes("no-new-privileges:true"),
    files: service.ulimits.nofile,
    mounts: { [secret]: users, "/etc/hosts": hosts },
  });
  const inside = ["runc", `--root=${join(bundle, "run")}`];
  const echo = await echoServer("127.0.0.1");
  const gateway = await start({ name: "the container", command: [...inside, "run", `--bundle=${bundle}`, name] }, []);
  const said = (what: RegExp) => until(String(what), () => what.test(gateway.output()));
  try {
    await said(/listening on/);
    const [, port] = /listening on 127\.0\.0\.1:(\d+) methods=username/.exec(gateway.output())!;
    const { pid } = JSON.parse((await shell([...inside, "state", name])).stdout) as { pid: number };
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    assert.match(status, new RegExp(`^Uid:\\s${uid}\\s${uid}\\s${uid}\\s${uid}$`, "m"));
    assert.match(status, /^NSpid:\s\d+\s1$/m);
    assert.match(status, /^CapEff:\s0+$/m);
    assert.match(status, /^CapBnd:\s0+$/m);
    assert.match(status, /^NoNewPrivs:\s1$/m);
    assert.match(status, /^Seccomp:\s2$/m);
    assert.match(readFileSync(`/proc/${pid}/mountinfo`, "utf8"), /^\d+ \d+ \S+ \S+ \/ ro\b/m);
    assert.match(gateway.output(), /engine linux/);
    const { Test: [, ...command] } = image.config.Healthcheck;
    const health = () =>
      shell([...inside, "exec", `--env=GATE46_ADMIN=127.0.0.1:${gateway.admin!.port}`, name, ...command]);
    await until("it is ready", async () => (await health()).stdout === "ready, 0 sessions\n");

    const refused = await reach(Number(port), "two", echo.addr.port);
    assert.equal(refused.status, 1);
    refused.client.close();
    writeFileSync(users, await hash("two")); // in place, as a mount of one file has it
    await said(/info reloaded/);
    const { client, reply } = await reach(Number(port), "two", echo.addr.port);
    assert.equal(reply, Reply.Succeeded);
    client.write("ping");
    await client.read(4);
    await until("its session alone is left", async () => (await health()).stdout === "ready, 1 sessions\n");

    assert.equal((await shell([...inside, "kill", name, image.config.StopSignal])).code, 0);
    await said(/draining/);
    assert.deepEqual(await health(), { code: 1, stdout: "draining, 1 sessions\n", stderr: "" });
    client.write("pong");
    assert.equal(new TextDecoder().decode(await client.read(4)), "pong");
    client.close();
    assert.equal(await gateway.exited, 0, gateway.output());
    assert.match(gateway.output(), /destination=echo\.test:.* end=(end|reset)[^]*info drained cut=0/);
  } finally {
    await shell([...inside, "delete", "--force", name]);
    echo.close();
  }
}

/** Asks as ann for the echo server by name. */
async function reach(port: number, password: string, to: number) {
  const client = await Tcp.to({ host: "127.0.0.1", port });
  client.write(Uint8Array.of(5, 1, 2));
  await client.read(2);
  client.write(credentials("ann", password));
  const [, status] = await client.read(2);
  if (status !== 0) return { client, status, reply: undefined };
  client.write(request(Command.Connect, "echo.test", to));
  return { client, status, reply: (await readReply(client)).reply };
}
