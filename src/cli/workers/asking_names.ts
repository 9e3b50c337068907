import { type Ear, heardLookup } from "../../dns/asked.ts";
import type { DnsReply } from "../../dns/servers/message.ts";
import type { Transport } from "../../dns/servers/transport.ts";
import type { Resolver } from "../../dns/resolver.ts";
import type { AskAbout } from "./messages/worker_messages.ts";

/** The system's resolver for a worker: the main thread asks it, in a queue that all workers share. */
export function askingSystem(ask: AskAbout, ear: Ear): Resolver {
  const resolve: Resolver["resolve"] = (name, cut, asker) =>
    heardLookup(ear, async () => await ask({ type: "resolve", name, asker }, [], cut) as readonly string[]);
  return {
    resolve,
    first: async (...asked) => ({ hosts: await resolve(...asked) }),
    reverse: (address, cut, asker) =>
      heardLookup(ear, async () => await ask({ type: "reverse", address, asker }, [], cut) as string),
  };
}

/** A DNS server over TLS for a worker: the main thread asks it; the worker caches its answers. */
export function askingServer(ask: AskAbout, place: number): Transport {
  return {
    name: `DNS server ${place + 1}`,
    ask: (question, cut) => ask({ type: "dns", place, question }, [], cut) as Promise<DnsReply>,
    close: () => {},
  };
}
