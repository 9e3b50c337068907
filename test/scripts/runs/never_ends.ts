import { test } from "node:test";

test("it passes", () => {});
test("it waits for ever", { timeout: 600_000 }, () => new Promise(() => setInterval(() => {}, 1_000)));
