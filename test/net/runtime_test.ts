import { join } from "node:path";
import { openNet } from "../../src/net/mod.ts";
import { projectRoot, runtime } from "../support/runtime.ts";
import { contract } from "./contract.ts";

const portableRelay = "the portable relay reads no further than it can write, so it learns of this at idleMs";
const heldBack = {
  "relay() notices a reset by the client that is held back": portableRelay,
  "relay() notices a reset by the destination that is held back": portableRelay,
};

const gaps = {
  deno: heldBack,
  bun: {
    "connect() to a host that never answers is timed-out when the system gives up":
      "Bun calls every failed connect refused (https://github.com/oven-sh/bun/issues/37093), and asking the kernel again " +
      "is not given so long",
  },
};

contract({
  name: `the adapter for ${runtime}`,
  open: openNet,
  script: { module: join(projectRoot, "src/net/mod.ts"), open: "openNet" },
  real: true,
  gaps: gaps[runtime],
});
