import { syncBuiltinESMExports } from "node:module";
import { replaceHandleConnect } from "./handle_sockets.ts";
import { replaceDatagrams } from "./node_datagrams.ts";
import { replaceDns } from "./node_dns.ts";
import { replaceSocketConnect } from "./node_sockets.ts";
import type { Socksifier } from "./socksifier.ts";

/** Node.js: all of its clients, fetch and WebSocket too, stand on node:net, node:tls, node:dns and node:dgram. */
export function socksifyNode(socksifier: Socksifier): void {
  replaceDns(socksifier.answers);
  replaceSocketConnect(socksifier.destinations, replaceHandleConnect(socksifier));
  replaceDatagrams(socksifier);
  syncBuiltinESMExports();
}
