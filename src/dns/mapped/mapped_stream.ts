import { Messages } from "../../net/messages.ts";
import type { Socket } from "../../net/socket.ts";
import { joinedAll } from "../../protocol/octets.ts";
import { type Answering, mappedAnswer } from "./mapped_answer.ts";

/** Answers the queries that come over a connection (RFC 7766), one after the other, until it ends. Never rejects; closes it. */
export async function answerStream(socket: Socket, answering: Answering): Promise<void> {
  const messages = new Messages(socket, () => new Error("the end"));
  try {
    for (;;) {
      const query = await messages.take((octets) => {
        const end = 2 + ((octets[0]! << 8) | (octets[1] ?? 0));
        return octets.length < 2 || octets.length < end ? undefined : { value: octets.slice(2, end), size: end };
      });
      const answer = await mappedAnswer(query, answering);
      if (!answer) return;
      await socket.write(joinedAll([Uint8Array.of(answer.length >> 8, answer.length & 0xff), answer]));
    }
  } catch {
    // The connection has ended or is broken: the client has left.
  } finally {
    socket.close();
  }
}
