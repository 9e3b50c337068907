import type { Libssl } from "../../../src/net/linux/tls/libssl.ts";

/** A libssl that nobody calls with what is freed. */
export interface WatchedLibssl {
  readonly libssl: Libssl;
  /** How often each function was called. */
  readonly calls: Map<string, number>;
  /** What was made and not freed, in that order. */
  readonly contexts: ReadonlySet<unknown>;
  readonly connections: ReadonlySet<unknown>;
  /** Calls with what was freed, or was never made. */
  readonly faults: readonly string[];
}

type Call = (...args: unknown[]) => unknown;

export function watchedLibssl(libssl: Libssl): WatchedLibssl {
  const contexts = new Set<unknown>(), connections = new Set<unknown>(), calls = new Map<string, number>();
  const faults: string[] = [];
  const watch = (name: string, call: Call): Call => (...args) => {
    calls.set(name, (calls.get(name) ?? 0) + 1);
    const known = name.startsWith("SSL_CTX_") || name === "SSL_new" ? contexts : connections;
    if (name !== "SSL_CTX_new" && !known.has(args[0])) {
      faults.push(name);
      throw new Error(`${name}() of what is freed`);
    }
    if (/_free$/.test(name)) known.delete(args[0]);
    const result = call(...args);
    if (name === "SSL_CTX_new") contexts.add(result);
    if (name === "SSL_new") connections.add(result);
    return result;
  };
  const functions = Object.entries(libssl as unknown as Record<string, Call>).map(([name, call]) =>
    [name, /^SSL_(?!SESSION)/.test(name) ? watch(name, call) : call] as const
  );
  return {
    libssl: Object.fromEntries(functions) as unknown as Libssl,
    calls,
    contexts,
    connections,
    faults,
  };
}
