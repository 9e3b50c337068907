import { type Answering, mappedAnswer, questionOf } from "../../dns/mapped/mapped_answer.ts";
import { Rcode } from "../../dns/servers/message.ts";
import { forwardedAnswer } from "../../dns/mapped/forwarded_query.ts";
import { EveryAddress } from "../../gateway/udp/flows/every_address.ts";
import type { Clock } from "../../net/clock.ts";
import { NetError } from "../../net/error.ts";
import { Messages } from "../../net/messages.ts";
import type { Listener, Net, Socket, SocketAddr } from "../../net/socket.ts";
import { household } from "../../protocol/ip/household.ts";
import { joinedAll } from "../../protocol/octets.ts";

/** Outcome of a query: refused if it is malformed or not served, dropped if there are too many. */
export type QueryOutcome = "answered" | "forwarded" | "no-such-name" | "failed" | "refused" | "dropped";

/** How queries are answered. */
export interface DnsManner {
  /** Counts each query. */
  count(outcome: QueryOutcome): void;
  /** How to answer that client (a household()). */
  answering(client: string): Answering;
  /** The servers to which queries for the name are forwarded; undefined if it is answered here. */
  serversFor(name: string, type: number): readonly SocketAddr[] | undefined;
}

interface Needs {
  readonly net: Net;
  readonly clock: Clock;
  readonly fault: (error: unknown) => void;
}

/** Maximum queries and connections at a time, in all and per client: others are dropped. */
const MAX_QUERIES = 2_048, MAX_QUERIES_OF_CLIENT = 512, MAX_STREAMS = 256, MAX_STREAMS_OF_CLIENT = 16;

/** Idle timeout of a connection (RFC 7766 s6.2.3, ms). */
const STREAM_IDLE_MS = 10_000;

/** A message with its length in front, for TCP. */
const framed = (message: Uint8Array) => joinedAll([Uint8Array.of(message.length >> 8, message.length & 0xff), message]);

/** Answers DNS at an address, by UDP and by TCP (RFC 1035 s4.2, RFC 7766). */
export class FakeDns {
  readonly addr: SocketAddr;
  readonly #needs: Needs;
  readonly #manner: DnsManner;
  #udp: EveryAddress | undefined;
  readonly #tcp: Listener;
  readonly #streams = new Set<Socket>();
  readonly #queriesOf = new Turns(MAX_QUERIES, MAX_QUERIES_OF_CLIENT);
  readonly #streamsOf = new Turns(MAX_STREAMS, MAX_STREAMS_OF_CLIENT);

  private constructor(needs: Needs, manner: DnsManner, tcp: Listener) {
    this.addr = tcp.addr;
    this.#needs = needs;
    this.#manner = manner;
    this.#tcp = tcp;
  }

  /** Rejects with NetError. */
  static async open(needs: Needs, addr: SocketAddr, manner: DnsManner): Promise<FakeDns> {
    const tcp = await needs.net.listen(addr);
    const dns = new FakeDns(needs, manner, tcp);
    try {
      dns.#udp = await EveryAddress.open(needs, { ...addr, port: tcp.addr.port }, {
        take: ({ bytes, addr }, socket) =>
          void dns.#answered(bytes.slice(), addr, false)
            .then((answer) => answer && socket.send([{ bytes: answer, addr }])),
      });
      void dns.#accept();
      return dns;
    } catch (error) {
      tcp.close();
      throw error;
    }
  }

  close(): void {
    this.#udp?.close();
    this.#tcp.close();
    for (const socket of this.#streams) socket.close();
  }

  async #accept(): Promise<void> {
    for (;;) {
      const socket = await this.#tcp.accept().catch(() => undefined);
      if (socket === null) return;
      if (socket) void this.#serve(socket);
      else await new Promise<void>((resolve) => this.#needs.clock.after(STREAM_IDLE_MS / 100, resolve)); // no descriptors
    }
  }

  /** Answers queries one after another, until the connection ends. Never rejects. */
  async #serve(socket: Socket): Promise<void> {
    const { remoteAddr } = socket, client = household(remoteAddr.host);
    if (!this.#streamsOf.begin(client)) return socket.close();
    this.#streams.add(socket);
    const messages = new Messages(socket, () => new NetError("closed", "Cannot read a query: the end"));
    try {
      for (;;) {
        const cancel = this.#needs.clock.after(STREAM_IDLE_MS, () => socket.close());
        let query;
        try {
          query = await messages.take((octets) => {
            const end = 2 + ((octets[0]! << 8) | (octets[1] ?? 0));
            return octets.length < 2 || octets.length < end ? undefined : { value: octets.slice(2, end), size: end };
          });
        } finally {
          cancel();
        }
        const answer = await this.#answered(query, remoteAddr, true);
        if (!answer) return;
        await socket.write(framed(answer));
      }
    } catch {
      // The connection has ended or failed: the client is gone.
    } finally {
      this.#streams.delete(socket);
      this.#streamsOf.end(client);
      socket.close();
    }
  }

  /** Never rejects. */
  async #answered(query: Uint8Array, { host }: SocketAddr, byTcp: boolean): Promise<Uint8Array | undefined> {
    const client = household(host);
    if (!this.#queriesOf.begin(client)) {
      this.#manner.count("dropped");
      return undefined;
    }
    try {
      const asked = questionOf(query);
      const servers = asked && this.#manner.serversFor(asked.name.toLowerCase(), asked.type);
      const answering = this.#manner.answering(client);
      if (!servers) return this.#counted(await mappedAnswer(query, answering));
      try {
        const answer = await forwardedAnswer(this.#needs, servers, query, byTcp);
        this.#manner.count("forwarded");
        return answer;
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        const exists = () => Promise.reject(error); // so that the answer is a failure
        return this.#counted(await mappedAnswer(query, { ...answering, exists }));
      }
    } catch (error) {
      this.#needs.fault(error);
      return undefined;
    } finally {
      this.#queriesOf.end(client);
    }
  }

  #counted(answer: Uint8Array | undefined): Uint8Array | undefined {
    const rcode = answer ? answer[3]! & 0x0f : Rcode.Refused;
    this.#manner.count(outcomes[rcode] ?? "refused");
    return answer;
  }
}

const outcomes: Readonly<Record<number, QueryOutcome>> = {
  [Rcode.NoError]: "answered",
  [Rcode.NxDomain]: "no-such-name",
  [Rcode.ServFail]: "failed",
};

/** Counts queries or connections, with a maximum in all and per client. */
class Turns {
  readonly #most: number;
  readonly #mostOfClient: number;
  readonly #of = new Map<string, number>();
  #all = 0;

  constructor(most: number, mostOfClient: number) {
    this.#most = most;
    this.#mostOfClient = mostOfClient;
  }

  /** False if there are too many. */
  begin(client: string): boolean {
    const has = this.#of.get(client) ?? 0;
    if (this.#all >= this.#most || has >= this.#mostOfClient) return false;
    this.#all++;
    this.#of.set(client, has + 1);
    return true;
  }

  end(client: string): void {
    this.#all--;
    const left = this.#of.get(client)! - 1;
    if (left > 0) this.#of.set(client, left);
    else this.#of.delete(client);
  }
}
