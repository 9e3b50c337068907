import { addressText } from "../protocol/address.ts";
import type { Cut } from "../net/cut.ts";
import { NetError } from "../net/error.ts";
import type { Net, SocketAddr } from "../net/socket.ts";
import { decodeReply, type DnsReply, encodeQuery, type Question, Rcode } from "./message.ts";
import { randomId } from "./random_id.ts";
import type { Transport } from "./transport.ts";

/**
 * DNS over UDP, and over `tcp` where an answer is too large for it (RFC 1035 s4.2, RFC 7766). Each query has a new socket,
 * hence a random port, and a random id; what comes from elsewhere, or answers something else, is passed over (RFC 5452 s9).
 */
export function udpTransport(net: Net, server: SocketAddr, tcp: Transport): Transport {
  const name = addressText(server);
  return {
    name,
    async ask(question, cut) {
      let reply = await askOnce(net, server, question, true, cut);
      if (reply.rcode === Rcode.FormErr) reply = await askOnce(net, server, question, false, cut); // knows no EDNS
      return reply.truncated ? await tcp.ask(question, cut) : reply;
    },
    close: () => tcp.close(),
  };
}

async function askOnce(net: Net, server: SocketAddr, question: Question, edns: boolean, cut: Cut): Promise<DnsReply> {
  const what = `ask ${addressText(server)} for '${question.name}'`;
  const query = encodeQuery(randomId(), question, edns);
  const socket = await net.bindUdp({ host: server.host.includes(":") ? "::" : "0.0.0.0", port: 0 });
  const release = cut.on(() => socket.close());
  try {
    if (await socket.send([{ bytes: query, addr: server }]) > 0 && !cut.made) {
      throw new NetError("network-unreachable", `Cannot ${what}: not sent`);
    }
    for (let batch = await socket.receive(); batch; batch = await socket.receive()) {
      for (const { bytes, addr } of batch) {
        if (addr.host !== server.host || addr.port !== server.port) continue;
        const reply = decodeReply(query, bytes);
        if (reply) return reply;
      }
    }
    throw new NetError("aborted", `Cannot ${what}: given up`);
  } finally {
    release();
    socket.close();
  }
}
