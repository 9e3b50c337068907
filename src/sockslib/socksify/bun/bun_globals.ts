import workerThreads from "node:worker_threads";
import { openBridge } from "../bridge/bridge.ts";
import { replaceBunDns } from "./bun_dns.ts";
import { replaceFetch, replaceWebSocket, setProxyVariables } from "./bun_http.ts";
import { replaceBunSocketConnect } from "./bun_sockets.ts";
import { replaceConnect } from "./bun_connect.ts";
import { replaceUdpSocket } from "./bun_datagrams.ts";
import { greetByHttp } from "../bridge/http_bridge.ts";
import { replaceDatagrams } from "../node/node_datagrams.ts";
import { replaceDns } from "../node/node_dns.ts";
import type { Socksifier } from "../socksifier.ts";

/**
 * Bun: Bun.connect, Bun.udpSocket, Bun.dns, fetch, WebSocket, and node:net, node:tls, node:dns, node:dgram; `preload`, the
 * file that calls this, in workers too.
 */
export async function socksifyBun(socksifier: Socksifier, preload: string): Promise<void> {
  replaceDns(socksifier.answers);
  replaceBunDns(socksifier.answers);
  replaceBunSocketConnect(socksifier);
  replaceDatagrams(socksifier);
  replaceConnect(socksifier);
  replaceUdpSocket(socksifier);
  const bridge = await openBridge(greetByHttp);
  replaceFetch(socksifier, bridge);
  replaceWebSocket(socksifier, bridge);
  setProxyVariables(bridge);
  replaceWorkers(preload);
}

type WorkerClass = new (file: unknown, options?: { readonly preload?: string | readonly string[] }) => unknown;

/** Workers do not inherit --preload. What is imported by name from node:worker_threads cannot be replaced. */
function replaceWorkers(preload: string): void {
  for (const owner of [globalThis, workerThreads] as unknown as { Worker: WorkerClass }[]) {
    owner.Worker = new Proxy(owner.Worker, {
      construct(target, [file, options], newTarget) {
        const others = options?.preload ?? [];
        const all = [preload, ...typeof others === "string" ? [others] : others];
        return Reflect.construct(target, [file, { ...options, preload: all }], newTarget) as object;
      },
    });
  }
}
