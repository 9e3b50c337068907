import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import { joined } from "../../protocol/octets.ts";
import type { Socket } from "../../net/socket.ts";
import { decodeReply, type DnsReply, encodeQuery, knowsNoEdns, type Question } from "./message.ts";
import { randomId } from "./random_id.ts";
import type { Transport } from "./transport.ts";
import { askTwice } from "./twice.ts";

/** The octets of a connection to a name server. */
export type Stream = Pick<Socket, "read" | "write" | "close">;

/** An idle connection is closed after so long (RFC 7766 s6.2.3). */
const IDLE_MS = 10_000;

/** A connection that was silent for so long when a question was given up is not used again. */
const DEAD_MS = 2_000;

/** Maximum concurrent queries on one connection; further ones fail at once. */
const MAX_WAITING = 16_384;

/**
 * DNS over a stream: a length of two octets precedes each message (RFC 1035 s4.2.2). One connection carries many queries,
 * whose answers may come in any order (RFC 7766 s6.2.1).
 */
export function streamTransport(name: string, clock: Clock, open: (cut: Cut) => Promise<Stream>): Transport {
  let current: Connection | undefined;
  const another = () => current = new Connection(name, clock, open);
  const askOn = (connection: Connection, question: Question, cut: Cut, edns = true): Promise<DnsReply> =>
    connection.ask(question, cut, edns).then((reply) =>
      edns && knowsNoEdns(reply) ? askOn(connection, question, cut, false) : reply
    );
  return {
    name,
    ask(question, cut) {
      const old = current?.usable ? current : undefined;
      if (!old) return askOn(another(), question, cut);
      // A server may close an idle connection just as a query is sent, and a connection may have died silently.
      const { heard } = old;
      const isSilent = () => old.heard === heard;
      return askTwice(clock, cut, (cut) => askOn(old, question, cut), isSilent, async (cut) => {
        const reply = await askOn(current !== old && current?.usable ? current : another(), question, cut);
        if (isSilent()) old.close();
        return reply;
      });
    },
    close: () => current?.close(),
  };
}

interface Waiting {
  readonly query: Uint8Array;
  resolve(reply: DnsReply): void;
  reject(error: NetError): void;
}

class Connection {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #opening: Promise<Stream>;
  /** The last write: a socket takes one at a time. */
  #written: Promise<unknown>;
  /** Fires when it is closed, even before it is open. */
  readonly #closing = new Cut();
  readonly #waiting = new Map<number, Waiting>();
  #cancelIdle = () => {};
  #heardAt: number;
  #heard = 0;
  #closed = false;

  constructor(name: string, clock: Clock, open: (cut: Cut) => Promise<Stream>) {
    this.#name = name;
    this.#clock = clock;
    this.#heardAt = clock.now();
    this.#written = this.#opening = open(this.#closing);
    this.#written.catch(() => {});
    void this.#run();
  }

  get usable(): boolean {
    return !this.#closed;
  }

  /** Number of messages received. */
  get heard(): number {
    return this.#heard;
  }

  async ask(question: Question, cut: Cut, edns: boolean): Promise<DnsReply> {
    if (this.#waiting.size >= MAX_WAITING) throw this.#error("too many queries");
    let id = randomId();
    while (this.#waiting.has(id)) id = randomId();
    const query = encodeQuery(id, question, edns);
    const askedAt = this.#clock.now();
    this.#cancelIdle();
    const release = cut.on(() => {
      this.#waiting.get(id)?.reject(this.#error("given up", "aborted"));
      if (this.#clock.now() - Math.max(askedAt, this.#heardAt) >= DEAD_MS) this.#fail(this.#error("no answer"));
    });
    try {
      return await new Promise<DnsReply>((resolve, reject) => {
        if (cut.made) return reject(this.#error("given up", "aborted"));
        this.#waiting.set(id, { query, resolve, reject });
        this.#written = this.#written.then(async () => await (await this.#opening).write(framed(query)))
          .catch((error) => this.#fail(error));
      });
    } finally {
      release();
      this.#waiting.delete(id);
      if (this.#waiting.size === 0 && !this.#closed) {
        this.#cancelIdle = this.#clock.after(IDLE_MS, () => this.close());
      }
    }
  }

  close(): void {
    this.#fail(this.#error("closed"));
  }

  async #run(): Promise<void> {
    let unread = new Uint8Array(0);
    try {
      const stream = await this.#opening;
      if (this.#closed) return stream.close();
      for (let chunk = await stream.read(); chunk; chunk = await stream.read()) {
        this.#heardAt = this.#clock.now();
        this.#heard++;
        unread = joined(unread, chunk);
        for (let size = messageSize(unread); size <= unread.length; size = messageSize(unread)) {
          this.#take(unread.subarray(2, size));
          unread = unread.slice(size);
        }
      }
      this.#fail(this.#error("closed by the server"));
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(message: Uint8Array): void {
    const waiting = message.length < 2 ? undefined : this.#waiting.get(message[0]! << 8 | message[1]!);
    const reply = waiting && decodeReply(waiting.query, message);
    if (reply) waiting.resolve(reply);
    else if (waiting) waiting.reject(this.#error("a reply to another question"));
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelIdle();
    this.#closing.make();
    const told = error instanceof NetError ? error : this.#error(String(error));
    for (const { reject } of this.#waiting.values()) reject(told);
    void this.#opening.then((stream) => stream.close(), () => {});
  }

  #error(state: string, kind: NetError["kind"] = "other"): NetError {
    return new NetError(kind, `Cannot ask ${this.#name}: ${state}`);
  }
}

function framed(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(2 + message.length);
  out[0] = message.length >> 8;
  out[1] = message.length & 0xff;
  out.set(message, 2);
  return out;
}

/** Octets of the message at the start of `bytes`, with its length field; more than there are if the length is incomplete. */
function messageSize(bytes: Uint8Array): number {
  return bytes.length < 2 ? Infinity : 2 + (bytes[0]! << 8 | bytes[1]!);
}
