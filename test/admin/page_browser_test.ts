import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "puppeteer-core";
import { MadeUp } from "../support/made_up.ts";
import { ready } from "../support/memory/admin_source.ts";
import { launchBrowser, noBrowser, view, type Viewed } from "../support/browser.ts";
import { skipped } from "../support/program/skipped.ts";
import { until } from "../support/program/until.ts";

const name = (host: string) => ({ type: 3, host, port: 443 }) as const;

describe("The status page in a browser", { skip: skipped("the status page in a browser", noBrowser) }, () => {
  let browser: Browser;
  before(async () => void (browser = await launchBrowser()));
  after(() => browser.close());

  /** Shows the page of `gateway` to `use`. */
  async function showing(
    gateway: MadeUp,
    use: (viewed: Viewed) => Promise<void>,
    prepare?: (page: Page) => Promise<unknown>,
  ) {
    const url = await gateway.serve();
    const viewed = await view(browser, url, prepare);
    try {
      await use(viewed);
      viewed.assertQuiet();
    } finally {
      await viewed.page.close();
      await gateway.stop();
    }
  }

  const rows = "#sessions tbody tr";
  const wide = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);

  test("shows client input as plain text, and runs none of it", async () => {
    const hostile = `"></td></script><img src=x onerror="document.title='run'"><b>`;
    const gateway = new MadeUp();
    await showing(gateway, async ({ page, reads }) => {
      await gateway.polled();
      const parts = { username: hostile, destination: name(hostile), via: hostile, detail: hostile };
      gateway.open(parts);
      gateway.close(gateway.open({ ...parts, end: "refused" }));
      await reads("#sessions tbody", /"><\/td><\/script><img src=x onerror="document\.title='run'"><b>/);
      await reads("#failures tbody", /<img src=x/);
      assert.equal(await page.$("img, main b b"), null);
      assert.match(await page.title(), /^1 session/);
    });
  });

  test("shows a part of 10,000 sessions, and finds each by the filter", async () => {
    const gateway = new MadeUp();
    for (let i = 1; i <= 10_000; i++) {
      gateway.open({
        id: i,
        startedAt: i,
        destination: name(`host${i}.example`),
        counts: { up: i === 77 ? 1e9 : 0, down: i },
      });
    }
    await showing(gateway, async ({ page, reads }) => {
      await reads("[data-is=sessions]", /^10,000$/);
      await reads("[data-is=hidden]", /^and 9,800 more/);
      assert.equal((await page.$$(rows)).length, 200);
      await page.click("[data-column=up] a");
      await reads(`${rows}:first-child`, /^77 /);
      await page.type("input[type=search]", "host4321.");
      await reads(rows, /^4321 /);
      const used = await processorTime(page);
      const asked = gateway.asked;
      await until("it has asked three times more", () => gateway.asked >= asked + 3);
      const each = await used() / (gateway.asked - asked);
      assert.ok(each < 0.5, `and has time for other things: ${each} s`);
    });
  });

  test("keeps selection, focus and scroll position at a refresh", async () => {
    const gateway = new MadeUp();
    const sessions = Array.from({ length: 60 }, (_, i) => gateway.open({ id: 1_000 + i, startedAt: i }));
    await showing(gateway, async ({ page, reads }) => {
      await page.click("[data-column=down] a");
      await page.focus("input[type=search]");
      await page.evaluate(() => {
        document.querySelector(".scroll:has(#sessions)")!.scrollTop = 300;
        getSelection()!.selectAllChildren(document.querySelector("tr[data-key='1030'] span")!);
      });
      sessions[3]!.counts.down = 5_000_000; // is the first now
      gateway.close(sessions[4]!);
      await reads("tr[data-key='1003']", /5\.0 MB/);
      await until("who left is gone", async () => (await page.$$(rows)).length === 59);
      assert.deepEqual(
        await page.evaluate(() => [
          String(getSelection()),
          document.activeElement!.getAttribute("type"),
          document.querySelector(".scroll:has(#sessions)")!.scrollTop,
        ]),
        ["1030", "search", 300],
      );
      await page.evaluate(() => getSelection()!.removeAllRanges());
      await reads(`${rows}:first-child`, /^1003 /);
    });
  });

  test("sends no request while the page is hidden", async () => {
    const gateway = new MadeUp();
    await showing(gateway, async ({ page, reads }) => {
      await gateway.polled();
      const other = await browser.newPage();
      await other.bringToFront();
      await until("it is hidden", () => page.evaluate(() => document.hidden));
      const { asked } = gateway;
      gateway.open();
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      assert.ok(gateway.asked <= asked + 1, "one was under way at most");
      await page.bringToFront();
      await reads("[data-is=sessions]", /^1$/);
      await other.close();
    });
  });

  test("shows a drain and unhealthy parts", async () => {
    const gateway = new MadeUp();
    gateway.open({ command: 3, datagrams: { up: 1, down: 2_000 } });
    await showing(gateway, async ({ reads }) => {
      await reads("#state.good", /^serving$/);
      await reads(rows, /0 B 1 datagram 0 B 2,000 datagrams/);
      const parts = { ...ready.parts, draining: true, ipv6Egress: { ok: false, detail: "no address" } };
      Object.assign(gateway.changes, { drainsForMs: 7_200, parts });
      await reads("#state.bad", /^draining, 7 s left$/);
      await reads("#parts .bad", /^IPv6$/);
      await reads("#parts li:has(.bad)", /^IPv6 no address$/);
    });
  });

  for (const [scheme, dark] of [["light", false], ["dark", true]] as const) {
    test(`follows the preferred colour scheme ${scheme}, with sufficient contrast (WCAG AA)`, async () => {
      const gateway = new MadeUp();
      gateway.open();
      await showing(gateway, async ({ page }) => {
        await gateway.polled();
        const colours = await page.evaluate(() => {
          const style = getComputedStyle(document.documentElement);
          const probe = document.body.appendChild(document.createElement("i"));
          const rgb = (name: string) => {
            probe.style.color = style.getPropertyValue(name);
            return getComputedStyle(probe).color.match(/\d+/g)!.map(Number);
          };
          const names = ["card", "ground", "ink", "dim", "good", "bad", "a", "b", "c", "d"];
          return Object.fromEntries(names.map((name) => [name, rgb(`--${name}`)]));
        });
        assert.equal(luminance(colours.ground!) < 0.1, dark);
        for (const letters of ["ink", "dim", "good", "bad", "a", "b", "c", "d"]) {
          for (const under of ["card", "ground"]) {
            const contrast = contrastOf(colours[letters]!, colours[under]!);
            assert.ok(contrast >= 4.5, `${letters} on ${under}: ${contrast}`);
          }
        }
      }, (page) => page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]));
    });
  }

  for (const scripted of [true, false]) {
    test(`fits on a phone, ${scripted ? "with" : "without"} its script`, async () => {
      const gateway = new MadeUp();
      gateway.refreshes = false;
      const parts = {
        username: "u".repeat(255),
        destination: name(`${"n".repeat(250)}.x`),
        client: { host: `2001:db8${":ffff".repeat(6)}`, port: 65_535 },
      };
      gateway.open({
        ...parts,
        counts: { up: 999_940_000, down: 999_940_000 },
        via: `socks5://${"v".repeat(200)}:1080`,
      });
      gateway.close(gateway.open({ ...parts, end: "error", detail: "d".repeat(300) }));
      gateway.note({ clients: 9e9, refused: 1e9, password: 1e9, unreachable: 1e9, broken: 1e9, "D-up": 1e15 }, 9e6);
      Object.assign(gateway.changes, { upstreams: [{ upstream: "x".repeat(80), chain: "y".repeat(300), up: false }] });
      await showing(gateway, async ({ page, reads }) => {
        if (scripted) await reads("[data-is=speed]", /\/s/);
        else await reads("[data-is=moved]", /^↑ 1\.0 GB ↓ 1\.0 GB since the start$/);
        for (const width of [320, 360, 700, 960]) {
          await page.setViewport({ width, height: 740 });
          assert.equal(await wide(page), false, `${width}`);
        }
      }, async (page) => {
        await page.setViewport({ width: 360, height: 740 });
        await page.setJavaScriptEnabled(scripted);
      });
    });
  }

  test("without its script sorts and filters", async () => {
    const gateway = new MadeUp();
    gateway.refreshes = false;
    for (let i = 1; i <= 3; i++) gateway.open({ id: i, startedAt: i, destination: name(`host${i}.example`) });
    await showing(gateway, async ({ page, texts }) => {
      assert.equal(await page.$eval("[data-column=rate]", (head) => getComputedStyle(head).display), "none");
      assert.deepEqual(await texts(`${rows} td:first-child`), ["3", "2", "1"]);
      await Promise.all([page.waitForNavigation(), page.click("[data-column=id] a")]);
      assert.deepEqual(await texts(`${rows} td:first-child`), ["1", "2", "3"]);
      await page.type("input[type=search]", "host2");
      await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
      assert.deepEqual(await texts(`${rows} td:first-child`), ["2"]);
      assert.match(page.url(), /\?sort=id&filter=host2$/);
    }, (page) => page.setJavaScriptEnabled(false));
  });

  test("without its script reloads with the same sort order and filter", async () => {
    const gateway = new MadeUp();
    for (const id of [1, 2]) gateway.open({ id, destination: name(`host${id}.example`) });
    await showing(gateway, async ({ page, reads }) => {
      await page.goto(`${page.url()}?sort=id&filter=host2`);
      await reads(`${rows} td:first-child`, /^2$/);
      gateway.open({ id: 3, destination: name("host22.example") });
      await reads(`${rows} td:first-child`, /^2 \| 3$/);
    }, (page) => page.setJavaScriptEnabled(false));
  });

  test("has no animation with reduced motion", async () => {
    const gateway = new MadeUp();
    await showing(gateway, async ({ page }) => {
      assert.equal(
        await page.evaluate(() => getComputedStyle(document.querySelector(".drift")!).animationName),
        "none",
      );
      assert.equal(
        await page.evaluate(() => getComputedStyle(document.querySelector(".body")!).transitionProperty),
        "none",
      );
    }, (page) => page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]));
  });
});

/** Of the page from now on (s), which is not the time that other programs had meanwhile. */
async function processorTime(page: Page): Promise<() => Promise<number>> {
  const session = await page.createCDPSession();
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const read = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")!.value;
  };
  const before = await read();
  return async () => await read() - before;
}

function luminance(rgb: readonly number[]): number {
  const [red, green, blue] = rgb.map((value) => value <= 10 ? value / 3_294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrastOf(one: readonly number[], other: readonly number[]): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light! + 0.05) / (dark! + 0.05);
}
