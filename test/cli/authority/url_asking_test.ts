import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import { after, test } from "node:test";
import { askUrl } from "../../../src/cli/authority/url_asking.ts";
import { parseAuthUrl, parseCommand } from "../../../src/config/values/authority_value.ts";
import { WrongValue } from "../../../src/config/config_error.ts";
import { NetError } from "../../../src/net/error.ts";
import { TestClock } from "../../support/memory/test_clock.ts";

const asked: IncomingMessage[] = [];
let status: number | undefined = 204;
const server = createServer((request, response) => {
  asked.push(request);
  if (status === undefined) return;
  response.writeHead(status);
  response.end("x".repeat(100_000));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as { port: number };
after(() => {
  server.closeAllConnections();
  server.close();
});

const url = new URL(`http://127.0.0.1:${port}/check?realm=a`);
const question = { user: "änn", password: Uint8Array.of(112, 58, 255), client: "2001:db8::1" };
const failure = (pattern: RegExp) => (error: unknown) =>
  error instanceof NetError && error.kind === "busy" && pattern.test(error.message);

test("the request carries Basic credentials and the client address", async () => {
  assert.equal(await askUrl(url, new TestClock())(question), true);
  const { method, url: path, headers } = asked.at(-1)!;
  assert.deepEqual([method, path], ["GET", "/check?realm=a"]);
  const credentials = Buffer.concat([Buffer.from("änn:"), question.password]).toString("base64");
  assert.equal(headers.authorization, `Basic ${credentials}`);
  assert.equal(headers["x-forwarded-for"], "2001:db8::1");
});

test("2xx accepts, 401 and 403 refuse, other status codes are errors", async () => {
  const outcome = async (code: number) => {
    status = code;
    return await askUrl(url, new TestClock())(question).catch((error) => error);
  };
  assert.equal(await outcome(200), true);
  assert.equal(await outcome(401), false);
  assert.equal(await outcome(403), false);
  for (const code of [302, 400, 404, 500, 503]) assert.ok(failure(new RegExp(`answers ${code}`))(await outcome(code)));
});

test("a silent server times out after 5 s, and an unreachable server is an error", async () => {
  status = undefined;
  const clock = new TestClock();
  const waits = assert.rejects(askUrl(url, clock)(question), failure(/has not answered for 5 s/));
  await clock.advance(5_000);
  await waits;
  assert.equal(clock.pending, 0);
  await assert.rejects(askUrl(new URL("http://127.0.0.1:1/"), clock)(question), failure(/ECONNREFUSED/));
});

test("a user name with a colon is refused without a request: Basic credentials cannot carry it", async () => {
  const count = asked.length;
  assert.equal(await askUrl(url, new TestClock())({ ...question, user: "a:b" }), false);
  assert.equal(asked.length, count);
});

test("an authentication URL of another host must be https, and a program must be an absolute path", () => {
  for (const good of ["https://auth.example/x", "http://127.0.0.1:8/", "http://[::1]/", "http://localhost/"]) {
    assert.equal(parseAuthUrl(good).href.startsWith("http"), true);
  }
  for (const bad of ["auth.example", "ftp://x/", "http://auth.example/", "http://192.0.2.1/", "https://a:b@x/"]) {
    assert.throws(() => parseAuthUrl(bad), WrongValue, bad);
  }
  assert.deepEqual(parseCommand("/usr/bin/check  -a b"), ["/usr/bin/check", "-a", "b"]);
  for (const bad of ["", " ", "check", "./check"]) assert.throws(() => parseCommand(bad), WrongValue, bad);
});
