import process from "node:process";
import type { Bridge } from "../bridge/bridge.ts";
import { bare } from "../bridge/http_bridge.ts";
import type { Socksifier } from "../socksifier.ts";

/** fetch takes an HTTP proxy: the bridge. */
export function replaceFetch(socksifier: Socksifier, bridge: Bridge): void {
  const original = globalThis.fetch;
  const proxy = proxyUrl(bridge);
  const replacement = async (
    input: string | URL | Request,
    init?: RequestInit & { proxy?: unknown; unix?: unknown },
  ) => {
    const url = urlOf(input);
    if (!url || init?.proxy || init?.unix || !beyond(socksifier, url)) return await original(input, init);
    const at = performance.now();
    try {
      return await original(input, { ...init, proxy } as RequestInit);
    } catch (error) {
      throw fetchError(error, bridge.failure(bare(url.hostname), at), url);
    }
  };
  Object.defineProperties(replacement, Object.getOwnPropertyDescriptors(original));
  globalThis.fetch = replacement as typeof fetch;
}

/** Like Bun's own error for an unreachable host. */
function fetchError(error: unknown, failure: Error | undefined, url: URL): unknown {
  if (!failure || (error as Error).name === "AbortError" || (error as Error).name === "TimeoutError") return error;
  const { code } = failure as { code?: string };
  const message = `Unable to connect. Is the computer able to access the url? (${failure.message})`;
  return Object.assign(new Error(message, { cause: failure }), {
    code: code === "ECONNREFUSED" ? "ConnectionRefused" : code,
    path: url.href,
  });
}

export function replaceWebSocket(socksifier: Socksifier, bridge: Bridge): void {
  const Original = globalThis.WebSocket as unknown as new (...args: unknown[]) => WebSocket;
  const proxy = proxyUrl(bridge);
  globalThis.WebSocket = new Proxy(Original, {
    construct(target, [address, options], newTarget) {
      const url = urlOf(address);
      const given = typeof options === "string" || Array.isArray(options) ? { protocols: options } : { ...options };
      if (!url || given.proxy || !beyond(socksifier, url)) {
        return Reflect.construct(target, options === undefined ? [address] : [address, options], newTarget);
      }
      return Reflect.construct(target, [address, { ...given, proxy }], newTarget);
    },
  }) as unknown as typeof WebSocket;
}

/** Bun.fetch cannot be replaced, nor Bun's own undici and node-fetch: they read the environment on each call. */
export function setProxyVariables(bridge: Bridge): void {
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"]) process.env[name] = proxyUrl(bridge);
  for (const name of ["NO_PROXY", "no_proxy"]) process.env[name] = "localhost,127.0.0.1,::1";
}

function beyond({ destinations }: Socksifier, url: URL): boolean {
  if (!/^(https?|wss?):$/.test(url.protocol)) return false;
  try {
    return destinations.via(
      bare(url.hostname),
      Number(url.port || (/^(https|wss):$/.test(url.protocol) ? 443 : 80)),
    ) !== undefined;
  } catch {
    return true; // the bridge gives the reason
  }
}

function urlOf(input: unknown): URL | undefined {
  try {
    return new URL(input instanceof Request ? input.url : String(input));
  } catch {
    return undefined;
  }
}

function proxyUrl({ port, password }: Bridge): string {
  return `http://gate46:${password}@127.0.0.1:${port}`;
}
