import { Buffer } from "node:buffer";
import { type Answer, decode, type DecodedPacket, encode, type Packet, TRUNCATED_RESPONSE } from "dns-packet";
import type { Net, Socket, SocketAddr, UdpSocket } from "../../../src/net/socket.ts";
import { joined } from "../wire/bytes.ts";

/** What a name comes to for one type of question. */
export interface Script {
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly rcode?: number;
  /** Over UDP only. */
  readonly truncated?: boolean;
  readonly silent?: boolean;
  /** Changes the octets of the reply, or answers with others; several are several datagrams. */
  readonly forge?: (reply: Uint8Array, query: Uint8Array) => readonly Uint8Array[];
}

/** A DNS server that does as a test says, over UDP and TCP. */
export class ScriptedDns {
  /** Questions, as `A name`; with `/tcp` where they came by TCP. */
  readonly asked: string[] = [];
  /** Where UDP questions came from, and their ids. */
  readonly sources: { readonly port: number; readonly id: number }[] = [];
  readonly #scripts = new Map<string, Script[]>();
  readonly #udp: UdpSocket;
  readonly #close: () => void;
  down = false;

  static async start(net: Net, addr: SocketAddr): Promise<ScriptedDns> {
    const [udp, listener] = [await net.bindUdp(addr), await net.listen(addr)];
    const server = new ScriptedDns(udp, () => listener.close());
    void server.#serveUdp();
    void (async () => {
      for (let socket = await listener.accept(); socket; socket = await listener.accept()) {
        void server.#serveTcp(socket);
      }
    })();
    return server;
  }

  private constructor(udp: UdpSocket, close: () => void) {
    this.#udp = udp;
    this.#close = close;
  }

  /** Where it is asked by UDP. */
  get addr(): SocketAddr {
    return this.#udp.addr;
  }

  /** Several are for one question after the other; the last stays. */
  set(type: string, name: string, ...scripts: readonly Script[]): void {
    this.#scripts.set(`${type} ${name}`, [...scripts]);
  }

  /** `data` of a type, each record with `ttl`. */
  records(type: "A" | "AAAA" | "PTR", name: string, ttl: number, ...data: readonly string[]): void {
    this.set(type, name, { answers: data.map((one) => ({ type, name, ttl, data: one })) });
  }

  /** Sends a reply of its own time. */
  async send(reply: Uint8Array, addr: SocketAddr): Promise<void> {
    await this.#udp.send([{ bytes: reply, addr }]);
  }

  close(): void {
    this.#udp.close();
    this.#close();
  }

  async #serveUdp(): Promise<void> {
    for (let batch = await this.#udp.receive(); batch; batch = await this.#udp.receive()) {
      for (const { bytes, addr } of batch) {
        const query = bytes.slice();
        this.sources.push({ port: addr.port, id: query[0]! << 8 | query[1]! });
        const replies = this.#replies(query, "");
        await this.#udp.send(replies.map((reply) => ({ bytes: reply, addr })));
      }
    }
  }

  async #serveTcp(socket: Socket): Promise<void> {
    let unread: Uint8Array = new Uint8Array(0);
    try {
      for (let chunk = await socket.read(); chunk; chunk = await socket.read()) {
        unread = joined(unread, chunk);
        while (unread.length >= 2 && unread.length >= 2 + (unread[0]! << 8 | unread[1]!)) {
          const size = 2 + (unread[0]! << 8 | unread[1]!);
          for (const reply of this.#replies(unread.slice(2, size), "/tcp")) {
            await socket.write(joined(Uint8Array.of(reply.length >> 8, reply.length & 255), reply));
          }
          unread = unread.slice(size);
        }
      }
    } finally {
      socket.close();
    }
  }

  #replies(query: Uint8Array, suffix: string): readonly Uint8Array[] {
    const decoded = decode(Buffer.from(query));
    const { name, type } = decoded.questions![0]!;
    this.asked.push(`${type} ${name}${suffix}`);
    const scripts = this.#scripts.get(`${type} ${name}`);
    const script = !scripts ? { rcode: 3 } : scripts.length > 1 ? scripts.shift()! : scripts[0]!;
    if (this.down || script.silent) return [];
    const reply = encodeReply(decoded, script, suffix === "");
    return script.forge ? script.forge(reply, query) : [reply];
  }
}

function encodeReply({ id, questions }: DecodedPacket, script: Script, udp: boolean): Uint8Array {
  const cut = udp && script.truncated;
  const message: Packet = {
    type: "response",
    id: id!,
    flags: (script.rcode ?? 0) | (cut ? TRUNCATED_RESPONSE : 0),
    questions: questions!,
    answers: cut ? [] : [...script.answers ?? []],
    authorities: [...script.authorities ?? []],
  };
  return Uint8Array.from(encode(message));
}

/** The SOA that says how long "there is none" holds. */
export function soa(name: string, ttl: number, minimum = ttl): Answer {
  return { type: "SOA", name, ttl, data: { mname: `ns.${name}`, rname: `root.${name}`, minimum } };
}
