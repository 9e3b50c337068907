import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { shell, source, start } from "../../support/program/program.ts";
import { skipped, slow } from "../../support/program/skipped.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";

const has = (...command: readonly string[]) => shell(command).then(({ code }) => code === 0, () => false);
const skipGo = skipped("go_java_test.ts, Go", !await has("go", "version") && "go is not here") ||
  slow("go_java_test.ts, Go"); // which compiles its library first
const skipJava = skipped("go_java_test.ts, Java", !await has("java", "-version") && "java is not here");

const folder = temporaryFolder("go-java");
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

/** Asks for argument 2 by the proxy of argument 1: without a body, with one of a length, with one of chunks. */
const go = `package main
import ("fmt"; "io"; "net/http"; "net/url"; "os"; "strings")
func main() {
	proxy, _ := url.Parse(os.Args[1])
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	told := func(r *http.Response, err error) {
		if err != nil { fmt.Println(err); return }
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.StatusCode, string(body))
	}
	told(client.Get(os.Args[2]))
	told(client.Post(os.Args[2], "text/plain", strings.NewReader("body")))
	told(client.Post(os.Args[2], "text/plain", io.MultiReader(strings.NewReader("chunks"))))
}
`;

/** The same by HTTP and SOCKS5 of the port in argument 1. */
const java = `import java.net.*;
public class Fetch {
  public static void main(String[] args) throws Exception {
    Authenticator.setDefault(new Authenticator() {
      protected PasswordAuthentication getPasswordAuthentication() {
        return new PasswordAuthentication("ann", "pw".toCharArray());
      }
    });
    InetSocketAddress at = new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0]));
    for (Proxy.Type type : new Proxy.Type[] { Proxy.Type.HTTP, Proxy.Type.SOCKS }) {
      for (String body : new String[] { "", "body", "chunks" }) {
        HttpURLConnection one = (HttpURLConnection) new URL(args[1]).openConnection(new Proxy(type, at));
        one.setDoOutput(!body.isEmpty());
        if (body.equals("chunks")) one.setChunkedStreamingMode(4);
        if (!body.isEmpty()) one.getOutputStream().write(body.getBytes());
        System.out.println(one.getResponseCode() + " " + new String(one.getInputStream().readAllBytes()));
      }
    }
  }
}
`;

let server: Server, origin: string;
before(async () => {
  server = createServer((request, response) => {
    const body: string[] = [];
    request.setEncoding("utf8").on("data", (text: string) => body.push(text));
    request.on("end", () => {
      response.end(`${request.method} ${body.join("")} ${request.headers["proxy-authorization"] ?? "no secret"}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const answers = "200 GET  no secret\n200 POST body no secret\n200 POST chunks no secret\n";
const flags = ["--listen=127.0.0.1:0", "--admin=off", "--user=ann:pw", "--allow=127.0.0.1"];

test(`${source.name}: a client in Go connects by HTTP and by SOCKS5`, { skip: skipGo, timeout: 120_000 }, async () => {
  const gateway = await start(source, flags);
  const fetch = join(folder, "fetch");
  const built = await shell([
    ...["env", `HOME=${folder}`, `GOCACHE=${join(folder, "cache")}`, "GOFLAGS=-mod=mod", "CGO_ENABLED=0"],
    ...["go", "build", "-o", fetch, file("fetch.go", go)],
  ]);
  assert.equal(built.code, 0, built.stderr);
  for (const scheme of ["http", "socks5"]) {
    const { stdout } = await shell([fetch, `${scheme}://ann:pw@127.0.0.1:${gateway.addrs[0]!.port}`, origin]);
    assert.equal(stdout, answers);
  }
  assert.equal(await gateway.stop(), 0);
});

test(
  `${source.name}: a client in Java connects by HTTP and by SOCKS5`,
  { skip: skipJava, timeout: 120_000 },
  async () => {
    const gateway = await start(source, flags);
    const { stdout, stderr } = await shell(["java", file("Fetch.java", java), `${gateway.addrs[0]!.port}`, origin]);
    assert.equal(stdout, answers + answers, stderr);
    assert.equal(await gateway.stop(), 0);
  },
);
