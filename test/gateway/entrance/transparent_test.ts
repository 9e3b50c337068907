import assert from "node:assert/strict";
import { test } from "node:test";
import type { Door } from "../../../src/gateway/entrance/entrance.ts";
import { transparentTo } from "../../../src/gateway/entrance/transparent.ts";
import { Refusal } from "../../../src/gateway/rules/refusal.ts";
import { Reply } from "../../../src/protocol/codes.ts";

test("the refusal of a fake address without a name contains the address, because the log has no destination", async () => {
  const entrance = transparentTo({ destinationOf: () => undefined });
  const door = { here: () => ({ host: "198.18.200.200", port: 80 }) } as Door;
  await assert.rejects(
    entrance.take(door),
    (error) =>
      error instanceof Refusal && error.reply === Reply.HostUnreachable && error.rule.includes("198.18.200.200"),
  );
});
