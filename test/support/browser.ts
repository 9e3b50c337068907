import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { until } from "./program/until.ts";

const executablePath = "/usr/bin/chromium";

/** Why there can be no test with a browser; false where there can. */
export const noBrowser: string | false = !existsSync(executablePath) && `no ${executablePath} (Debian: chromium)`;

/** Chromium without a window, with a profile of its own, which asks nobody for anything by itself. */
export function launchBrowser(proxy: readonly string[] = ["--no-proxy-server"]): Promise<Browser> {
  return puppeteer.launch({
    executablePath,
    headless: true,
    timeout: 90_000,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      ...proxy,
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export interface Viewed {
  readonly page: Page;
  /** What is on the page where `selector` says, as people read it. */
  text(selector: string): Promise<string>;
  /** The same of each element. */
  texts(selector: string): Promise<string[]>;
  /** Waits until what is there is so. */
  reads(selector: string, expected: RegExp): Promise<void>;
  /** That the console is silent but for `expected`, and that nobody but the page's own host was asked. */
  assertQuiet(expected?: RegExp): void;
}

/** A page of `browser`, to which `prepare` may do something before it goes to `url`. */
export async function view(browser: Browser, url: string, prepare?: (page: Page) => Promise<unknown>): Promise<Viewed> {
  const page = await browser.newPage();
  page.setDefaultTimeout(90_000);
  const said: string[] = [], asked: string[] = [];
  page.on("console", (message) => {
    if (/error|warn/.test(message.type())) said.push(message.text());
  });
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith("data:")) asked.push(new URL(request.url()).host);
  });
  await page.setViewport({ width: 1280, height: 900 });
  await prepare?.(page);
  await page.goto(url);
  const texts = (selector: string) =>
    page.$$eval(
      selector,
      (elements) => elements.map((one) => ((one as HTMLElement).innerText ?? "").replace(/\s+/g, " ").trim()),
    );
  const text = async (selector: string) => (await texts(selector)).join(" | ");
  return {
    page,
    text,
    texts,
    async reads(selector, expected) {
      let found = "";
      await until(`${selector} reads ${expected}`, async () => {
        found = await text(selector).catch((error: Error) => `(${error.message})`); // it may be loading just now
        return expected.test(found);
      }).catch((error: Error) => {
        throw new Error(`${error.message}; it reads ${found}`);
      });
    },
    assertQuiet(expected = /^$/) {
      assert.deepEqual(said.filter((line) => !expected.test(line)), []);
      assert.deepEqual(Array.from(new Set(asked)), [new URL(url).host]);
    },
  };
}
