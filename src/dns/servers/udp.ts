import { addressText } from "../../protocol/address.ts";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import type { Net, SocketAddr } from "../../net/socket.ts";
import { decodeReply, type DnsReply, encodeQuery, knowsNoEdns, type Question } from "./message.ts";
import { randomId } from "./random_id.ts";
import type { Transport } from "./transport.ts";

/** Retry policy for a server asked by UDP. */
export interface UdpManner {
  /** Delays before the query is sent again (ms); the answer to any copy counts. */
  readonly againMs: number;
  readonly times: number;
  /** True if the first query has EDNS(0). */
  readonly edns: boolean;
}

export const usualManner: UdpManner = { againMs: 1_000, times: 3, edns: true };

/** A server that does not answer queries with EDNS is asked without it for so long (ms). */
const WITHOUT_EDNS_MS = 600_000;

/**
 * DNS over UDP, and over `tcp` if an answer is too large (RFC 1035 s4.2, RFC 7766). Each question has a new socket,
 * hence a random port, and each query a random id; datagrams from elsewhere and answers to other questions are ignored
 * (RFC 5452 s9).
 */
export function udpTransport(
  { net, clock }: { readonly net: Net; readonly clock: Clock },
  server: SocketAddr,
  tcp: Transport,
  manner: UdpManner = usualManner,
): Transport {
  let withoutEdnsUntil = manner.edns ? -Infinity : Infinity;

  const askByUdp = async (question: Question, cut: Cut): Promise<DnsReply> => {
    const what = `ask ${addressText(server)} for '${question.name}'`;
    const socket = await net.bindUdp({ host: server.host.includes(":") ? "::" : "0.0.0.0", port: 0 });
    const release = cut.on(() => socket.close());
    const queries: { readonly bytes: Uint8Array; readonly edns: boolean }[] = [];
    let cancelAgain = () => {};
    const send = async (edns: boolean) => {
      const bytes = encodeQuery(randomId(), question, edns);
      queries.push({ bytes, edns });
      cancelAgain();
      if (queries.length < manner.times) cancelAgain = clock.after(manner.againMs, () => void send(false));
      return await socket.send([{ bytes, addr: server }]) === 0;
    };
    try {
      if (!(await send(clock.now() >= withoutEdnsUntil)) && !cut.made) {
        throw new NetError("network-unreachable", `Cannot ${what}: not sent`);
      }
      for (let batch = await socket.receive(); batch; batch = await socket.receive()) {
        for (const { bytes, addr } of batch) {
          if (addr.host !== server.host || addr.port !== server.port) continue;
          for (const query of queries) {
            const reply = decodeReply(query.bytes, bytes);
            if (!reply) continue;
            if (query.edns && knowsNoEdns(reply)) {
              if (queries.length === 1) void send(false);
              continue;
            }
            if (queries[0]!.edns && !query.edns) withoutEdnsUntil = clock.now() + WITHOUT_EDNS_MS;
            return reply;
          }
        }
      }
      throw new NetError("aborted", `Cannot ${what}: given up`);
    } finally {
      cancelAgain();
      release();
      void socket.receive(); // returns the buffer, which saves the next question 2 MiB
      socket.close();
    }
  };

  return {
    name: addressText(server),
    async ask(question, cut) {
      const reply = await askByUdp(question, cut);
      return reply.truncated ? await tcp.ask(question, cut) : reply;
    },
    close: () => tcp.close(),
  };
}
