import { join } from "node:path";
import { openNet } from "../../src/net/open.ts";
import { NodeUdpSocket } from "../../src/net/node/nodejs_udp.ts";
import { projectRoot } from "../support/program/runtime.ts";
import { Suite } from "./contract/suite.ts";
import { udpContract } from "./contract/udp_contract.ts";

// Node.js has it, and Deno without --unstable-net; test/package/npm_test.ts tries both.
const suite = new Suite({
  name: "node:dgram",
  open: async () => ({ ...await openNet(), bindUdp: (addr) => NodeUdpSocket.bind(addr) }),
  script: { module: join(projectRoot, "src/net/open.ts"), open: "openNet" },
  real: true,
});
udpContract(suite);
suite.finish();
