import { clearTimeout, setTimeout } from "node:timers";
import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import type { Net, Socket, SocketAddr } from "../../net/socket.ts";
import { type Address, nameAddress } from "../../protocol/address.ts";
import { Command, Reply } from "../../protocol/codes.ts";
import { decodeReply, encodeRequest } from "../../protocol/request.ts";
import { Association } from "../association.ts";
import { openChain } from "../chain/hop_chain.ts";
import { converse, passThrough } from "../chain/handshake.ts";
import type { Hop } from "../chain/hop.ts";
import { openAssociation } from "../chain/nested_association.ts";
import { bindDirectly, connectDirectly, type NodeSocket, systemLookup } from "./node/node_net.ts";
import type { Upstream } from "./socksify_upstream.ts";

/** Deadline of a connection through the gateways (ms). */
const CONNECT_MS = 60_000;

/** Deadline of a question whether a name exists (ms). */
const RESOLVE_MS = 10_000;

/** Lifetime (ms) and maximum number of cached answers to it. */
const KEPT_MS = 30_000;
const MAX_KEPT = 4096;

/** CMD of a request for the address of a name: not in RFC 1928, but supported by Tor and others. */
const RESOLVE = 0xf0 as Command;

/** The application's connection keeps the process running, not a deadline. */
const clock: Clock = {
  now: () => performance.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** One address, since one connection is lent. */
const resolver = { resolve: async (name: string) => (await systemLookup(name)).slice(0, 1) };

/** The gateways at `hops`, nearest first. */
export function gatewayUpstream(hops: readonly Hop[]): Upstream {
  return {
    async connect<T extends Socket>(
      destination: Address,
      lend: (hop: SocketAddr, cut: Cut) => Promise<T>,
      cut = new Cut(),
    ) {
      let lent: T | undefined;
      const connect: Net["connect"] = async (hop, options) => lent = await lend(hop, options!.cut!);
      const limits = { deadlineMs: CONNECT_MS, cut };
      await openChain(dialler({ connect }), hops, limits, (wire) => converse(wire, hops, Command.Connect, destination));
      return lent!;
    },
    async associate(cut = new Cut()) {
      const controls: NodeSocket[] = [];
      const connect: Net["connect"] = async (hop, options) => {
        const control = await connectDirectly(hop, options?.cut);
        controls.push(control);
        return control;
      };
      const limits = { deadlineMs: CONNECT_MS, cut };
      const association = await openAssociation(dialler({ connect, bindUdp: bindDirectly }), hops, limits);
      for (const control of controls) control.unref(); // the application's own socket keeps the process running
      return new Association(association);
    },
    exists: existence(hops),
  };
}

/** A chain connects and binds, and does nothing else with a Net. */
function dialler(net: Partial<Net>) {
  return { net: net as Net, clock, resolver };
}

/** Asks by RESOLVE until the gateway rejects the command; from then on every name counts as existing. */
function existence(hops: readonly Hop[]): (name: string) => Promise<boolean> {
  const known = new Map<string, { readonly answer: Promise<boolean>; readonly until: number }>();
  const connect: Net["connect"] = (hop, options) => connectDirectly(hop, options?.cut);
  let understood = hops.at(-1)!.protocol === "socks5";
  const ask = async (name: string): Promise<boolean> => {
    const limits = { deadlineMs: RESOLVE_MS, cut: new Cut() };
    const request = encodeRequest({ command: RESOLVE, destination: nameAddress(name, 0) });
    try {
      const { wire, value } = await openChain(dialler({ connect }), hops, limits, async (wire) => {
        await passThrough(wire, hops);
        await wire.send(request);
        return await wire.take(decodeReply);
      });
      wire.socket.close();
      if (value.reply === Reply.HostUnreachable) return false;
      if (value.reply !== Reply.Succeeded) understood = false;
    } catch {
      return true; // the connect call reports the error
    }
    return true;
  };
  return (name) => {
    if (!understood) return Promise.resolve(true);
    const key = name.toLowerCase(), now = clock.now();
    let entry = known.get(key);
    if (!entry || entry.until < now) {
      if (known.size >= MAX_KEPT) known.clear();
      known.set(key, entry = { answer: ask(name), until: now + KEPT_MS });
    }
    return entry.answer;
  };
}
