import { connect } from "node:tls";
import { addressText } from "../../protocol/address.ts";
import type { Cut } from "../../net/cut.ts";
import { NetError, netError } from "../../net/error.ts";
import type { SocketAddr } from "../../net/socket.ts";
import type { Stream } from "./stream.ts";

/** A server's address, and the name that it must prove. */
export interface TlsServer {
  readonly addr: SocketAddr;
  /** The name that its certificate must have; if undefined, its address. */
  readonly serverName: string | undefined;
  /** CA certificates, PEM; if undefined, the runtime's list. */
  readonly ca: string | undefined;
}

/** A connection for DNS over TLS (RFC 7858), whose certificate has been checked (RFC 8310 s8.1). */
export function openTls({ addr, serverName, ca }: TlsServer, cut: Cut): Promise<Stream> {
  const { port, zone } = addr;
  const host = zone === undefined ? addr.host : `${addr.host}%${zone}`;
  return new Promise((resolve, reject) => {
    // Without a name the certificate must have the address: "" would mean "localhost" to Deno 2.4.
    const socket = connect({ host, port, ...(serverName && { servername: serverName }), ca, ALPNProtocols: ["dot"] });
    const release = cut.on(() => socket.destroy());
    const chunks: Uint8Array[] = [];
    let ended = false, failure: NetError | undefined;
    let wake = () => {};
    socket.once("secureConnect", () => resolve(stream));
    socket.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      wake();
    });
    socket.on("error", (error) => {
      failure ??= netError(error, "connect to", `tls://${addressText(addr)}`);
      reject(failure);
    });
    socket.on("close", () => {
      ended = true;
      release();
      reject(failure ?? new NetError("closed", `Cannot connect to tls://${addressText(addr)}: closed`));
      wake();
    });
    const stream: Stream = {
      async read() {
        while (chunks.length === 0) {
          if (failure) throw failure;
          if (ended) return null;
          await new Promise<void>((done) => wake = done);
        }
        return chunks.shift()!;
      },
      write: (bytes) =>
        new Promise((done, fail) =>
          void socket.write(
            bytes,
            (error) => error ? fail(failure ?? netError(error, "write to", addressText(addr))) : done(),
          )
        ),
      close: () => void socket.destroy(),
    };
  });
}
