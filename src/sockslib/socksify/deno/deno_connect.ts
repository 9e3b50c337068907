import { Cut } from "../../../net/cut.ts";
import { netError } from "../../../net/error.ts";
import type { SocketAddr } from "../../../net/socket.ts";
import type { Address } from "../../../protocol/address.ts";
import { denoError } from "./deno_errors.ts";
import { LentSocket } from "../lent_socket.ts";
import type { Socksifier } from "../socksifier.ts";

interface TlsOptions extends Deno.ConnectTlsOptions {
  readonly cert?: string;
  readonly key?: string;
}

/** Replaces Deno.connect() and Deno.connectTls(): the conversation takes place on the connection that they return. */
export function replaceConnect(socksifier: Socksifier): void {
  const { connect, connectTls, startTls } = Deno;
  const open = async (options: Deno.ConnectOptions, via: Address, to: SocketAddr): Promise<Deno.TcpConn> => {
    const cut = new Cut();
    const abort = () => cut.make();
    const { signal } = options;
    signal?.throwIfAborted();
    signal?.addEventListener("abort", abort);
    let conn: Deno.TcpConn | undefined;
    try {
      await socksifier.upstream.connect(via, async (hop) => {
        conn = await connect({ hostname: hop.host, port: hop.port, signal });
        return lend(conn, hop, cut);
      }, cut);
    } catch (error) {
      signal?.throwIfAborted();
      throw denoError(error);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    const unpin = socksifier.pin(via);
    return tellPeer(conn!, to, unpin);
  };
  const beyond = async (hostname: string, port: number) => {
    try {
      const pair = await socksifier.answers.addresses(hostname);
      const host = pair?.ipv4 ?? hostname;
      const via = socksifier.destinations.via(host, port);
      return via && { via, to: { host, port } };
    } catch (error) {
      throw denoError(error);
    }
  };
  Deno.connect = async function (options: Deno.ConnectOptions) {
    const { hostname, port, transport = "tcp" } = options ?? {};
    const found = transport === "tcp" && typeof hostname === "string" ? await beyond(hostname, port) : undefined;
    return found ? await open(options, found.via, found.to) : await connect(options);
  } as typeof Deno.connect;
  Deno.connectTls = async function (options: TlsOptions) {
    const { hostname, port } = options ?? {};
    const found = typeof hostname === "string" ? await beyond(hostname, port) : undefined;
    if (!found) return await connectTls(options);
    if (options.cert !== undefined || options.key !== undefined) {
      throw new Deno.errors.NotSupported("Cannot connect with a client certificate through a gateway");
    }
    const conn = await open(options as Deno.ConnectOptions, found.via, found.to);
    return tellPeer(await startTls(conn, options as Deno.StartTlsOptions), found.to);
  };
}

/** `conn` for the conversation, read one octet at a time. */
function lend(conn: Deno.TcpConn, hop: SocketAddr, cut: Cut): LentConn {
  const socket = new LentConn(conn, hop);
  cut.on(() => socket.close());
  return socket;
}

class LentConn extends LentSocket {
  readonly #conn: Deno.TcpConn;
  readonly #octet = new Uint8Array(1);

  constructor(conn: Deno.TcpConn, hop: SocketAddr) {
    super({
      localAddr: { host: conn.localAddr.hostname, port: conn.localAddr.port },
      remoteAddr: hop,
      async write(bytes) {
        for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
      },
      close() {
        try {
          conn.close();
        } catch {
          return; // closed before
        }
      },
    });
    this.#conn = conn;
  }

  override async read(): Promise<Uint8Array | null> {
    try {
      return await this.#conn.read(this.#octet) ? this.#octet.slice() : null;
    } catch (error) {
      throw netError(error, "talk to", `the gateway ${this.remoteAddr.host}`);
    }
  }
}

/** remoteAddr is the address that the application connected to (RFC 3089 s5). */
function tellPeer<C extends Deno.TcpConn | Deno.TlsConn>(conn: C, { host, port }: SocketAddr, closed?: () => void): C {
  Object.defineProperty(conn, "remoteAddr", { value: { transport: "tcp", hostname: host, port }, configurable: true });
  if (closed) {
    const { close } = conn;
    conn.close = () => {
      closed();
      close.call(conn);
    };
  }
  return conn;
}
