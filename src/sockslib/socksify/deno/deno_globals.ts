import dns from "node:dns";
import dnsPromises from "node:dns/promises";
import * as modules from "node:module";
import { openBridge } from "../bridge/bridge.ts";
import { replaceConnect } from "./deno_connect.ts";
import { replaceListenDatagram } from "./deno_datagrams.ts";
import { replaceHandleConnect } from "../node/handle_sockets.ts";
import { replaceDatagrams } from "../node/node_datagrams.ts";
import { replaceDns } from "../node/node_dns.ts";
import { replaceSocketConnect } from "../node/node_sockets.ts";
import { greetBySocks } from "../bridge/socks_bridge.ts";
import type { Socksifier } from "../socksifier.ts";

/** Deno: Deno.connect, connectTls, resolveDns, listenDatagram, fetch and what shares its client, and node:net and others. */
export async function socksifyDeno(socksifier: Socksifier): Promise<void> {
  replaceDns(socksifier.answers);
  renewNamedImports();
  replaceHandleConnect(socksifier);
  replaceSocketConnect(socksifier.destinations);
  replaceDatagrams(socksifier);
  replaceConnect(socksifier);
  replaceResolveDns(socksifier);
  if ("listenDatagram" in Deno) replaceListenDatagram(socksifier);
  await replaceHttpClients();
}

/**
 * `import { lookup } from "node:dns"` takes the function from a module that cannot be changed: it gets another module. By
 * URL only: a hook that loads modules breaks require() of JSON (Deno 2.9).
 */
function renewNamedImports(): void {
  const { registerHooks } = modules as unknown as { registerHooks?(hooks: unknown): void };
  if (!registerHooks) return;
  const renewed = new Map([["dns", moduleOf("dns", dns)], ["dns/promises", moduleOf("dns/promises", dnsPromises)]]);
  registerHooks({
    resolve(specifier: string, from: { conditions?: readonly string[] }, next: (...args: unknown[]) => unknown) {
      const url = renewed.get(specifier.replace(/^node:/, ""));
      if (!url || from.conditions?.includes("require")) return next(specifier, from);
      return { url, format: "module", shortCircuit: true };
    },
  });
}

/** The URL of a module that exports the current values of `members`. */
function moduleOf(name: string, members: object): string {
  const key = `gate46:${name}`;
  Object.defineProperty(globalThis, Symbol.for(key), { value: members });
  const names = Object.keys(members).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== "default");
  const source = [
    `const module = globalThis[Symbol.for("${key}")];`,
    "export default module;",
    ...names.map((name) => `export const ${name} = module.${name};`),
  ];
  return `data:text/javascript,${encodeURIComponent(source.join("\n"))}`;
}

function replaceResolveDns({ answers }: Socksifier): void {
  const { resolveDns } = Deno;
  Deno.resolveDns = async function (name: string, type: string, options?: Deno.ResolveDnsOptions) {
    if (type === "A" || type === "AAAA") {
      try {
        const pair = await answers.addresses(name);
        if (pair) return [type === "A" ? pair.ipv4 : pair.ipv6];
      } catch (cause) {
        throw new Deno.errors.NotFound(`no records found for ${name}`, { cause });
      }
    }
    if (type === "PTR") {
      const found = answers.pointer(name) ?? answers.name(name);
      if (found !== undefined) return [found];
    }
    const records = await resolveDns(name, type as "A", options);
    if (type === "A" || type === "AAAA") answers.learn(records);
    return records;
  } as typeof Deno.resolveDns;
}

/**
 * fetch, WebSocket, WebSocketStream and EventSource share a client that is made on first use, with the proxy
 * in the environment: the bridge. A client of the application's own gets it too.
 */
async function replaceHttpClients(): Promise<void> {
  const { port, password } = await openBridge(greetBySocks);
  const url = `socks5h://gate46:${password}@127.0.0.1:${port}`;
  const changes: Readonly<Record<string, string>> = { ALL_PROXY: url, NO_PROXY: "localhost,127.0.0.0/8,::1" };
  const names = ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  for (const name of names) Deno.env.delete(name);
  for (const [name, value] of Object.entries(changes)) Deno.env.set(name, value);
  await (await fetch("data:,")).text();
  for (const name of names) Deno.env.delete(name);
  for (const [name, value] of before) if (value !== undefined) Deno.env.set(name, value);
  const { createHttpClient } = Deno;
  Deno.createHttpClient = (options) =>
    createHttpClient(options?.proxy ? options : { ...options, proxy: { url } } as typeof options);
}
