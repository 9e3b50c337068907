import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { type Program, shell, source, start } from "../../support/program/program.ts";
import { projectRoot, scriptCommand } from "../../support/program/runtime.ts";

test("the example in docs/reference/client.md connects through two gateways", { timeout: 60_000 }, async () => {
  const [, example] = /^```ts\n([^]*?)^```$/m.exec(
    readFileSync(join(projectRoot, "docs/reference/client.md"), "utf8"),
  )!;
  const folder = mkdtempSync(join(tmpdir(), "gate46-"));
  const server = createServer((_request, response) => response.end("hello"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const gateways: Program[] = [];
  try {
    for (let i = 0; i < 2; i++) {
      const flags = ["--listen=127.0.0.1:0", "--admin=off", "--workers=1", "--allow=127.0.0.1", "--user=ann:p@w"];
      gateways.push(await start(source, flags));
    }
    const via = gateways.map(({ addrs: [addr] }) => `socks5://ann:p%40w@127.0.0.1:${addr!.port}`).join(",");
    const script = join(folder, "example.ts");
    writeFileSync(script, example!.replace("./mod.ts", pathToFileURL(join(projectRoot, "mod.ts")).href));
    const { stdout, stderr } = await shell([
      ...scriptCommand(relative(projectRoot, script)),
      via,
      "localhost",
      String(port),
    ]);
    assert.match(stdout, /hello/, stderr);
  } finally {
    for (const gateway of gateways) gateway.signal("SIGKILL");
    server.close();
    rmSync(folder, { recursive: true });
  }
});
