import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { formatHash, hashPassword } from "../../src/gateway/users/password_hash.ts";
import { Command } from "../../src/protocol/codes.ts";
import { type Program, source, start } from "../support/program/program.ts";
import { skipped } from "../support/program/skipped.ts";
import { credentials, readReply, request } from "../support/wire/socks.ts";
import { Tcp } from "../support/wire/tcp.ts";
import { temporaryFolder } from "../support/program/temporary_folder.ts";
import { until } from "../support/program/until.ts";

const deploy = join(import.meta.dirname!, "../../scripts/deploy");
const alerts = readFileSync(join(deploy, "prometheus/alerts.yml"), "utf8");

interface Panel {
  readonly type: string;
  readonly title?: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

const dashboard = JSON.parse(readFileSync(join(deploy, "grafana/gate46.json"), "utf8")) as {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
};
const panels = dashboard.panels.filter(({ type }) => type !== "row");

function skipWithout(program: string): string | false {
  return skipped(
    "prometheus_test.ts",
    spawnSync(program, ["--version"]).status === 0 ? false : `${program} (Debian: prometheus) is not here`,
  );
}

function promtool(args: readonly string[], input = ""): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("promtool", args, {
    input,
    encoding: "utf8",
    cwd: import.meta.dirname!,
  });
  return { status, output: stdout + stderr };
}

/** Names of metrics that an expression speaks of. */
function metricsOf(expr: string): readonly string[] {
  return expr.replace(/"[^"]*"/g, "").match(/\b(gate46|process)_[a-z_]+\b/g) ?? [];
}

