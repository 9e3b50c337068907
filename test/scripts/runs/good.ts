import { test } from "node:test";

test("it passes", () => {});
test("it is not for here", { skip: true }, () => {});
console.log("skipped: good.ts: it is not for here");
