import process from "node:process";
import { test } from "node:test";

test("it passes", () => {});
test("its process ends by a signal", () => {
  process.kill(process.pid, "SIGKILL");
});
