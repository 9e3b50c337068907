import { join } from "node:path";
import { openNet } from "../../src/net/open.ts";
import { projectRoot, runtime } from "../support/program/runtime.ts";
import { contract } from "./contract/contract.ts";

const portableRelay = "the portable relay reads no further than it can write, so it learns of this at idleMs";
const heldBack = {
  "relay() notices a reset by the client under backpressure": portableRelay,
  "relay() notices a reset by the destination under backpressure": portableRelay,
};

const partialRead = "Deno takes a read that fills no buffer for the last, and urgent bytes stop one " +
  "(https://github.com/tokio-rs/tokio/blob/master/tokio/src/io/poll_evented.rs)";
const urgent = {
  "read() returns bytes around an urgent byte without delay (accepted socket)": partialRead,
  "read() returns bytes around an urgent byte without delay (connected socket)": partialRead,
};

const gaps = {
  deno: { ...heldBack, ...urgent },
  bun: {
    "connect() to a host that does not answer fails as timed-out after the TCP timeout of the kernel":
      "Bun calls every failed connect refused (https://github.com/oven-sh/bun/issues/37093), and asking the kernel again " +
      "is not given so long",
  },
};

contract({
  name: `the adapter for ${runtime}`,
  open: openNet,
  script: { module: join(projectRoot, "src/net/open.ts"), open: "openNet" },
  real: true,
  gaps: gaps[runtime],
});
