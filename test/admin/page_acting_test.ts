import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "puppeteer-core";
import { launchBrowser, noBrowser, view, type Viewed } from "../support/browser.ts";
import { MadeUp } from "../support/made_up.ts";
import { skipped } from "../support/program/skipped.ts";
import { until } from "../support/program/until.ts";

const token = "0123456789abcdef";
const name = (host: string) => ({ type: 3, host, port: 443 }) as const;
const hostile = `"></td></script><img src=x onerror="document.title='run'"><b>`;
const axe = readFileSync(join(import.meta.dirname!, "../../node_modules/axe-core/axe.min.js"), "utf8");

/** The screens that people have. */
const widths = [["a phone", { width: 360, height: 740 }], ["a desk", { width: 1_280, height: 900 }]] as const;

describe(
  "The status page with the token",
  { skip: skipped("what the status page does, in a browser", noBrowser) },
  () => {
    let browser: Browser;
    before(async () => void (browser = await launchBrowser()));
    after(() => browser.close());

    /** Shows the page of `gateway`, which asks for the token, to `use`. */
    async function showing(
      gateway: MadeUp,
      use: (viewed: Viewed, press: (selector: string) => Promise<void>) => Promise<void>,
      { screen = widths[1][1], prepare = () => Promise.resolve(), expected }: {
        readonly screen?: { readonly width: number; readonly height: number };
        readonly prepare?: (page: Page) => Promise<void>;
        readonly expected?: RegExp;
      } = {},
    ) {
      gateway.access = { token, exposed: true };
      const url = await gateway.serve();
      const viewed = await view(browser, url, async (page) => {
        await page.authenticate({ username: "", password: token });
        await page.setViewport(screen);
        await prepare(page);
      });
      /** By the keyboard. */
      const press = async (selector: string) => {
        await viewed.page.focus(selector);
        await viewed.page.keyboard.press("Enter");
      };
      try {
        await use(viewed, press);
        viewed.assertQuiet(expected);
      } finally {
        await viewed.page.close();
        await gateway.stop();
      }
    }

    const isOpen = (page: Page) => page.$eval("dialog", (dialog) => (dialog as HTMLDialogElement).open);
    const closed = (page: Page) => until("the question is gone", async () => !await isOpen(page));

    for (const [what, screen] of widths) {
      test(`ends a session, and all sessions of a user or client, on ${what}`, async () => {
        const gateway = new MadeUp();
        gateway.open({
          id: 7,
          username: "ann",
          client: { host: "2001:db8::7", port: 5 },
          destination: name("x.example"),
        });
        await showing(gateway, async ({ page, text, reads }, press) => {
          await press("tr[data-key='7'] button");
          assert.equal(await text("#ask-what"), "End session 7?");
          assert.deepEqual(gateway.done, []);
          await page.keyboard.type(token); // the field has the focus
          await page.keyboard.press("Enter");
          await reads("#said", /^Session 7 has ended\.$/);
          assert.deepEqual(gateway.done, ['{"id":7}']);
          await press("#users tbody button");
          assert.equal(await text("#ask-what"), "End all sessions of user ann?");
          assert.equal(await page.$eval("#ask-token", (part) => (part as HTMLElement).hidden), true, "it is known");
          await press("#ask-do");
          await reads("#said", /^3 sessions of user ann ended\.$/);
          await press("#clients tbody button");
          await press("#ask-do");
          await reads("#said", /^3 sessions of client 2001:db8::7 ended\.$/);
          assert.deepEqual(gateway.done.slice(1), ['{"user":"ann"}', '{"client":"2001:db8::7"}']);
          assert.deepEqual(gateway.acts.map(({ by, what }) => [by, what]), [
            ["127.0.0.1", "end session 7"],
            ["127.0.0.1", "end sessions of user ann"],
            ["127.0.0.1", "end sessions of client 2001:db8::7"],
          ]);
          assert.doesNotMatch(
            page.url() + await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage })),
            /0123456789/,
          );
        }, { screen });
      });

      test(`reloads, and shows configuration errors, on ${what}`, async () => {
        const gateway = new MadeUp();
        let problems: string[] = [`gate46.toml line 3: ${hostile}`];
        gateway.does.reload = () => Promise.resolve(problems);
        await showing(gateway, async ({ page, reads }, press) => {
          await press("[data-does=reload]");
          await page.keyboard.type(token);
          await page.keyboard.press("Enter");
          await reads("#ask-trouble", /^gate46\.toml line 3: "><\/td><\/script><img src=x/);
          assert.equal(await page.$("#ask-trouble *"), null);
          problems = [];
          await press("#ask-do");
          await reads("#said", /^The configuration is reloaded\.$/);
          await closed(page);
        }, { screen, expected: /409/ });
      });

      test(`drains, and shows the remaining time, on ${what}`, async () => {
        const gateway = new MadeUp();
        gateway.open();
        await showing(gateway, async ({ page, text, reads }, press) => {
          await gateway.polled();
          await press("[data-does=drain]");
          assert.match(await text("#ask-why"), /1 session may end within 30 s\. Then the program ends\.$/);
          await page.keyboard.type(token);
          await page.keyboard.press("Enter");
          await reads("#said", /^It drains\.$/);
          assert.deepEqual(gateway.done, ["drain"]);
          Object.assign(gateway.changes, { drainsForMs: 24_300 });
          await reads("#state", /^draining, 24 s left$/);
        }, { screen });
      });

      test(`shows the most important parts first, within three screens, on ${what}`, async () => {
        const gateway = new MadeUp();
        for (let i = 1; i <= 300; i++) {
          const session = { id: i, username: `user${i}`, destination: name(`host${i}.example`) };
          const client = { host: `192.0.2.${i % 250}`, port: i };
          gateway.open({ ...session, client, counts: { up: i, down: 1_000 * i } });
          gateway.close(gateway.open({ ...session, client, end: "refused", reply: 5 }));
        }
        const wrong = [1, 2, 3].map((i) => ({
          what: `Upstream ${i} is down`,
          detail: "connection refused",
          grave: true,
        }));
        const rules = Array.from({ length: 40 }, (_, i) => ({ rule: `rules[${i}]`, hits: 40 - i }));
        const upstreams = Array.from(
          { length: 9 },
          (_, i) => ({ upstream: `up${i}`, chain: "socks5://192.0.2.1", up: true }),
        );
        Object.assign(gateway.changes, { wrong, rules: { count: 40, neverHit: 0, rules }, upstreams });
        await showing(gateway, async ({ page }) => {
          await gateway.polled();
          const seen = await page.evaluate(() => ({
            height: document.documentElement.scrollHeight / innerHeight,
            order: Array.from(document.querySelectorAll("section"), (part) => ({
              of: part.querySelector("h2")!.textContent,
              at: part.getBoundingClientRect().top,
            })).sort((a, b) => a.at - b.at).map(({ of }) => of),
          }));
          assert.deepEqual(seen.order, [
            "3 things to look at",
            "Rates",
            "Relay types",
            "Top clients",
            "Top users",
            "Top destinations",
            "Rules hit",
            "Failures",
            "Sessions",
            "Upstreams",
          ]);
          if (screen.width < 500) assert.ok(seen.height <= 3, `${seen.height} screens`);
          const rows = (id: string) =>
            page.$$eval(`#${id} tbody tr`, (rows) => rows.filter((row) => row.checkVisibility()).length);
          const few = await rows("users");
          await page.click("[aria-label='Show all users']");
          assert.ok(await rows("users") > few);
          assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
        }, { screen });
      });

      for (const scheme of ["light", "dark"]) {
        test(`has no accessibility fault (axe-core), ${scheme}, on ${what}`, async () => {
          const gateway = new MadeUp();
          gateway.open({ username: "ann", destination: name("x.example") });
          gateway.close(gateway.open({ end: "refused", reply: 2, destination: name("y.example") }));
          gateway.note({ "A-down": 1e6, clients: 9, dials: 5, dialMs: 50 });
          Object.assign(gateway.changes, {
            wrong: [{ what: "DNS", detail: "no answer", grave: true }, {
              what: "Log lines lost",
              detail: "3",
              grave: false,
            }],
            rules: { count: 2, neverHit: 1, rules: [{ rule: "rules[0]", hits: 5 }, { rule: "rules[1]", hits: 0 }] },
            upstreams: [{ upstream: "abroad", chain: "socks5://192.0.2.1", up: false, detail: "refused" }],
          });
          await showing(gateway, async ({ page }, press) => {
            await gateway.polled();
            await page.evaluate(axe);
            const found = () =>
              page.evaluate(async () => {
                const { axe } = globalThis as unknown as {
                  axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
                };
                const { violations } = await axe.run();
                return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
              });
            assert.deepEqual(await found(), []);
            await press("[data-does=drain]");
            assert.deepEqual(await found(), []);
          }, {
            screen,
            prepare: (page) => page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]),
          });
        });
      }
    }

    test("allows to cancel an action, and refuses a wrong token", async () => {
      const gateway = new MadeUp();
      await showing(gateway, async ({ page, text, reads }, press) => {
        await press("[data-does=drain]");
        await page.keyboard.press("Escape");
        await closed(page);
        await press("[data-does=drain]");
        await press("#ask-not");
        await closed(page);
        await press("[data-does=drain]");
        await press("#ask-do");
        await reads("#ask-trouble", /^Nothing is done without the token\.$/);
        await page.type("#token", "0123456789abcdeF");
        await press("#ask-do");
        await reads("#ask-trouble", /^The gateway has another token\.$/);
        assert.deepEqual([gateway.done, gateway.acts], [[], []]);
        await page.$eval("#token", (field) => void ((field as HTMLInputElement).value = ""));
        await page.type("#token", token);
        await press("#ask-do");
        await reads("#said", /^It drains\.$/);
        assert.equal(await text("#ask-trouble"), "");
      }, { expected: /401/ });
    });

    test("escapes user names in buttons, which act on that user only", async () => {
      const gateway = new MadeUp();
      gateway.open({ username: hostile, destination: name(hostile), client: { host: "192.0.2.1", port: 1 } });
      Object.assign(gateway.changes, {
        wrong: [{ what: hostile, detail: hostile, grave: true }],
        rules: { count: 1, neverHit: 0, rules: [{ rule: hostile, hits: 1 }] },
      });
      await showing(gateway, async ({ page, text, reads }, press) => {
        await gateway.polled();
        for (const place of ["#users", "#destinations", "#findings", "#rules"]) {
          assert.match(await text(place), /<img src=x/);
        }
        await press("#users tbody button");
        assert.equal(await text("#ask-what"), `End all sessions of user ${hostile}?`);
        await page.keyboard.type(token);
        await page.keyboard.press("Enter");
        await reads("#said", /<img src=x/);
        assert.deepEqual(gateway.done, [JSON.stringify({ user: hostile })]);
        assert.equal(await page.$("img, #said *, #ask-what *"), null);
        assert.match(await page.title(), /^1 session/);
      });
    });

    test("accepts no action from another site or another port", async () => {
      const gateway = new MadeUp();
      const other = new MadeUp();
      await showing(gateway, async ({ page }) => {
        const target = page.url();
        const elsewhere = await browser.newPage();
        await elsewhere.authenticate({ username: "", password: token });
        other.access = { exposed: false };
        await elsewhere.goto(await other.serve());
        // Its policy would keep it from asking; another site has none.
        await elsewhere.setBypassCSP(true);
        await elsewhere.reload();
        const outcomes = await elsewhere.evaluate(
          async (target, token) => {
            const tries = [
              fetch(`${target}drain`, { method: "POST", mode: "no-cors", credentials: "include" }),
              fetch(`${target}drain`, { method: "POST", headers: { authorization: `Bearer ${token}` } }),
              fetch(`${target}api/sessions/7`, { method: "DELETE", headers: { authorization: `Bearer ${token}` } }),
            ];
            const settled = await Promise.allSettled(tries);
            return settled.map(({ status }) => status);
          },
          target,
          token,
        );
        assert.deepEqual(outcomes.slice(1), ["rejected", "rejected"]);
        const drains = () => gateway.requests.filter((request) => request === "POST /drain").length;
        await until("the one that needs no leave has come", () => drains() === 1);
        assert.deepEqual([gateway.done, gateway.acts], [[], []]);
        await elsewhere.close();
        await other.stop();
      });
    });
  },
);

