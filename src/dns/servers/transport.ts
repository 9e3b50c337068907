import type { Cut } from "../../net/cut.ts";
import type { DnsReply, Question } from "./message.ts";

/** One name server, and the way to it. */
export interface Transport {
  /** As it was configured, for people. */
  readonly name: string;
  /** Asks once; whoever asks brings the deadline as `cut`. Rejects with NetError. */
  ask(question: Question, cut: Cut): Promise<DnsReply>;
  close(): void;
}
