import { NetError } from "../../../net/error.ts";
import { DatagramFlows } from "../datagram_flows.ts";
import { denoError } from "./deno_errors.ts";
import type { Socksifier } from "../socksifier.ts";

/** Replaces Deno.listenDatagram(), where it is there (--unstable-net). */
export function replaceListenDatagram(socksifier: Socksifier): void {
  const unstable = Deno as unknown as {
    listenDatagram(options: { transport: string; hostname?: string; port: number }): Deno.DatagramConn;
  };
  const { listenDatagram } = unstable;
  unstable.listenDatagram = function (options) {
    const conn = listenDatagram(options);
    return options?.transport === "udp" ? new SocksifiedDatagrams(socksifier, conn).conn : conn;
  };
}

type Received = [Uint8Array<ArrayBuffer>, Deno.Addr];

/** Datagrams from the gateway that may wait for receive(); more are dropped. */
const MAX_QUEUED = 256;

/** A DatagramConn that sends routed datagrams through the gateway, and receives from it and directly. */
class SocksifiedDatagrams {
  readonly conn: Deno.DatagramConn;
  readonly #receive: (buffer?: Uint8Array<ArrayBuffer>) => Promise<Received>;
  readonly #queue: Received[] = [];
  #wake: (() => void) | undefined;
  /** The pending direct receive(), which may outlast the call that began it. */
  #direct: Promise<void> | undefined;
  #failed: unknown;

  constructor(socksifier: Socksifier, conn: Deno.DatagramConn) {
    this.conn = conn;
    const { send, close, receive } = conn;
    this.#receive = (buffer) => receive.call(conn, buffer) as Promise<Received>;
    const flows = new DatagramFlows(socksifier, (payload, { host, port }) => {
      if (this.#queue.length >= MAX_QUEUED) return;
      this.#queue.push([payload as Uint8Array<ArrayBuffer>, { transport: "udp", hostname: host, port }]);
      this.#wake?.();
    });
    conn.send = async (bytes, to) => {
      const { hostname, port } = to as Deno.NetAddr;
      const payload = bytes.slice();
      try {
        const pair = await socksifier.answers.addresses(hostname);
        const host = pair?.ipv4 ?? hostname;
        const via = socksifier.destinations.via(host, port);
        if (!via) return await send.call(conn, bytes, to);
        await flows.send(payload, via, host);
        return payload.length;
      } catch (error) {
        throw error instanceof NetError || (error as { reply?: number }).reply !== undefined ? denoError(error) : error;
      }
    };
    conn.receive = (buffer) => this.#next(buffer as Uint8Array<ArrayBuffer> | undefined);
    conn.close = () => {
      flows.close();
      close.call(conn);
    };
    conn[Symbol.asyncIterator] = async function* () {
      for (;;) {
        try {
          yield await conn.receive();
        } catch (error) {
          if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return;
          throw error;
        }
      }
    };
  }

  async #next(buffer?: Uint8Array<ArrayBuffer>): Promise<Received> {
    this.#direct ??= this.#receive().then((received) => void this.#queue.push(received), (error) => {
      this.#failed = error;
    }).finally(() => {
      this.#direct = undefined;
      this.#wake?.();
    });
    while (this.#queue.length === 0) {
      if (this.#failed) {
        const error = this.#failed;
        this.#failed = undefined;
        throw error;
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const [bytes, from] = this.#queue.shift()!;
    if (!buffer) return [bytes, from];
    const size = Math.min(buffer.length, bytes.length);
    buffer.set(bytes.subarray(0, size));
    return [buffer.subarray(0, size), from];
  }
}
