import { pause, systemClock } from "../clock.ts";
import { laterEnd } from "../tls/later_end.ts";
import { LOOPBACK, Meeting } from "../tls/tls_loopback.ts";
import { nodeTls } from "../tls/node_tls.ts";
import { hungUp, type TlsEnd, type TlsEnds, tlsError, type TlsRuntime } from "../tls/tls.ts";

const READ_SIZE = 64 << 10;

/** node:tls takes streams from Deno 2.9 on; before, Deno's own TLS does, over a connection of the program to itself. */
export function denoTls(): TlsRuntime {
  const [major, minor] = Deno.version.deno.split(".").map(Number) as [number, number];
  return major > 2 || (major === 2 && minor >= 9) ? nodeTls : ownTls;
}

const ownTls: TlsRuntime = {
  asksForCertificates: false, // Deno.listenTls has no such option, and neither has Deno.startTls
  showsCertificates: false,
  acceptor({ cert, key }) {
    const meeting = new Meeting<DenoEnd<Deno.TlsConn>>();
    const listener = Deno.listenTls({ hostname: LOOPBACK, port: 0, cert, key });
    void takeAll(listener, meeting);
    return {
      accept: (asker) => {
        const { dialled, accepted, callOff } = meeting.meet(asker, () => dial(listener.addr));
        return endsOf(dialled.then((conn) => new DenoEnd(conn)), accepted, callOff);
      },
      close: () => listener.close(),
    };
  },
  connect: ({ name, ca }, asker) => {
    if (!wires) {
      wires = Deno.listen({ hostname: LOOPBACK, port: 0 });
      void takeAll(wires, meetingOfWires);
    }
    const { addr } = wires;
    const { dialled, accepted, callOff } = meetingOfWires.meet(asker, () => dial(addr));
    const clear = dialled.then((conn) =>
      Deno.startTls(conn, { hostname: name, ...ca !== undefined && { caCerts: [ca] } })
    );
    return endsOf(accepted, clear.then((conn) => new DenoEnd(conn)), callOff);
  },
};

/** The loopback address for clients of TLS. */
let wires: Deno.TcpListener | undefined;
const meetingOfWires = new Meeting<DenoEnd<Deno.Conn<Deno.NetAddr>>>();

/** Small writes are sent at once (TCP_NODELAY). */
async function dial({ port }: Deno.NetAddr): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: LOOPBACK, port });
  conn.setNoDelay(true);
  return conn;
}

async function takeAll<C extends Deno.Conn<Deno.NetAddr>>(
  listener: { accept(): Promise<C> },
  meeting: Meeting<DenoEnd<C>>,
): Promise<void> {
  for (;;) {
    try {
      const conn = await listener.accept();
      (conn as Partial<Deno.TcpConn>).setNoDelay?.(true);
      meeting.came(conn.remoteAddr.port, new DenoEnd(conn));
    } catch (error) {
      if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return; // closed
      await pause(systemClock, 100); // no descriptor, which may change
    }
  }
}

function endsOf(sealed: Promise<TlsEnd>, clear: Promise<DenoEnd<Deno.TlsConn>>, callOff: () => void): TlsEnds {
  sealed.catch(() => {});
  clear.catch(() => {});
  return {
    sealed: laterEnd(sealed, callOff),
    clear: laterEnd(clear),
    secured: clear.then(({ conn }) => conn.handshake()).then(() => {}, (error) => {
      throw tlsError(error);
    }),
  };
}

class DenoEnd<C extends Deno.Conn<Deno.NetAddr>> implements TlsEnd {
  readonly conn: C;
  readonly #buffer = new Uint8Array(READ_SIZE);
  #closed = false;

  constructor(conn: C) {
    this.conn = conn;
  }

  async read(): Promise<Uint8Array | null> {
    try {
      const size = await this.conn.read(this.#buffer);
      return size === null ? null : this.#buffer.subarray(0, size);
    } catch (error) {
      if (this.#closed || tlsError(error).kind === "closed") return null; // an end without close_notify is not a failure
      throw tlsError(error);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let written = 0; written < bytes.length;) written += await this.conn.write(bytes.subarray(written));
    } catch (error) {
      throw this.#closed ? hungUp() : tlsError(error);
    }
  }

  async closeWrite(): Promise<void> {
    try {
      await this.conn.closeWrite();
    } catch {
      // Closed already.
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.conn.close();
  }
}
