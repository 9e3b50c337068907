import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { readConfig } from "../../src/config/config.ts";
import { readFile } from "../../src/config/file/config_file.ts";
import { parseNamePattern } from "../../src/gateway/rules/name_pattern.ts";
import { Ruleset } from "../../src/gateway/rules/ruleset.ts";
import { ipAddress, parseIp } from "../../src/protocol/address.ts";
import { closedKind } from "../../src/protocol/ip/closed_addresses.ts";
import { Command } from "../../src/protocol/codes.ts";
import { parsePrefix } from "../../src/protocol/ip/prefix.ts";
import { programs, run, shell, source, start } from "../support/program/program.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { skipped } from "../support/program/skipped.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";
import { until } from "../support/program/until.ts";
import type { Container, Pod, PodSpec, Service } from "kubernetes-types/core/v1";
import type { Deployment } from "kubernetes-types/apps/v1";
import type { HorizontalPodAutoscaler } from "kubernetes-types/autoscaling/v2";
import type { NetworkPolicy } from "kubernetes-types/networking/v1";
import type { PodDisruptionBudget } from "kubernetes-types/policy/v1";

const folder = join(projectRoot, "scripts/deploy/kubernetes");
const read = (path: string) => readFileSync(join(folder, path), "utf8");

/** YAML as Kubernetes reads it: 0440 is octal. */
function documents(path: string): readonly Record<string, unknown>[] {
  return parseAllDocuments(read(path), { version: "1.1" }).map((document) => document.toJS());
}

const manifests = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".yaml"));
const kustomizations = manifests.filter((path) => path.endsWith("kustomization.yaml"));
const objects = manifests.flatMap((path) => documents(path)).filter(({ kind }) => kind && kind !== "Kustomization");

function object<T>(kind: string, name = "gate46"): T {
  const found = objects.find((one) => one.kind === kind && (one.metadata as { name: string }).name === name);
  assert.ok(found, `${kind} ${name}`);
  return found as T;
}

const deployment = object<Deployment>("Deployment");
const pod: PodSpec = deployment.spec!.template.spec!;
const podLabels = deployment.spec!.template.metadata!.labels!;
const container: Container = pod.containers[0]!;
const toml = read("gate46.toml");
const autoscaler = object<HorizontalPodAutoscaler>("HorizontalPodAutoscaler");
const policy = object<NetworkPolicy>("NetworkPolicy");
const monitor = object<{
  readonly spec: {
    readonly selector: { readonly matchLabels: Record<string, string> };
    readonly podMetricsEndpoints: readonly {
      readonly port: string;
      readonly path: string;
      readonly authorization: { readonly credentials: { readonly name: string; readonly key: string } };
    }[];
  };
}>("PodMonitor");
const [endpoint] = monitor.spec.podMetricsEndpoints;

/** What the types of Kubernetes' own API say of these objects; undefined where nothing. */
async function typeErrors(all: readonly Record<string, unknown>[]): Promise<string | undefined> {
  const work = temporaryFolder("kubernetes");
  const lines = all.map((one, i) => {
    const [group, version] = String(one.apiVersion).includes("/") ? String(one.apiVersion).split("/") : ["core", "v1"];
    const types = `kubernetes-types/${group!.split(".")[0]}/${version}`;
    const imported = `import type { ${one.kind} as Kind${i} } from "${types}";`;
    return `${imported}\nexport const object${i}: Kind${i} = ${JSON.stringify(one)};\n`;
  });
  writeFileSync(join(work, "objects.ts"), lines.join(""));
  symlinkSync(join(projectRoot, "node_modules"), join(work, "node_modules"));
  cpSync(join(projectRoot, "package.json"), join(work, "package.json"));
  const { code, stderr } = await shell([
    "deno",
    "check",
    "--quiet",
    "--node-modules-dir=manual",
    join(work, "objects.ts"),
  ]);
  return code === 0 ? undefined : stderr;
}

const skipTypes = skipped(
  "kubernetes_test.ts, types",
  spawnSync("deno", ["--version"]).status === 0 ? false : "deno, which checks types, is not here",
);

