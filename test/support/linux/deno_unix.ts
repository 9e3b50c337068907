import { Duplex } from "node:stream";

/** A unix socket of Deno's own, as a stream of node's: Deno's node:net closes its descriptor twice, and the second time perhaps another's. */
export async function connectUnix(path: string): Promise<Duplex> {
  const conn = await Deno.connect({ transport: "unix", path });
  const bytes = new Uint8Array(64 << 10);
  return new Duplex({
    allowHalfOpen: true,
    read() {
      conn.read(bytes).then((size) => this.push(size && bytes.slice(0, size)), (error) => this.destroy(error));
    },
    write(chunk: Uint8Array, _, done) {
      writeAll(conn, chunk).then(() => done(), done);
    },
    final(done) {
      conn.closeWrite().then(() => done(), done);
    },
    destroy(error, done) {
      conn.close();
      done(error);
    },
  });
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await conn.write(bytes.subarray(written));
}
