import { join } from "node:path";
import { openLibc, openLinuxNet } from "../support/linux_net.ts";
import { projectRoot } from "../support/runtime.ts";
import { contract } from "./contract.ts";

if (await openLibc()) {
  contract({
    name: "the adapter for Linux",
    open: openLinuxNet,
    script: { module: join(projectRoot, "test/support/linux_net.ts"), open: "openLinuxNet" },
    real: true,
  });
}
