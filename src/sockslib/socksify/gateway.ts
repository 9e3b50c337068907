import { setTimeout } from "node:timers";
import { Cut } from "../../net/cut.ts";
import { NetError, type NetErrorKind } from "../../net/error.ts";
import type { Socket, SocketAddr, UdpSocket } from "../../net/socket.ts";
import { type Address, ipAddress, isUnspecified, nameAddress } from "../../protocol/address.ts";
import { Command, Reply } from "../../protocol/codes.ts";
import { decodeDatagram, encodeHeader } from "../../protocol/datagram.ts";
import { NO_ADDRESS } from "../../protocol/request.ts";
import { converse, ReplyError } from "./conversation.ts";
import type { Hop } from "./hops.ts";
import { bindDirectly, connectDirectly, type NodeSocket, systemLookup } from "./node_net.ts";
import type { Association, Upstream } from "./upstream.ts";

/** A way through the gateways has to stand after so long (ms). */
const CONNECT_MS = 60_000;

/** A question whether a name exists is answered in so long, or not (ms). */
const RESOLVE_MS = 10_000;

/** Answers to that are kept so long (ms), and so many. */
const KEPT_MS = 30_000;
const MAX_KEPT = 4096;

/** Asks for the address of a name; not in RFC 1928, understood by Tor and others. */
const RESOLVE = 0xf0 as Command;

/** The gateways at `hops`, over connections of the runtime's own. */
export function gatewayUpstream(hops: readonly [Hop, ...Hop[]]): Upstream {
  return {
    connect: (destination, lend, cut) =>
      open(hops, Command.Connect, destination, lend, cut).then(({ socket }) => socket),
    associate: (cut) => associate(hops, cut),
    exists: existence(hops),
  };
}

async function open<T extends Socket>(
  hops: readonly [Hop, ...Hop[]],
  command: Command,
  destination: Address,
  lend: (hop: SocketAddr, cut: Cut) => Promise<T>,
  cut = new Cut(),
  deadlineMs = CONNECT_MS,
): Promise<{ socket: T; bound: Address }> {
  let socket: T | undefined;
  let failure: NetError | undefined;
  const over = new Cut();
  const fail = (kind: NetErrorKind, why: string) => {
    failure ??= new NetError(kind, `Cannot connect through the gateway: ${why}`);
    over.make();
    socket?.close();
  };
  // Whose connection it is decides whether the process is to wait.
  const timer = setTimeout(() => fail("timed-out", "it takes too long"), deadlineMs).unref();
  const release = cut.on(() => fail("aborted", "given up"));
  try {
    const [{ address }] = hops;
    const host = ipAddress(address.host, 0) ? address.host : (await systemLookup(address.host))[0]!;
    if (failure) throw failure;
    socket = await lend({ host, port: address.port }, over);
    if (failure) throw failure;
    return { socket, bound: await converse(socket, hops, command, destination) };
  } catch (error) {
    socket?.close();
    throw failure ?? error;
  } finally {
    clearTimeout(timer);
    release();
  }
}

/** An association at each hop; its datagrams travel in those of the hop before (RFC 3089 s4, RFC 1928 s7). */
async function associate(hops: readonly [Hop, ...Hop[]], cut?: Cut): Promise<Association> {
  const controls: NodeSocket[] = [];
  const relays: Address[] = [];
  let udp: UdpSocket | undefined;
  const close = () => {
    for (const control of controls) control.close();
    udp?.close();
  };
  try {
    for (let n = 1; n <= hops.length; n++) {
      const way = hops.slice(0, n) as unknown as [Hop, ...Hop[]];
      const { socket, bound } = await open(way, Command.UdpAssociate, NO_ADDRESS, connectDirectly, cut);
      controls.push(socket);
      // An unspecified address is that of the gateway itself.
      const self = n === 1 ? socket.remoteAddr.host : hops[n - 1]!.address.host;
      const host = isUnspecified(bound.host) ? self : bound.host;
      relays.push(ipAddress(host, bound.port) ?? nameAddress(host, bound.port));
    }
    const first = relays[0]!;
    udp = await bindDirectly({ host: first.host.includes(":") ? "::" : "0.0.0.0", port: 0 });
  } catch (error) {
    close();
    throw error;
  }
  for (const control of controls) {
    control.unref();
    watch(control, close);
  }
  const socket = udp, [first] = relays as [Address];
  const headers = relays.slice(1).map((relay) => encodeHeader(relay));
  const received: { readonly payload: Uint8Array; readonly source: Address }[] = [];
  return {
    async send(payload, destination) {
      const bytes = joined([...headers, encodeHeader(destination), payload]);
      const lost = await socket.send([{ bytes, addr: first }]);
      if (lost > 0) throw new NetError("other", "Cannot send a datagram to the gateway");
    },
    async receive() {
      while (received.length === 0) {
        const batch = await socket.receive();
        if (!batch) return null;
        for (const { bytes, addr } of batch) {
          const inner = addr.host === first.host && addr.port === first.port ? unwrapped(bytes, relays) : undefined;
          if (inner) received.push(inner);
        }
      }
      return received.shift()!;
    },
    close,
  };
}

/** An association lives as long as its connection (RFC 1928 s7). */
function watch(control: Socket, close: () => void): void {
  (async () => {
    while (await control.read());
  })().then(close, close);
}

/** What has come from the destination, out of the headers of all hops; undefined where it is none of that. */
function unwrapped(
  bytes: Uint8Array,
  relays: readonly Address[],
): { payload: Uint8Array; source: Address } | undefined {
  try {
    let payload = bytes;
    for (const relay of relays.slice(1)) {
      const outer = decodeDatagram(payload);
      const known = ipAddress(relay.host, 0) !== undefined;
      if (outer.fragment !== 0 || outer.address.port !== relay.port || (known && outer.address.host !== relay.host)) {
        return undefined;
      }
      payload = outer.payload;
    }
    const inner = decodeDatagram(payload);
    return inner.fragment === 0 ? { payload: inner.payload, source: inner.address } : undefined;
  } catch {
    return undefined; // of no gateway
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Asks by RESOLVE until the gateway says that it does not know the command; from then on every name may exist. */
function existence(hops: readonly [Hop, ...Hop[]]): (name: string) => Promise<boolean> {
  const known = new Map<string, { readonly answer: Promise<boolean>; readonly until: number }>();
  let understood = true;
  const ask = async (name: string): Promise<boolean> => {
    try {
      const { socket } = await open(hops, RESOLVE, nameAddress(name, 0), connectDirectly, undefined, RESOLVE_MS);
      socket.close();
      return true;
    } catch (error) {
      if (error instanceof ReplyError) {
        if (error.reply === Reply.HostUnreachable) return false;
        understood = false;
      }
      return true; // what else is wrong shows when it is connected to
    }
  };
  return (name) => {
    if (!understood) return Promise.resolve(true);
    const key = name.toLowerCase(), now = performance.now();
    let entry = known.get(key);
    if (!entry || entry.until < now) {
      if (known.size >= MAX_KEPT) known.clear();
      known.set(key, entry = { answer: ask(name), until: now + KEPT_MS });
    }
    return entry.answer;
  };
}