test("each object is what Kubernetes' API takes, without an unknown field", { skip: skipTypes }, async () => {
  const known = objects.filter(({ apiVersion }) => !String(apiVersion).startsWith("monitoring.coreos.com/"));
  assert.equal(known.length, objects.length - 1);
  assert.equal(await typeErrors(known), undefined);
  const wrong = structuredClone(known);
  (wrong.find(({ kind }) => kind === "Deployment") as unknown as Deployment).spec!.template.spec!.containers[0]!
    .livenessProbe = { httpget: {} } as never;
  assert.match((await typeErrors(wrong))!, /httpget/);
});

const skipKubectl = skipped(
  "kubernetes_test.ts, kustomize",
  spawnSync("kubectl", ["kustomize", "--help"]).status === 0 ? false : "kubectl is not here",
);

test("kustomize puts it together once users and token are there, and says so while they are not", {
  skip: skipKubectl,
}, async () => {
  const work = temporaryFolder("kustomize");
  cpSync(folder, work, { recursive: true, filter: (path) => !/\/(users|admin-token)$/.test(path) });
  assert.match((await shell(["kubectl", "kustomize", work])).stderr, /users: no such file/);
  for (const name of ["users", "admin-token"]) writeFileSync(join(work, name), "");
  let kinds = "";
  for (const path of kustomizations) {
    const { code, stdout, stderr } = await shell(["kubectl", "kustomize", join(work, path, "..")]);
    assert.deepEqual([code, stderr], [0, ""], path);
    kinds += stdout;
  }
  for (const { kind } of objects) if (kind !== "Pod") assert.match(kinds, new RegExp(`^kind: ${kind}$`, "m"));
  assert.match(kinds, /^kind: ConfigMap$/m);
  assert.match(kinds, /^kind: Secret$/m);
});

test("all selectors mean the pods, and all names of ports are theirs", () => {
  const selectors = [
    deployment.spec!.selector.matchLabels,
    object<Service>("Service").spec!.selector,
    object<Service>("Service", "gate46-external").spec!.selector,
    object<PodDisruptionBudget>("PodDisruptionBudget").spec!.selector!.matchLabels,
    policy.spec!.podSelector.matchLabels,
    object<NetworkPolicy>("NetworkPolicy", "gate46-external").spec!.podSelector.matchLabels,
    monitor.spec.selector.matchLabels,
    ...pod.topologySpreadConstraints!.map(({ labelSelector }) => labelSelector!.matchLabels),
  ];
  for (const selector of selectors) assert.deepEqual(selector, podLabels);
  assert.deepEqual(container.ports!.map(({ name, containerPort }) => `${name} :${containerPort}`), [
    `socks ${/^listen = "(.+)"$/m.exec(toml)![1]}`,
    `admin ${/^admin = "(.+)"$/m.exec(toml)![1]}`,
  ]);
  const named = [
    ...["gate46", "gate46-external"].flatMap((name) =>
      object<Service>("Service", name).spec!.ports!.map((p) => p.targetPort)
    ),
    ...[container.startupProbe, container.readinessProbe, container.livenessProbe].map((probe) => probe!.httpGet!.port),
    endpoint!.port,
  ];
  for (const name of named) assert.ok(container.ports!.some((port) => port.name === name), String(name));
  assert.equal(autoscaler.spec!.scaleTargetRef.name, deployment.metadata!.name);
});

test("the network policy opens the ports of BIND and UDP, and no cloud's metadata", () => {
  const [first, last] = /^ports = "(\d+)-(\d+)"$/m.exec(toml)!.slice(1).map(Number);
  const open = policy.spec!.ingress!.flatMap(({ ports }) => ports!).filter(({ endPort }) => endPort !== undefined);
  assert.deepEqual(open, [
    { port: first, endPort: last, protocol: "UDP" },
    { port: first, endPort: last, protocol: "TCP" },
  ]);
  const except = policy.spec!.egress![0]!.to!.flatMap(({ ipBlock }) => ipBlock!.except!).map((text) =>
    parsePrefix(text)!
  );
  for (
    const metadata of ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"].concat(
      "fd20:ce::254",
      "fe80::a9fe:a9fe",
    )
  ) {
    const octets = parseIp(metadata)!;
    assert.ok(closedKind(octets), metadata);
    assert.ok(except.some((prefix) => prefix.contains(octets)), metadata);
  }
});

