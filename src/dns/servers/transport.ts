import type { Cut } from "../../net/cut.ts";
import type { DnsReply, Question } from "./message.ts";

/** The transport to one name server. */
export interface Transport {
  /** As configured, for messages. */
  readonly name: string;
  /** Asks once; the caller's deadline is `cut`. Rejects with NetError. */
  ask(question: Question, cut: Cut): Promise<DnsReply>;
  close(): void;
}
