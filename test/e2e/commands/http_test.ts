import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { after, before, describe, test } from "node:test";
import { launchBrowser, noBrowser } from "../../support/browser.ts";
import { shell, source, start, targets } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { type Certificates, hasOpenssl, issue } from "../../support/tls/certificates.ts";
import { Tcp } from "../../support/wire/tcp.ts";
import { TlsPlace } from "../../support/tls/tls_place.ts";

const curlIsHere = await shell(["curl", "--version"]).then(({ code }) => code === 0, () => false);
const noCurl = skipped("http_test.ts", !curlIsHere && "no curl");

let server: Server, origin: string;
const asked: string[] = [];
before(async () => {
  server = createServer((request, response) => {
    const body: string[] = [];
    request.setEncoding("utf8").on("data", (text: string) => body.push(text));
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"]}`);
      response.end(`<p>${request.method} ${body.join("")}</p>`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const allow = "--allow=127.0.0.0/8";

for (const target of targets) {
  test(`${target.name}: one port serves SOCKS5 and HTTP, with the same users`, { skip: noCurl }, async () => {
    const gateway = await start(target, [
      ...["--listen=127.0.0.1:0", "--listen=http://127.0.0.1:0", "--admin=off", "--user=ann:pw", allow],
    ]);
    assert.match(gateway.output(), /listening on 127\.0\.0\.1:\d+ methods=username\/password for=http$/m);
    const other = `http://ann:pw@127.0.0.1:${gateway.addrs[1]!.port}`;
    assert.notEqual(gateway.addrs[0]!.port, gateway.addrs[1]!.port);
    const at = `127.0.0.1:${gateway.addrs[0]!.port}`;
    const curl = (...args: readonly string[]) => shell(["curl", "-sS", "--max-time", "20", ...args]);
    assert.equal((await curl("-x", `http://ann:pw@${at}`, `${origin}/a`)).stdout, "<p>GET </p>");
    assert.equal((await curl("-x", other, `${origin}/a`)).stdout, "<p>GET </p>");
    assert.equal((await curl("-px", `http://ann:pw@${at}`, "-d", "body", `${origin}/b`)).stdout, "<p>POST body</p>");
    assert.equal((await curl("-x", `socks5h://ann:pw@${at}`, `${origin}/c`)).stdout, "<p>GET </p>");
    const large = "x".repeat(300_000); // for which curl waits for 100 Continue
    const { stdout } = await shell(
      ["curl", "-sSx", `http://ann:pw@${at}`, "--data-binary", "@-", `${origin}/d`],
      large,
    );
    assert.equal(stdout, `<p>POST ${large}</p>`);
    // Who has said all, and a request more, is answered once, though it finishes before its password is looked at.
    const hasty = await Tcp.to(gateway.addrs[0]!);
    const head = (path: string) =>
      `GET ${origin}${path} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${btoa("ann:pw")}\r\n\r\n`;
    hasty.socket.end(head("/e") + head("/never"));
    assert.match(new TextDecoder().decode(await hasty.rest()), /^HTTP\/1\.1 200 [^]*<p>GET <\/p>$/);
    assert.ok(!asked.some((one) => one.includes("/never")));
    const status = async (...args: readonly string[]) =>
      (await curl("-o", "/dev/null", "-w", "%{http_code}", ...args)).stdout;
    assert.equal(await status("-x", `http://ann:no@${at}`, origin), "407");
    assert.equal(await status("-x", `http://ann:pw@${at}`, "http://169.254.169.254/"), "403");
    assert.equal(await status(`http://${at}/`), "400");
    assert.ok(asked.every((one) => one.endsWith(" undefined")), "no server sees the gateway's credentials");
    assert.match(gateway.output(), /protocol=http user=ann command=connect/);
    assert.doesNotMatch(gateway.output(), /pw|YW5uOn/);
    assert.equal(await gateway.stop(), 0);
  });
}

describe("A listener for one protocol", () => {
  const noTls = noCurl || skipped("http_test.ts, TLS", !hasOpenssl && "no openssl");
  test(
    "https:// accepts HTTP over TLS, tls:// accepts HTTP and SOCKS5 over TLS, and both refuse clients without TLS",
    { skip: noTls },
    async () => {
      const place = new TlsPlace();
      const [own] = issue([{ names: ["IP:127.0.0.1"] }]) as [Certificates];
      const flags = [
        ...place.listener(own),
        "--listen=https://127.0.0.2:0",
        "--listen=tls://127.0.0.3:0",
        "--admin=off",
        allow,
      ];
      const gateway = await start(source, flags);
      const port = (host: string) => gateway.addrs.find((addr) => addr.host === host)!.port;
      const curl = (proxy: string, ...args: readonly string[]) =>
        shell(["curl", "-sS", "--max-time", "20", "--proxy-insecure", "-x", proxy, ...args, origin]);
      assert.equal((await curl(`https://127.0.0.2:${port("127.0.0.2")}`)).stdout, "<p>GET </p>");
      assert.equal((await curl(`https://127.0.0.3:${port("127.0.0.3")}`, "-p")).stdout, "<p>GET </p>");
      assert.notEqual((await curl(`http://127.0.0.2:${port("127.0.0.2")}`)).code, 0);
      assert.match((await curl(`https://127.0.0.1:${port("127.0.0.1")}`, "-p")).stderr, /400/);
      assert.equal(await gateway.stop(), 0);
      await place.stop();
    },
  );
});

const skipBrowser = skipped("http_test.ts, Chromium", noBrowser);
test(
  "Chromium uses the gateway as its HTTP proxy, for GET and POST",
  { skip: skipBrowser, timeout: 120_000 },
  async () => {
    const gateway = await start(source, ["--listen=127.0.0.1:0", "--admin=off", allow]);
    const proxy = [`--proxy-server=http://127.0.0.1:${gateway.addrs[0]!.port}`, "--proxy-bypass-list=<-loopback>"];
    const browser = await launchBrowser(proxy);
    try {
      const page = await browser.newPage();
      await page.goto(`${origin}/page`);
      assert.equal(await page.$eval("p", (p) => p.textContent), "GET ");
      const posted = await page.evaluate("fetch('/posted', { method: 'POST', body: 'form' }).then((r) => r.text())");
      assert.equal(posted, "<p>POST form</p>");
    } finally {
      await browser.close();
    }
    assert.match(gateway.output(), /protocol=http/);
    assert.equal(await gateway.stop(), 0);
  },
);
