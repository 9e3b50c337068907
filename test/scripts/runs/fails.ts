import { equal } from "node:assert/strict";
import { test } from "node:test";

test("it passes", () => {});
test("it says seven", () => equal("six", "seven"));
