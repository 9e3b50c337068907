import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";

test("it makes a namespace, and forgets it", () => {
  spawnSync("ip", ["netns", "add", `g46-${process.pid}-forgotten`]);
});