describe("A gateway that is scraped", () => {
  let gateway: Program, folder: string, text: string;
  const url = () => `http://127.0.0.1:${gateway.admin!.port}/metrics`;

  before(async () => {
    folder = temporaryFolder("prometheus");
    const users = join(folder, "users");
    writeFileSync(users, `ann:${formatHash(await hashPassword(new TextEncoder().encode("correct horse")))}\n`);
    gateway = await start(source, [
      "--listen=127.0.0.1:0",
      "--admin=127.0.0.1:0",
      "--allow=127.0.0.1",
      "--metrics-per-user",
      "--via=socks5://127.0.0.1:9", // an upstream that is down
      `--users-file=${users}`,
    ]);
    const client = await Tcp.to(gateway.addrs[0]!);
    client.write(Uint8Array.of(5, 1, 2));
    await client.read(2);
    client.write(credentials("ann", "correct horse"));
    await client.read(2);
    client.write(request(Command.Connect, "name.example", 80));
    await readReply(client);
    client.close();
    await until("all that happened is counted", async () => {
      text = await (await fetch(url())).text();
      return /gate46_upstream_up\{/.test(text) && /gate46_user_sessions_total\{user="ann"\}/.test(text);
    });
  });

  after(() => gateway.stop());

  test("has metrics that promtool finds nothing wrong with", { skip: skipWithout("promtool") }, () => {
    assert.deepEqual(promtool(["check", "metrics"], text), { status: 0, output: "" });
  });

  test("has every metric that the dashboard and the alerts speak of", () => {
    const known = new Set(text.match(/^# TYPE (\S+)/gm)!.map((line) => line.slice("# TYPE ".length)));
    const wanted = [
      ...metricsOf(alerts.split("\n").filter((line) => !/^\s*(#|summary|description|- alert)/.test(line)).join("\n")),
      ...panels.flatMap(({ targets }) => targets!.flatMap(({ expr }) => metricsOf(expr))),
      ...dashboard.annotations.list.flatMap(({ expr }) => metricsOf(expr)),
    ];
    assert.ok(wanted.length > 50);
    const unknown = wanted.filter((name) => !known.has(name.replace(/_(bucket|count|sum)$/, "")));
    assert.deepEqual([...new Set(unknown)], []);
  });

  test(
    "is scraped by Prometheus with the example of its configuration",
    { skip: skipWithout("prometheus") },
    async () => {
      const config = readFileSync(join(deploy, "prometheus/prometheus.yml"), "utf8")
        .replace("127.0.0.1:10846", `127.0.0.1:${gateway.admin!.port}`).replace("15s", "1s")
        .replace("alerts.yml", join(deploy, "prometheus/alerts.yml"));
      writeFileSync(join(folder, "prometheus.yml"), config);
      const prometheus = spawn("prometheus", [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        "--web.listen-address=127.0.0.1:0",
      ], { stdio: ["ignore", "ignore", "pipe"] });
      let said = "";
      prometheus.stderr.setEncoding("utf8").on("data", (more: string) => said += more);
      const exited = new Promise((resolve) => prometheus.on("exit", resolve));
      try {
        const port = () => /Listening on" address=127\.0\.0\.1:(\d+)/.exec(said)?.[1];
        await until("Prometheus listens", () => port() !== undefined);
        const query = async (expr: string) => {
          const answer = await fetch(`http://127.0.0.1:${port()}/api/v1/query?query=${encodeURIComponent(expr)}`);
          if (!answer.ok) return []; // it is still waking up
          const { data } = await answer.json() as { data: { result: { value: [number, string] }[] } };
          return data.result.map(({ value }) => value[1]);
        };
        for (
          const expr of [
            'up{job="gate46"}',
            "gate46_build_info",
            'sum(gate46_requests_total{command="connect"})',
            'gate46_user_sessions_total{user="ann"}',
          ]
        ) await until(`${expr} is 1`, async () => (await query(expr)).join() === "1"); // what is scraped late is none for a while
      } finally {
        prometheus.kill("SIGKILL");
        await exited;
      }
    },
  );
});

describe("A gateway under attack", () => {
  let gateway: Program, folder: string;
  const MAX_SESSIONS = 16;
  const counted = async () => await (await fetch(`http://127.0.0.1:${gateway.admin!.port}/metrics`)).text();

  before(async () => {
    folder = temporaryFolder("attacked");
    gateway = await start(source, [
      "--listen=127.0.0.1:0",
      "--admin=127.0.0.1:0",
      "--user=ann:correct horse",
      `--max-sessions=${MAX_SESSIONS}`,
    ]);
  });

  after(() => gateway.stop());

  /** Whether the alert fires where each minute is as the one that has been scraped. */
  const fires = (alert: string, scraped: string, metric: string) => {
    const series = Array.from(
      scraped.matchAll(new RegExp(`^(${metric})\\{(.*)\\} (\\d+)$`, "gm")),
      ([, name, labels, count]) => ({ series: `${name}{instance="a",${labels}}`, values: `0+${count}x30` }),
    );
    assert.ok(series.length > 0, scraped);
    const file = join(folder, "rules_test.yml");
    const expr = `ALERTS{alertname="${alert}",alertstate="firing"}`;
    const severity = new RegExp(`- alert: ${alert}\\n[^]*?severity: (\\w+)`).exec(alerts)![1];
    const labels = `ALERTS{alertname="${alert}",alertstate="firing",instance="a",severity="${severity}"}`;
    const check = { expr, eval_time: "20m", exp_samples: [{ labels, value: 1 }] };
    const tests = [{ interval: "1m", input_series: series, promql_expr_test: [check] }];
    const rules = { rule_files: [join(deploy, "prometheus/alerts.yml")], evaluation_interval: "1m", tests };
    writeFileSync(file, JSON.stringify(rules)); // which is YAML too
    assert.deepEqual(promtool(["test", "rules", file]).status, 0, promtool(["test", "rules", file]).output);
  };

  test("is told of as full by what it counts", { skip: skipWithout("promtool") }, async () => {
    const idle = [];
    const turnsAway = /gate46_clients_turned_away_total\{reason="too-many-sessions"\} \d/;
    while (!turnsAway.test(await counted())) idle.push(await Tcp.to(gateway.addrs[0]!));
    const scraped = await counted();
    for (const client of idle) client.close();
    fires("Gate46TurnsAway", scraped, "gate46_clients_turned_away_total");
    await until("they have left", async () => /^gate46_sessions 0$/m.test(await counted()));
  });

  test("is told of as one whose passwords are guessed by what it counts", {
    skip: skipWithout("promtool"),
  }, async () => {
    const guess = async (guesses: number): Promise<void> => {
      for (let i = 0; i < guesses; i++) {
        const client = await Tcp.to(gateway.addrs[0]!);
        client.write(Uint8Array.of(5, 1, 2));
        client.write(credentials("ann", `guess ${i}`));
        await client.rest().catch(() => {}); // reset where it is turned away
        client.close();
      }
    };
    await Promise.all(Array.from({ length: 12 }, () => guess(1)));
    await guess(30);
    fires(
      "Gate46PasswordsGuessed",
      await counted(),
      "gate46_handshake_failures_total|gate46_clients_turned_away_total(?=.{1,9}too-many-failures)",
    );
  });
});

test("promtool takes the alerts and the configuration", { skip: skipWithout("promtool") }, () => {
  for (const check of [["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]]) {
    const [verb, what, file] = check as [string, string, string];
    const { status, output } = promtool([verb, what, join(deploy, "prometheus", file)]);
    assert.equal(status, 0, output);
  }
});

test("each alert fires where it is to, and none where all is well", { skip: skipWithout("promtool") }, () => {
  const { status, output } = promtool(["test", "rules", "alerts_test.yml"]);
  assert.equal(status, 0, output);
  const tests = readFileSync(join(import.meta.dirname!, "alerts_test.yml"), "utf8");
  for (const [, alert] of alerts.matchAll(/- alert: (\w+)/g)) {
    assert.match(tests, new RegExp(`alertname: ${alert}\\n\\s+exp_alerts`), alert);
    assert.match(tests, new RegExp(`eval_time: 30m, alertname: ${alert} `), alert);
  }
});

test("each panel of the dashboard has a title, a description and a unit, and asks for something", () => {
  assert.ok(panels.length > 25);
  for (const { title, description, fieldConfig, targets } of panels) {
    assert.ok(title);
    assert.match(description ?? "", /^\S.{10,}\.$/, title);
    assert.ok(fieldConfig?.defaults.unit, title);
    assert.ok(targets!.length > 0 && targets!.every(({ expr }) => expr.includes("$instance")), title);
  }
  assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length, "each title stands once");
});
