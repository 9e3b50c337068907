import { Buffer } from "node:buffer";
import dgram from "node:dgram";
import net from "node:net";
import process from "node:process";
import type { SocketAddr } from "../../../net/socket.ts";
import { DatagramFlows } from "../datagram_flows.ts";
import { socketError } from "../system_errors.ts";
import type { Socksifier } from "../socksifier.ts";

type Sent = ((error: Error | null, size?: number) => void) | undefined;

/** State of an application's socket. */
interface State {
  readonly flows: DatagramFlows;
  /** Its connected address, if that is beyond the gateway. */
  peer?: SocketAddr;
}

interface Prototype {
  send(this: dgram.Socket, ...args: unknown[]): void;
  connect(this: dgram.Socket, ...args: unknown[]): void;
  disconnect(this: dgram.Socket): void;
  remoteAddress(this: dgram.Socket): { address: string; family: string; port: number };
}

/**
 * Replaces how a dgram.Socket sends and connects; answers through the gateway are emitted as its messages. The
 * socket itself is bound normally, and receives direct datagrams directly.
 */
export function replaceDatagrams(socksifier: Socksifier): void {
  const prototype = dgram.Socket.prototype as unknown as Prototype;
  const { send, connect, disconnect, remoteAddress } = prototype;
  const states = new WeakMap<dgram.Socket, State>();

  const stateOf = (socket: dgram.Socket): State => {
    let state = states.get(socket);
    if (!state) {
      const flows = new DatagramFlows(socksifier, (payload, { host, port }) => {
        const family = host.includes(":") ? "IPv6" : "IPv4";
        socket.emit("message", Buffer.from(payload), { address: host, family, port, size: payload.length });
      });
      socket.once("close", () => flows.close());
      states.set(socket, state = { flows });
    }
    return state;
  };

  /** The address to send to for `host`, and its meaning; undefined if it goes directly. */
  const beyond = async (socket: dgram.Socket, host: string, port: number) => {
    let address = host;
    if (!net.isIP(host)) {
      const pair = await socksifier.answers.addresses(host);
      if (!pair) return undefined;
      address = isIpv6(socket) ? pair.ipv6 : pair.ipv4;
    }
    const via = socksifier.destinations.via(address, port);
    return via && { via, address };
  };

  prototype.send = function (...args) {
    const { bytes, port, host, callback } = sendArguments(args);
    const { peer } = states.get(this) ?? {};
    const to = peer ?? (typeof host === "string" && host !== "" && port !== undefined ? { host, port } : undefined);
    if (!to || !bytes || (!peer && goesDirectly(socksifier, to))) return send.apply(this, args);
    if (!(to.port > 0 && to.port < 65_536)) return send.apply(this, args);
    bindIfNeeded(this);
    const payload = bytes; // sendArguments() has copied it
    const run = async () => {
      const found = await beyond(this, to.host, to.port);
      if (!found) return void send.call(this, payload, to.port, to.host, callback);
      await stateOf(this).flows.send(payload, found.via, found.address);
      if (callback) process.nextTick(callback, null, payload.length);
    };
    run().catch((cause) => {
      const error = socketError(cause, "send", to);
      process.nextTick(() => callback ? callback(error) : this.emit("error", error));
    });
  };

  prototype.connect = function (...args) {
    const port = Number(args[0]);
    const host = typeof args[1] === "string" ? args[1] : undefined;
    const callback = args.find((arg) => typeof arg === "function") as ((error?: Error) => void) | undefined;
    if (!host || !(port > 0 && port < 65_536) || states.get(this)?.peer || goesDirectly(socksifier, { host, port })) {
      return connect.apply(this, args);
    }
    bindIfNeeded(this);
    const fail = (error: Error) =>
      process.nextTick(() => callback ? callback.call(this, error) : this.emit("error", error));
    beyond(this, host, port).then((found) => {
      if (!found) return connect.apply(this, args);
      stateOf(this).peer = { host: found.address, port };
      if (callback) this.once("connect", callback);
      process.nextTick(() => this.emit("connect"));
    }).catch((cause) => fail(socketError(cause, "connect", { host, port })));
  };

  prototype.disconnect = function () {
    const state = states.get(this);
    if (!state?.peer) return disconnect.call(this);
    delete state.peer;
  };

  prototype.remoteAddress = function () {
    const { peer } = states.get(this) ?? {};
    if (!peer) return remoteAddress.call(this);
    return { address: peer.host, family: peer.host.includes(":") ? "IPv6" : "IPv4", port: peer.port };
  };
}

function goesDirectly({ destinations }: Socksifier, { host, port }: SocketAddr): boolean {
  try {
    return destinations.via(host, port) === undefined;
  } catch {
    return false; // sending gives the reason
  }
}

/** send(bytes[, offset, length][, port][, host][, callback]); `bytes` are a copy, undefined if they are invalid. */
function sendArguments(args: readonly unknown[]): { bytes?: Uint8Array; port?: number; host?: string; callback: Sent } {
  const callback = args.find((arg) => typeof arg === "function") as Sent;
  const [first, ...rest] = args.filter((arg) => typeof arg !== "function");
  const bytes = joined(first);
  // A slice has two more numbers, or two numbers on a connected socket.
  const numbers = rest.findIndex((arg) => typeof arg !== "number" && typeof arg !== "string");
  const given = numbers < 0 ? rest : rest.slice(0, numbers);
  const sliced = typeof given[0] === "number" && typeof given[1] === "number" && !Array.isArray(first);
  const [offset, length] = sliced ? given as number[] : [0, bytes?.length ?? 0];
  const [port, host] = sliced ? given.slice(2) : given;
  if (bytes && offset! + length! > bytes.length) return { callback };
  return {
    bytes: bytes?.slice(offset, offset! + length!),
    port: port === undefined ? undefined : Number(port),
    host: typeof host === "string" ? host : undefined,
    callback,
  };
}

function joined(bytes: unknown): Uint8Array | undefined {
  if (Array.isArray(bytes)) {
    const parts = bytes.map(joined);
    return parts.every((part) => part !== undefined) ? Buffer.concat(parts) : undefined;
  }
  if (typeof bytes === "string") return Buffer.from(bytes);
  return ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : undefined;
}

function isIpv6(socket: dgram.Socket): boolean {
  return (socket as unknown as { type?: string }).type === "udp6";
}

/** A socket that has sent has a port of its own. */
function bindIfNeeded(socket: dgram.Socket): void {
  try {
    socket.address();
  } catch {
    try {
      socket.bind({ port: 0, exclusive: true });
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_SOCKET_DGRAM_NOT_RUNNING") throw error;
    }
  }
}
