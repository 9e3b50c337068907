import type { ServeHttp } from "./http.ts";
import type { Net } from "./socket.ts";

/** The adapter for the runtime this program runs on. The other's is never loaded. */
export async function openNet(): Promise<Net> {
  return onBun() ? (await import("./bun.ts")).bunNet() : (await import("./deno.ts")).denoNet();
}

/** The HTTP server of the runtime this program runs on. */
export const serveHttp: ServeHttp = async (addr, fetch) => {
  const { serveHttp } = onBun() ? await import("./bun_http.ts") : await import("./deno_http.ts");
  return await serveHttp(addr, fetch);
};

function onBun(): boolean {
  if ("Bun" in globalThis) return true;
  if ("Deno" in globalThis) return false;
  throw new Error("Cannot open the network: neither Deno nor Bun");
}
