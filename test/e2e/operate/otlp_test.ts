import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer, type Server } from "node:http";
import { test } from "node:test";
import { Command } from "../../../src/protocol/codes.ts";
import { programs, start, workers } from "../../support/program/program.ts";
import { until } from "../../support/program/until.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer } from "../../support/wire/tcp.ts";

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number;
}

type Attributes = readonly { readonly key: string; readonly value: Value }[];

interface Point {
  readonly attributes: Attributes;
  readonly asDouble?: number;
  readonly asInt?: number;
}

interface Metric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly Point[] };
}

/** A collector: what came to it by path, and a way to let it fail. */
class TestCollector {
  readonly records: Record<string, unknown>[] = [];
  readonly resources: Record<string, unknown>[] = [];
  metrics: readonly Metric[] = [];
  readonly headers: (string | undefined)[] = [];
  refused = 0;
  refuses = false;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", async (request, response) => {
      const parts: Uint8Array[] = [];
      for await (const part of request) parts.push(part);
      const body = JSON.parse(Buffer.concat(parts).toString());
      this.headers.push(request.headers["x-token"] as string | undefined);
      if (this.refuses) {
        this.refused++;
        response.statusCode = 400; // which is not asked again, unlike 503
      } else if (request.url === "/otel/v1/metrics") this.metrics = body.resourceMetrics[0].scopeMetrics[0].metrics;
      else if (request.url === "/otel/v1/logs") {
        const [{ resource, scopeLogs: [{ logRecords }] }] = body.resourceLogs;
        this.resources.push(flat(resource.attributes));
        this.records.push(...logRecords.map((one: { body: Value; attributes: Attributes }) => ({
          body: one.body.stringValue,
          ...flat(one.attributes),
        })));
      } else response.statusCode = 404;
      response.setHeader("content-type", "application/json");
      response.end("{}");
    });
  }

  static async open(): Promise<TestCollector> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TestCollector(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}/otel`;
  }

  count(name: string, label: string): number {
    const points = this.metrics.find((one) => one.name === name)?.sum?.dataPoints ?? [];
    const point = points.find(({ attributes }) => Object.values(flat(attributes)).includes(label));
    return point?.asDouble ?? Number(point?.asInt ?? 0);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function flat(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

for (const target of programs) {
  test(`${target.name}: a collector gets metrics and ended sessions, also after a failure and at the end`, async () => {
    const collector = await TestCollector.open();
    const echo = await echoServer("127.0.0.1");
    const gateway = await start(target, [
      "--listen=127.0.0.1:0",
      "--admin=off",
      "--allow=127.0.0.1",
      `--otlp=${collector.url}`,
      "--otlp-interval=1s",
      ...workers(target, 2),
    ], ["env", "OTEL_EXPORTER_OTLP_HEADERS=x-token=s3cret", "OTEL_SERVICE_NAME=edge"]);
    try {
      const session = async () => {
        const { client } = await ask(gateway.addrs[0]!, Command.Connect, echo.addr.host, echo.addr.port);
        client.write("four");
        await client.read(4);
        client.close();
      };
      await session();
      await until("a record of it", () => collector.records.length === 1);
      await until("its metrics", () => collector.count("gate46_requests_total", "connect") === 1);
      const [{ body, command, destination_port, bytes_up, end, audit }] = collector.records as [
        Record<string, unknown>,
      ];
      assert.deepEqual([body, command, Number(destination_port), Number(bytes_up), end, Number(audit)], [
        ...["session-end", "connect", echo.addr.port, 4, "end", 1],
      ]);
      assert.deepEqual(collector.resources[0]!["service.name"], "edge");
      collector.refuses = true;
      await session();
      const says = (what: RegExp) => until(`the log has ${what}`, () => what.test(gateway.output()));
      await says(/telemetry cannot be sent to=http:\/\/127\.0\.0\.1:\d+ /);
      collector.refuses = false;
      await until("the record that waited", () => collector.records.length === 2);
      await says(/telemetry is sent/);
      await session();
      gateway.signal("SIGTERM");
      assert.equal(await gateway.exited, 0);
      assert.equal(collector.records.length, 3, "what was left at the end");
      assert.equal(collector.count("gate46_requests_total", "connect"), 3);
      assert.deepEqual([...new Set(collector.headers)], ["s3cret"]);
      assert.ok(!gateway.output().includes("s3cret"));
    } finally {
      gateway.signal("SIGKILL");
      collector.close();
      echo.close();
    }
  });
}
