import { join } from "node:path";
import { openLibc, openLinuxNet } from "../support/linux/linux_net.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { contract } from "./contract/contract.ts";

if (await openLibc()) {
  contract({
    name: "the adapter for Linux",
    open: openLinuxNet,
    script: { module: join(projectRoot, "test/support/linux/linux_net.ts"), open: "openLinuxNet" },
    real: true,
  });
}
