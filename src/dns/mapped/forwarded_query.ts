import { addressText } from "../../protocol/address.ts";
import { joinedAll } from "../../protocol/octets.ts";
import type { Clock } from "../../net/clock.ts";
import { Cut } from "../../net/cut.ts";
import { NetError } from "../../net/error.ts";
import { Messages } from "../../net/messages.ts";
import type { Net, SocketAddr } from "../../net/socket.ts";
import { randomId } from "../servers/random_id.ts";
import { questionOf } from "./mapped_answer.ts";

/** By how long a server has answered, or another is asked (ms). */
const ANSWER_MS = 2_000;

interface Needs {
  readonly net: Pick<Net, "bindUdp" | "connect">;
  readonly clock: Clock;
}

/**
 * The answer of the first of `servers` that gives one, to a query with a question, as a client sent it: by TCP where the client asked so. Another number
 * stands in it on the way, and what answers something else is passed over (RFC 5452 s9). Rejects with NetError.
 */
export async function forwardedAnswer(
  needs: Needs,
  servers: readonly SocketAddr[],
  query: Uint8Array,
  byTcp: boolean,
): Promise<Uint8Array> {
  let last = new NetError("name-lookup-failed", "Cannot forward a query: there is not a DNS server address");
  for (const server of servers) {
    const late = new Cut();
    const cancel = needs.clock.after(ANSWER_MS, () => late.make());
    try {
      const asked = query.slice(), id = randomId();
      asked[0] = id >> 8;
      asked[1] = id;
      const answer = await (byTcp ? overTcp : overUdp)(needs, server, asked, late);
      answer[0] = query[0]!;
      answer[1] = query[1]!;
      return answer;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      last = error;
    } finally {
      cancel();
    }
  }
  throw last;
}

async function overUdp({ net }: Needs, server: SocketAddr, asked: Uint8Array, late: Cut): Promise<Uint8Array> {
  const socket = await net.bindUdp({ host: server.host.includes(":") ? "::" : "0.0.0.0", port: 0 });
  const release = late.on(() => socket.close());
  try {
    await socket.send([{ bytes: asked, addr: server }]);
    for (let batch = await socket.receive(); batch; batch = await socket.receive()) {
      for (const { bytes, addr } of batch) {
        if (addr.host === server.host && addr.port === server.port && isAnswer(asked, bytes)) return bytes.slice();
      }
    }
    throw new NetError("timed-out", `Cannot forward a query to ${addressText(server)}: no answer`);
  } finally {
    release();
    socket.close();
  }
}

async function overTcp({ net }: Needs, server: SocketAddr, asked: Uint8Array, late: Cut): Promise<Uint8Array> {
  const socket = await net.connect(server, { cut: late });
  const release = late.on(() => socket.close());
  const ended = () => new NetError("closed", `Cannot forward a query to ${addressText(server)}: it has left`);
  try {
    await socket.write(joinedAll([Uint8Array.of(asked.length >> 8, asked.length & 0xff), asked]));
    const answer = await new Messages(socket, ended).take((octets) => {
      const end = 2 + ((octets[0]! << 8) | (octets[1] ?? 0));
      return octets.length < 2 || octets.length < end ? undefined : { value: octets.slice(2, end), size: end };
    });
    if (!isAnswer(asked, answer)) throw ended();
    return answer;
  } finally {
    release();
    socket.close();
  }
}

/** A failure may come without the question. */
function isAnswer(asked: Uint8Array, answer: Uint8Array): boolean {
  const RESPONSE = 0x80, { end } = questionOf(asked)!;
  if (answer.length < 12 || answer[0] !== asked[0] || answer[1] !== asked[1] || !(answer[2]! & RESPONSE)) return false;
  if (((answer[4]! << 8) | answer[5]!) === 0) return (answer[3]! & 0x0f) !== 0;
  if (answer.length < end) return false;
  for (let i = 12; i < end; i++) if (small(answer[i]!) !== small(asked[i]!)) return false;
  return true;
}

function small(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}
