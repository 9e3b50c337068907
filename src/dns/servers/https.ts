import { Agent, request } from "node:https";
import type { Clock } from "../../net/clock.ts";
import type { Cut } from "../../net/cut.ts";
import { NetError, netError } from "../../net/error.ts";
import { decodeReply, type DnsReply, encodeQuery, type Question } from "./message.ts";
import type { Transport } from "./transport.ts";
import { askTwice } from "./twice.ts";

/** No DNS message is longer. */
const MAX_SIZE = 65_535;

/** Maximum connections to one server, and how long an idle one is kept. */
const MAX_CONNECTIONS = 8, IDLE_MS = 30_000;

/** A pool of connections, and how many answers came over it. */
interface Way {
  readonly agent: Agent;
  answers: number;
}

/** DNS over HTTPS (RFC 8484), over HTTP/1.1. `url` has a path; `ca` is as for TLS. */
export function httpsTransport(url: string, clock: Clock, ca: string | undefined): Transport {
  const newWay = (): Way => {
    const agent = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: IDLE_MS, ca });
    return { agent, answers: 0 };
  };
  let current = newWay();
  const askBy = async (way: Way, question: Question, cut: Cut) => {
    const reply = await ask(url, way.agent, question, cut);
    way.answers++;
    return reply;
  };
  return {
    name: url,
    ask(question, cut) {
      const way = current, { answers } = way;
      if (answers === 0) return askBy(way, question, cut);
      const isSilent = () => way.answers === answers;
      return askTwice(clock, cut, (cut) => askBy(way, question, cut), isSilent, async (cut) => {
        if (current === way) current = newWay();
        const reply = await askBy(current, question, cut);
        if (isSilent()) way.agent.destroy();
        return reply;
      });
    },
    close: () => current.agent.destroy(),
  };
}

function ask(url: string, agent: Agent, question: Question, cut: Cut): Promise<DnsReply> {
  const cannot = (state: string, kind: NetError["kind"] = "other") => new NetError(kind, `Cannot ask ${url}: ${state}`);
  const query = encodeQuery(0, question); // RFC 8484 s4.1: HTTP does what the id is for
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/dns-message",
      "accept": "application/dns-message",
      "content-length": query.length,
    };
    const asked = request(url, { method: "POST", agent, headers }, (answer) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      answer.on("data", (chunk: Uint8Array) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_SIZE) asked.destroy(cannot("the answer is too large"));
      });
      answer.on("error", (error) => reject(netError(error, "ask", url)));
      answer.on("end", () => {
        if (answer.statusCode !== 200) return reject(cannot(`status ${answer.statusCode}`));
        const reply = decodeReply(query, whole(chunks, size));
        if (reply) resolve(reply);
        else reject(cannot("no answer to what was asked"));
      });
    });
    const release = cut.on(() => asked.destroy(cannot("given up", "aborted")));
    asked.on("error", (error) => reject(netError(error, "ask", url)));
    asked.on("close", () => {
      release();
      reject(cannot("closed"));
    });
    asked.end(query);
  });
}

function whole(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
