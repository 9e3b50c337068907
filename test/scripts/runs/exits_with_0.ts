import process from "node:process";
import { test } from "node:test";

test("its process ends as if all were well", () => process.exit(0));