describe(
  "The status page without the token",
  { skip: skipped("what the status page shows, in a browser", noBrowser) },
  () => {
    test("says so, has no buttons, and shows graphs, with or without its script", async () => {
      const browser = await launchBrowser();
      try {
        for (const scripted of [true, false]) {
          const gateway = new MadeUp();
          gateway.refreshes = false;
          gateway.open();
          gateway.note({ clients: 60, "B-down": 3e6, unreachable: 6 }, 5);
          const { page, text, assertQuiet } = await view(
            browser,
            await gateway.serve(),
            (page) => page.setJavaScriptEnabled(scripted),
          );
          assert.match(
            await text("#access"),
            /^Everyone on this machine may look\. Nobody may act: --admin-token-file/,
          );
          const seen = await page.$$eval(
            "button",
            (all) => all.filter((one) => one.checkVisibility()).map((one) => one.textContent),
          );
          assert.deepEqual(seen, scripted ? [] : ["Filter"]);
          const line = await page.$eval("[data-graph=all] .line", (line) => line.getAttribute("d")!);
          assert.ok(new Set(line.match(/(?<= )[\d.]+/g)).size > 1, line);
          assert.match(await text("[data-is=failing]"), /^10 %$/);
          assert.match(await text(".kinds .unreachable"), /^Not reachable \d \/ 0$/);
          const [link] = await page.$$("[data-span=day]");
          if (scripted) await link!.click();
          else await Promise.all([page.waitForNavigation(), link!.click()]);
          await until("the day is shown", () => page.url().includes("span=day"));
          await page.close();
          assertQuiet();
          await gateway.stop();
        }
      } finally {
        await browser.close();
      }
    });
  },
);
