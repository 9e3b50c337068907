import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser } from "puppeteer-core";
import { addressText } from "../../../src/protocol/address.ts";
import { Command } from "../../../src/protocol/codes.ts";
import { launchBrowser, noBrowser, view } from "../../support/browser.ts";
import { programs, source, start } from "../../support/program/program.ts";
import { skipped } from "../../support/program/skipped.ts";
import { ask } from "../../support/wire/socks.ts";
import { echoServer, unusedPort } from "../../support/wire/tcp.ts";
import { temporaryFolder } from "../../support/program/temporary_folder.ts";
import { until, within } from "../../support/program/until.ts";

/** What Chromium itself says where nobody answers, or not yet. */
const nobodyThere = /net::ERR_(CONNECTION|EMPTY|SOCKET|INCOMPLETE)|503/;

describe("The status page in a browser", { skip: skipped("the status page in a browser", noBrowser) }, () => {
  let browser: Browser;
  before(async () => void (browser = await launchBrowser()));
  after(() => browser.close());

  for (const target of programs) {
    test(`${target.name}: shows the clients' sessions live`, async () => {
      const echo = await echoServer("127.0.0.1");
      const flags = ["--listen=127.0.0.1:0", "--listen=[::1]:0", "--allow=127.0.0.1"];
      const gateway = await start(target, [
        ...flags,
        "--drain=100s",
        `--admin=127.0.0.1:${await unusedPort("127.0.0.1")}`,
      ]);
      const admin = addressText(gateway.admin!);
      const { page, texts, reads, assertQuiet } = await view(browser, `http://${admin}/`);
      await reads("#sessions + .instead", /^No client is connected/);
      await reads("[data-is=arriving]", /^0\/s$/);

      const connect = (listener: number) =>
        ask(gateway.addrs[listener]!, Command.Connect, echo.addr.host, echo.addr.port);
      const [{ client: busy }, { client: calm }] = [await connect(0), await connect(1)];
      let moving = true;
      const traffic = (async () => {
        for (const bytes = new Uint8Array(50_000); moving;) {
          busy.write(bytes);
          await busy.read(bytes.length);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      })();
      calm.write("four");
      await calm.read(4);
      const columns = (column: number) => texts(`#sessions tbody td:nth-child(${column})`);
      const types = (expected: RegExp) => reads("#sessions tbody td:nth-child(4)", expected);
      // By their names, as what is above them may grow by a line between a look for the place and the click there.
      const click = (selector: string) => page.$eval(selector, (found) => (found as HTMLElement).click());
      await reads("#sessions tbody", new RegExp(`127\\.0\\.0\\.1:\\d+ ${echo.addr.host}:${echo.addr.port} connect A `));
      await reads("#sessions tbody", /\[::1\]:\d+ 127\.0\.0\.1:\d+ connect C .* 4 B 4 B/);
      await reads("#sessions tbody td:nth-child(8)", /↑ [\d.]+ [kM]B\/s ↓ [\d.]+ [kM]B\/s/);
      await reads("[data-is=speed]", /↑ [\d.]+ [kM]B\/s ↓ [\d.]+ [kM]B\/s/);
      await reads(".card.A", /1 now 1 in all [\d.]+ [kM]B\/s ↑ /);
      await until("the band of type A moves", async () => await page.$(".band.A.moving") !== null);
      assert.equal(await page.$(".band.B.moving"), null);
      const moved = (await columns(6)).find((up) => up !== "4 B");
      await until("it has moved more", async () => !(await columns(6)).includes(moved!));

      const heads = () => page.$$eval("#sessions th[data-column]", (all) => all.map((head) => head.ariaSort));
      await click("[data-column=up] a");
      await types(/^A \| C$/);
      assert.equal((await heads())[5], "descending");
      await click("[data-column=up] a");
      await types(/^C \| A$/);
      await page.focus("[data-column=rate] a");
      await page.keyboard.press("Enter");
      await types(/^A \| C$/);
      assert.deepEqual(await heads(), ["none", "none", "none", "none", "none", "none", "none", "descending"]);
      await until("it stays sorted so", async () => (await columns(6))[0] !== moved && (await columns(4))[0] === "A");

      await page.type("input[type=search]", "[::1]");
      await types(/^C$/);
      await reads("[data-is=matching]", /^1 of 2 fit$/);
      assert.match(page.url(), /\?sort=rate&filter=/);
      await page.reload();
      await types(/^C$/);
      await page.focus("input[type=search]");
      await page.$eval("input[type=search]", (field) => (field as HTMLInputElement).select());
      await page.keyboard.press("Backspace");
      await types(/^A \| C$/);

      moving = false;
      await traffic;
      busy.close();
      await types(/^C$/);
      await reads(".card.A", /0 now 1 in all/);
      const refused = await ask(gateway.addrs[0]!, Command.Connect, "127.0.0.2", 9);
      refused.client.close();
      await reads(
        "#failures tbody",
        /s ago 02 connection not allowed by ruleset .*127\.0\.0\.1 127\.0\.0\.2:9 connect/,
      );
      await reads(".kinds .refused", /^By a rule 1 \/ 1$/);
      await reads("[data-is=failing]", /^[1-9]\d* %$/);
      assertQuiet();

      gateway.signal("SIGTERM");
      await reads("#state", /^draining, \d+ (s|min) left$/);
      calm.close();
      await within("the end, though the page is open", gateway.exited); // before it would be cut
      await reads("#link", /^The gateway has not answered since .*\d/);
      assert.equal(await page.title(), "no answer · gate46");
      const successor = await start(target, [...flags, `--admin=${admin}`]);
      await reads("#link", /^$/);
      await reads("#state", /^serving$/);
      await reads("#sessions + .instead", /^No client is connected/);
      await reads(".card.A", /0 in all 0 B\/s ↑ 0 B ↓ 0 B$/);
      assertQuiet(nobodyThere);
      await page.close();
      await successor.stop();
      echo.close();
    });
  }

  test("asks for the token as a password, and reports a wrong token", async () => {
    const tokenFile = join(temporaryFolder("page"), "token");
    const flags = ["--listen=127.0.0.1:0", `--admin-token-file=${tokenFile}`];
    writeFileSync(tokenFile, "correct-horse-battery\n");
    const gateway = await start(source, [...flags, `--admin=127.0.0.1:${await unusedPort("127.0.0.1")}`]);
    const admin = addressText(gateway.admin!);
    const { page, reads, assertQuiet } = await view(
      browser,
      `http://${admin}/`,
      (page) => page.authenticate({ username: "ann", password: "correct-horse-battery" }),
    );
    await reads("[data-is=arriving]", /^0\/s$/);
    assertQuiet(/401/); // the first answer, which asks for it
    assert.doesNotMatch(page.url(), /horse/);
    await page.click("[data-does=reload]");
    await page.type("#token", "correct-horse-battery");
    await page.keyboard.press("Enter");
    await reads("#said", /^The configuration is reloaded\.$/);
    const line = / operator by=127\.0\.0\.1 action=reload result=reloaded\n/;
    await until("the log line", () => line.test(gateway.output()));
    assert.doesNotMatch(gateway.output(), /horse/);
    await gateway.stop();
    writeFileSync(tokenFile, "another-horse-battery\n");
    const successor = await start(source, [...flags, `--admin=${admin}`]);
    await reads("#link", /^The gateway does not show this any more/);
    await page.close();
    await successor.stop();
  });
});
