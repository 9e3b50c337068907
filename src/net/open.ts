import { NetError } from "./error.ts";
import { gssLibraryNames, gssSignatures } from "./gss/gss_library.ts";
import type { GssCalls } from "./gss/gss_calls.ts";
import type { ServeHttp } from "./http/http.ts";
import type { Engine } from "./linux/engine/engine.ts";
import { proven, runEngine, type RuntimeTurns } from "./linux/engine/engine_loop.ts";
import type { Libc } from "./kernel/libc/libc.ts";
import type { OpenLibrary } from "./kernel/libc/library.ts";
import type { Net } from "./socket.ts";
import type { TlsRuntime } from "./tls/tls.ts";

/** The adapter for the current runtime. Others are never loaded. */
export async function openNet(): Promise<Net> {
  if (onNode()) return (await import("./node/nodejs_net.ts")).nodeNet();
  return onBun() ? (await import("./bun/bun_net.ts")).bunNet() : (await import("./deno/deno_net.ts")).denoNet();
}

/** An HTTP server: the runtime's node:http, if that has deadlines and closes its sockets correctly. */
export const serveHttp: ServeHttp = async (addr, options) => {
  const { hasDeadlines, serveHttp } = await import("./http/node_http.ts");
  // Deno's node:net closes a unix socket's descriptor twice: by the second time it may be another thread's.
  const closesTwice = addr.unix !== undefined && !onBun();
  if (hasDeadlines() && !closesTwice) return await serveHttp(addr, options, await openKernel());
  return await (await import("./http/plain_http.ts")).serveHttp(await openNet(), addr, options);
};

/** TLS of the current runtime. */
export async function openTls(): Promise<TlsRuntime> {
  return onBun() ? (await import("./bun/bun_tls.ts")).bunTls : (await import("./deno/deno_tls.ts")).denoTls();
}

/** The Linux engine's libc; undefined off Linux, and without permission for foreign functions. */
export async function openKernel(): Promise<Libc | undefined> {
  const { openLibc } = onBun() ? await import("./bun/bun_libc.ts") : await import("./deno/deno_libc.ts");
  return await openLibc();
}

/** Opens C libraries, also in a thread with an engine. */
export async function libraryOpener(): Promise<OpenLibrary> {
  return onBun()
    ? await (await import("./bun/bun_library.ts")).libraryOpener()
    : (await import("./deno/deno_library.ts")).openLibrary;
}

/** Opens GSSAPI's library in this thread; throws NetError without one. All modules are loaded by then. */
export async function gssLoader(): Promise<() => GssCalls> {
  const { GssCalls: Calls } = await import("./gss/gss_calls.ts");
  const open = await libraryOpener();
  let calls: GssCalls | undefined;
  return () => {
    const library = calls ? undefined : open(gssLibraryNames, gssSignatures);
    if (library) calls = new Calls(library);
    if (calls) return calls;
    const state = "libgssapi_krb5.so.2 is not here (Debian's package libgssapi-krb5-2 has it)";
    throw new NetError("other", `Cannot use GSSAPI: ${state}`);
  };
}

/** Runs a garbage collection of this thread. */
export async function memoryCollector(): Promise<() => void> {
  return (onBun() ? await import("./bun/bun_memory.ts") : await import("./deno/deno_memory.ts")).collect;
}

/** Gives this thread to `engine`, for good; the runtime's own loop has turns as `turns` says. */
export async function giveThreadTo(engine: Engine, turns?: RuntimeTurns): Promise<void> {
  const { runtimeLoop } = onBun() ? await import("./bun/bun_event_loop.ts") : await import("./deno/deno_event_loop.ts");
  runEngine(engine, await proven(await runtimeLoop()), turns);
}

/** Throws NetError on Node.js, where the program cannot run. */
export function checkRuntime(): void {
  if (onNode()) throw new NetError("other", "Cannot run on Node.js, which has gate46's library alone: use Bun or Deno");
}

/** Node.js has sockets here, but neither TLS nor libc. */
function onNode(): boolean {
  return !("Bun" in globalThis || "Deno" in globalThis);
}

function onBun(): boolean {
  if ("Bun" in globalThis) return true;
  if ("Deno" in globalThis) return false;
  throw new NetError("other", "Cannot do this on Node.js: it wants Deno or Bun");
}
