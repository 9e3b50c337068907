import { systemClock } from "../../src/net/clock.ts";
import { Internet } from "../support/memory/memory_net.ts";
import { contract } from "./contract/contract.ts";

const portableRelay = "the portable relay reads no further than it can write, so it learns of this at idleMs";

contract({
  name: "the memory network",
  open: () => Promise.resolve(new Internet(systemClock).host("10.46.0.1", "fd46::1")),
  real: false,
  gaps: {
    "relay() notices a reset by the client under backpressure": portableRelay,
    "relay() notices a reset by the destination under backpressure": portableRelay,
  },
});