test("nothing is killed for what only keeps it from taking clients", () => {
  for (const probe of [container.startupProbe, container.livenessProbe]) {
    assert.equal(probe!.httpGet!.path, "/healthz");
  }
  assert.equal(container.readinessProbe!.httpGet!.path, "/readyz");
  assert.equal(object<Pod>("Pod", "application").spec!.initContainers![0]!.livenessProbe, undefined);
});

test("the pod has the time to drain, and the user of the image", async () => {
  const seconds = (key: string, otherwise: number) =>
    Number(new RegExp(`^${key} = "(\\d+)s"$`, "m").exec(toml)?.[1] ?? otherwise);
  const needs = container.lifecycle!.preStop!.sleep!.seconds + seconds("drain_delay", 0) + seconds("drain", 30);
  assert.ok(pod.terminationGracePeriodSeconds! >= needs + 5);
  const dockerfile = readFileSync(join(folder, "../docker/Dockerfile"), "utf8");
  const { runAsUser, runAsGroup } = pod.securityContext!;
  assert.equal(/^USER (.+)$/m.exec(dockerfile)![1], `${runAsUser}:${runAsGroup}`);
  const sidecar = object<Pod>("Pod", "application").spec!.initContainers![0]!;
  for (const probe of [sidecar.startupProbe, sidecar.readinessProbe]) {
    assert.ok(dockerfile.includes(`CMD ${JSON.stringify(probe!.exec!.command).replace(",", ", ")}`));
  }
  const environment: Record<string, string> = {};
  for (const { name, value } of [...container.env!, ...sidecar.env!]) environment[name] = value ?? "1";
  assert.equal(environment.GATE46_CONFIG, `${container.volumeMounts![0]!.mountPath}/gate46.toml`);
  assert.ok(toml.includes(`"${container.volumeMounts![1]!.mountPath}/users"`));
  const { code, stderr } = await shell([...source.command, "config"], "", {
    ...environment,
    GATE46_CONFIG: join(folder, "gate46.toml"),
  });
  assert.deepEqual([code, stderr], [0, ""]);
});

test("gate46.toml is valid outside of a pod, where it is checked for another host, and lets nobody into the cluster", async () => {
  const path = join(folder, "gate46.toml");
  assert.deepEqual(await run(source, ["check", "--elsewhere", path]), {
    code: 0,
    stdout: `${path} is valid\n`,
    stderr: "",
  });
  const { config } = readConfig({ file: readFile(toml, path, (path) => path) });
  // As whoever allows names behind it.
  const rules = [...config.rules, { name: "names", action: "allow", names: [parseNamePattern("*")!] }] as const;
  const ruleset = new Ruleset({ rules, allow: [], ownListeners: () => [], localAddrs: () => [] });
  const judge = ruleset.judgeFor({ client: { host: "10.0.0.9", port: 1 }, command: Command.Connect });
  const allows = (host: string) => judge.address(ipAddress(host, 443)!, "name.example").allowed;
  for (const host of ["10.96.0.1", "172.20.0.1", "192.168.0.1", "100.64.0.1", "fd00::1", "64:ff9b::a60:1"]) {
    assert.ok(!allows(host), host);
  }
  for (const host of ["203.0.113.1", "2001:db8::1"]) assert.ok(allows(host), host);
});

/** A volume as the kubelet makes it: files are links into a folder, which is swapped for the next. */
function mountVolume(path: string, files: Readonly<Record<string, string>>) {
  let version = 0;
  const write = (content: Readonly<Record<string, string>>) => {
    const name = `..${version++}`;
    mkdirSync(join(path, name), { recursive: true });
    for (const [file, text] of Object.entries(content)) writeFileSync(join(path, name, file), text);
    symlinkSync(name, join(path, "..data_tmp"));
    renameSync(join(path, "..data_tmp"), join(path, "..data"));
  };
  write(files);
  for (const file of Object.keys(files)) symlinkSync(`..data/${file}`, join(path, file));
  return write;
}

