import type { SocketAddr } from "../../../src/net/socket.ts";
import { Tcp } from "../wire/tcp.ts";
import type { Initiator } from "./initiator.ts";

/** A message of RFC 1961, written down once more. */
export function gssMessage(type: number, token: Uint8Array): Uint8Array {
  const message = new Uint8Array(4 + token.length);
  message.set([1, type, token.length >> 8, token.length & 255]);
  message.set(token, 4);
  return message;
}

/** A SOCKS client that speaks GSSAPI over a connection, by an initiator that shares no code with gate46. */
export class GssClient {
  readonly tcp: Tcp;
  readonly initiator: Initiator;
  /** What the gateway has said: 0 to 2. */
  level = 0;

  constructor(tcp: Tcp, initiator: Initiator) {
    this.tcp = tcp;
    this.initiator = initiator;
  }

  /** Up to the level of protection. Rejects where the gateway refuses. */
  static async open(gateway: SocketAddr | Tcp, initiator: Initiator, level: number): Promise<GssClient> {
    const client = new GssClient(gateway instanceof Tcp ? gateway : await Tcp.to(gateway), initiator);
    try {
      await client.greet();
      await client.agree(level);
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  /** Up to the context. */
  async greet(): Promise<void> {
    this.tcp.write(Uint8Array.of(5, 1, 1));
    const [, method] = await this.tcp.read(2);
    if (method !== 1) throw new Error(`method ${method}`);
    for (let { token, done } = await this.initiator.step(); token.length > 0;) {
      this.tcp.write(gssMessage(1, token));
      if (done) return;
      ({ token, done } = await this.initiator.step(await this.message(1)));
    }
  }

  async agree(level: number): Promise<void> {
    this.tcp.write(gssMessage(2, await this.initiator.wrap(Uint8Array.of(level), false)));
    const { message } = await this.initiator.unwrap(await this.message(2));
    this.level = message[0]!;
  }

  /** The token of the next message, which has to be of that type. */
  async message(type: number): Promise<Uint8Array> {
    const [version, told] = await this.tcp.read(2);
    if (told === 255) throw new Error("refused");
    const [high, low] = await this.tcp.read(2);
    if (version !== 1 || told !== type) throw new Error(`a message of type ${told}`);
    return await this.tcp.read(high! * 256 + low!);
  }

  async send(octets: Uint8Array): Promise<void> {
    this.tcp.write(await this.sealed(octets));
  }

  /** As they travel at the level. */
  async sealed(octets: Uint8Array): Promise<Uint8Array> {
    return this.level === 0 ? octets : gssMessage(3, await this.initiator.wrap(octets, this.level === 2));
  }

  /** What a token holds, and that it is at the level. */
  async opened(token: Uint8Array): Promise<Uint8Array> {
    const { message, sealed } = await this.initiator.unwrap(token);
    if (sealed !== (this.level === 2)) throw new Error("a token at another level");
    return message;
  }

  /** At least one octet. */
  async receive(size: number): Promise<Uint8Array> {
    if (this.level === 0) return await this.tcp.read(size);
    let all = new Uint8Array(0);
    while (all.length < size) all = Uint8Array.from([...all, ...await this.opened(await this.message(3))]);
    return all;
  }

  close(): void {
    this.tcp.close();
  }
}
