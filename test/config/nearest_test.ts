import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../../src/config/nearest.ts";

test("a similar word is suggested for a typing error, a dissimilar word is not", () => {
  const keys = ["from", "to", "listen", "max_sessions", "explain"];
  const rows = [["fron", "from"], ["too", "to"], ["lisen", "listen"], ["expln", "explain"], [
    "max_sesion",
    "max_sessions",
  ]];
  for (const [word, meant] of rows) assert.equal(nearest(word!, keys), meant);
  for (const word of ["foo", "user", "listeners_all"]) assert.equal(nearest(word, keys), undefined, word);
});