const TOKEN = "correct-horse-battery-staple";

for (const target of programs) {
  test(`${target.name} runs by gate46.toml: probes and metrics are where it is asked for them, and what is swapped is reloaded`, async () => {
    const work = temporaryFolder("pod");
    const line = async (name: string) => (await run(source, ["hash-password", name], "secret\n")).stdout;
    const secret = { users: await line("ann"), "admin-token": TOKEN };
    const swapSecret = mountVolume(join(work, "secret"), secret);
    const config = toml.replaceAll("/run/secrets/gate46", join(work, "secret")).replace('":1080"', '"127.0.0.1:0"')
      .replace('":10846"', '"127.0.0.1:0"');
    const swapConfig = mountVolume(join(work, "config"), { "gate46.toml": config });
    const flags = [`--config=${join(work, "config/gate46.toml")}`];
    const gateway = await start(target, flags, ["env", "GATE46_TEST_HASTE=5"]);
    const { host, port } = gateway.admin!;
    const ask = async (path: string, token?: string) => {
      const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
      const answer = await fetch(`http://${host}:${port}${path}`, headers && { headers });
      return { status: answer.status, text: await answer.text() };
    };
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      const path = probe!.httpGet!.path!;
      await until(`${path} says that it is well`, async () => (await ask(path)).status === 200);
    }
    const { credentials } = endpoint!.authorization;
    assert.ok(toml.includes(`/${credentials.key}"`));
    assert.equal((await ask(endpoint!.path)).status, 401);
    const { text } = await ask(endpoint!.path, TOKEN);
    const metric = autoscaler.spec!.metrics!.flatMap(({ pods }) => pods ? [pods.metric.name] : []);
    assert.match(text, new RegExp(`^${metric} 0$`, "m"));
    const { rules: { custom: [rule] } } = documents("monitoring/prometheus-adapter.yaml")[0] as {
      rules: { custom: { seriesQuery: string }[] };
    };
    assert.ok(rule!.seriesQuery.startsWith(`${metric}{`));

    const reloads = () => gateway.output().split('"reloaded"').length - 1;
    swapSecret({ ...secret, users: secret.users + await line("bob") });
    await until("another secret is reloaded", () => reloads() === 1);
    swapConfig({ "gate46.toml": config.replace("10_000", "9_000") });
    await until("another ConfigMap is reloaded", () => reloads() === 2);
    swapConfig({ "gate46.toml": config.replace("max_sessions", "max_session") });
    await until("a wrong one is not", () => gateway.output().includes("not reloaded"));
    assert.equal((await ask("/readyz")).status, 200);
    assert.equal(await gateway.stop(), 0);
    assert.doesNotMatch(gateway.output(), /horse/);
  });
}

const skipCurl = skipped(
  "kubernetes_test.ts, sidecar",
  spawnSync("curl", ["--version"]).status === 0 ? false : "curl is not here",
);

test(
  "the sidecar's application reaches by its variables what only the gateway can resolve",
  { skip: skipCurl },
  async () => {
    const { initContainers, containers: [application] } = object<Pod>("Pod", "application").spec!;
    assert.equal(initContainers![0]!.restartPolicy, "Always");
    const gateway = await start(source, [
      "--listen=127.0.0.1:0",
      "--admin=127.0.0.1:0",
      "--allow=127.0.0.1",
      "--host=elsewhere.test=127.0.0.1",
    ]);
    const environment: Record<string, string> = {};
    for (const { name, value } of application!.env!) {
      environment[name] = value!.replace("127.0.0.1:1080", `127.0.0.1:${gateway.addrs[0]!.port}`);
    }
    const url = `http://elsewhere.test:${gateway.admin!.port}/healthz`;
    const { stdout } = await shell(["curl", "--silent", "--show-error", url], "", environment);
    assert.equal(stdout, '{"alive":true}');
    assert.equal(await gateway.stop(), 0);
  },
);
